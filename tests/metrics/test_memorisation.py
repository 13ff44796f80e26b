from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import torch
from torch import Tensor

from sfumato.errors import DataError
from sfumato.metrics.memorisation import (
    Memorisation,
    conformal_p_values,
    copied_share,
    discoveries,
    memorisation,
    rank_sum,
    superiority,
)


def normal(*shape: int, seed: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def judged(samples: Tensor, held_out: int = 400, dimension: int = 8) -> Memorisation:
    """Against 600 normal training items of seed 1."""
    training = normal(600, dimension, seed=1)
    return memorisation(samples, training, normal(held_out, dimension, seed=2))


def noisy_copies(count: int) -> Tensor:
    return normal(600, 8, seed=1)[:count] + 1e-3 * normal(count, 8, seed=4)


def test_a_memoriser_is_found() -> None:
    found = judged(noisy_copies(300))
    assert found.nearest.tolist() == list(range(300))
    assert found.z is not None and found.p is not None
    assert found.z < -20
    assert found.p < 1e-50
    assert found.nearer is not None and found.copied is not None
    assert found.nearer.low > 0.98
    assert found.copied.mean == 1
    assert found.copied.low > 0.95
    assert sorted(found.copies) == list(range(300))
    assert found.few is None


@pytest.mark.parametrize("dimension", [10, 100])
def test_what_is_too_smooth_is_near_but_no_copy(dimension: int) -> None:
    found = judged(0.7 * normal(300, dimension, seed=5), dimension=dimension)
    assert found.nearer is not None and found.copied is not None
    assert found.nearer.low > 0.7
    assert found.copied.mean < 0.04
    assert not len(found.copies)


@pytest.mark.parametrize("times", [2, 20])
def test_a_copy_of_what_is_there_many_times_is_one(times: int) -> None:
    training, held_out = normal(600, 8, seed=1), normal(400, 8, seed=2)
    training[: 20 * times] = training[:20].repeat(times, 1)
    exact = memorisation(training[:20], training, held_out)
    noisy = memorisation(training[:20] + 1e-3 * normal(20, 8, seed=3), training, held_out)
    for found in (exact, noisy):
        assert sorted(found.copies) == list(range(20))
        assert (found.nearest % 20).tolist() == list(range(20))


def test_half_copied_is_half() -> None:
    found = judged(torch.cat([noisy_copies(200), normal(200, 8, seed=5)]))
    assert found.nearer is not None and found.copied is not None
    # All that is copied, and half of the rest.
    assert found.nearer.low < 0.75 < found.nearer.high
    assert found.copied.low < 0.505 < found.copied.high
    assert found.copied.high - found.copied.low < 0.15
    assert set(range(200)) <= set(found.copies)
    assert len(found.copies) < 1.2 * 200


@pytest.mark.parametrize("offset", [2.0, 1e3])
def test_what_is_far_from_everything_is_not_accused(offset: float) -> None:
    smooth = 0.1 * normal(300, 8, seed=5) + offset
    found = judged(smooth)
    assert found.z is not None and found.p is not None
    assert found.z > 10
    assert found.p > 0.999
    assert found.nearer is not None and found.copied is not None
    assert found.nearer.high < 0.1
    assert found.copied.mean == 0
    assert not len(found.copies)


def test_new_samples_are_as_new_as_real_items() -> None:
    rng = torch.Generator().manual_seed(0)
    found = []
    for _ in range(400):
        samples, training, held_out = (torch.randn(n, 2, generator=rng) for n in (60, 50, 120))
        found.append(memorisation(samples, training, held_out))
    p = np.sort([each.p for each in found if each.p is not None])
    # Kolmogorov and Smirnov's distance from the uniform law, at 0.1 %.
    steps = np.arange(1, 401) / 400
    assert np.abs(p - steps + 0.5 / 400).max() < 1.95 / math.sqrt(400)
    copied = [each.copied.mean for each in found if each.copied is not None]
    error = np.std(copied) / math.sqrt(400)
    assert found[0].by_chance == pytest.approx(1 / 121)
    assert np.mean(copied) == pytest.approx(1 / 121, abs=4 * error)
    # Any copy is called so wrongly in 5 % of the cases or less.
    assert np.mean([len(each.copies) > 0 for each in found]) < 0.05 + 4 * math.sqrt(0.05 / 400)


def test_z_is_that_of_all_permutations() -> None:
    pooled = np.array([0.0, 1.0, 1.0, 2.0, 3.0, 3.0, 3.0, 7.0])

    def more(chosen: tuple[int, ...]) -> float:
        """Pairs in which the chosen one is more, ties counting half."""
        rest = np.delete(pooled, chosen)
        return float(sum((pooled[k] > rest).sum() + (pooled[k] == rest).sum() / 2 for k in chosen))

    everything = [more(chosen) for chosen in itertools.combinations(range(8), 3)]
    for chosen in ((0, 1, 2), (0, 4, 7), (5, 6, 7)):
        expected = (more(chosen) - np.mean(everything)) / np.std(everything)
        z = rank_sum(pooled[list(chosen)], np.delete(pooled, chosen))
        assert z == pytest.approx(expected, abs=1e-12)
    assert rank_sum(np.ones(3), np.ones(4)) == 0
    assert rank_sum(np.ones(1), np.zeros(1)) == 1


def test_a_superiority_by_hand() -> None:
    ours, theirs = np.array([0.0, 1.0, 2.0]), np.array([1.0, 5.0])
    # 0 beats both, 1 ties and wins, 2 loses and wins.
    found = superiority(ours, theirs)
    assert found.mean == pytest.approx(4.5 / 6)
    back = superiority(theirs, ours)
    assert back == pytest.approx((1 - found.mean, 1 - found.high, 1 - found.low))
    all_nearer = superiority(np.zeros(30), np.ones(1000))
    assert all_nearer.mean == all_nearer.high == pytest.approx(1)
    # Nothing below is ruled out by 30 items: those of Wilson's interval for 30 of 30.
    assert all_nearer.low == pytest.approx(0.8865, abs=1e-4)


@pytest.mark.parametrize("values", [2, 5, 10**9])
@pytest.mark.parametrize("m", [19, 98, 150, 260])
def test_copied_is_what_chance_says_even_with_ties(values: int, m: int) -> None:
    rng = np.random.default_rng(0)
    shares = [
        copied_share(
            rng.integers(0, values, 300).astype(float), rng.integers(0, values, m).astype(float)
        ).mean
        for _ in range(400)
    ]
    expected = max((m + 1) // 100, 1) / (m + 1)
    assert np.mean(shares) == pytest.approx(expected, abs=4 * np.std(shares) / 20)


def test_p_values_are_exact() -> None:
    ranks = np.arange(10.0)
    found = [
        conformal_p_values(ranks[place : place + 1], np.delete(ranks, place))[0]
        for place in range(10)
    ]
    assert found == pytest.approx(np.arange(1, 11) / 10)
    # What ties is no nearer.
    assert conformal_p_values(np.zeros(1), np.zeros(9)).tolist() == [1]


def test_discoveries_by_hand() -> None:
    # The example of Benjamini and Hochberg 1995, section 3.3: the first four of fifteen.
    p = [
        0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344, 0.0459, 0.3240, 0.4262,
        0.5719, 0.6528, 0.7590, 1.0,
    ]  # fmt: skip
    assert discoveries(np.array(p)).tolist() == [0, 1, 2, 3]
    assert discoveries(np.array(p[::-1])).tolist() == [14, 13, 12, 11]
    # One that passes takes with it those before that would not.
    assert discoveries(np.array([0.04, 0.045, 0.05])).tolist() == [0, 1, 2]
    assert discoveries(np.array([0.9])).tolist() == []


def test_so_many_copies_it_takes() -> None:
    # 100 samples, 199 held-out items: ten that are nearer than all.
    found = judged(torch.cat([noisy_copies(10), normal(90, 8, seed=5) + 9]), held_out=199)
    assert found.fewest == 10
    assert sorted(found.copies) == list(range(10))
    less = judged(torch.cat([noisy_copies(9), normal(91, 8, seed=5) + 9]), held_out=199)
    assert less.fewest == 10
    assert not len(less.copies)


def test_false_alarms_are_one_in_twenty() -> None:
    rng = np.random.default_rng(0)
    false = []
    for _ in range(300):
        ours = np.concatenate([np.zeros(20), 1 + rng.random(80)])
        called = discoveries(conformal_p_values(ours, 1 + rng.random(500)))
        assert len(called) >= 20
        false.append((called >= 20).mean())
    assert np.mean(false) <= 0.05 + 4 * np.std(false) / math.sqrt(300)


def test_nothing_held_out() -> None:
    found = judged(noisy_copies(5), held_out=0)
    assert found.nearest.tolist() == [0, 1, 2, 3, 4]
    assert found.z is found.p is found.nearer is found.copied is found.by_chance is None
    assert found.p_values.tolist() == [1.0] * 5
    assert not len(found.copies)
    assert found.few is not None and "held out" in found.few


def test_too_few() -> None:
    found = judged(noisy_copies(5), held_out=10)
    assert found.copied is None
    assert found.few is not None and "5 samples and 10 held-out" in found.few
    one = judged(noisy_copies(1), held_out=1)
    assert one.nearer is not None
    assert one.nearer.low < 0.3


def test_bad_features() -> None:
    good = torch.zeros(3, 2)
    with pytest.raises(DataError, match="needs samples"):
        memorisation(good[:0], good, good)
    with pytest.raises(DataError, match="needs samples"):
        memorisation(good, good[:0], good)
    with pytest.raises(DataError, match="not finite"):
        memorisation(good, good, good * torch.nan)
