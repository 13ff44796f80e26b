from __future__ import annotations

import itertools
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from sfumato.metrics.calibration import central, covered, ranks, spread, uniformity

ITEMS, SAMPLES, NUMBERS = 300, 8, 12


def exact_posterior(shape: Callable[[Tensor], Tensor]) -> Tensor:
    """Ranks of a truth among posterior samples of a normal model, whose errors are shaped.

    The truth is ``x ~ N(0, 1)`` and ``y = x + e`` with ``e ~ N(0, 1)``, so ``x | y`` is normal with
    the mean y / 2 and the variance 1 / 2.
    """
    generator = torch.Generator().manual_seed(0)

    def normal(rows: int) -> Tensor:
        return torch.randn(ITEMS, rows, NUMBERS, generator=generator, dtype=torch.float64)

    truth = normal(1)
    observed = truth + normal(1)
    samples = observed / 2 + shape(normal(SAMPLES)) * 0.5**0.5
    keys = torch.rand(ITEMS, SAMPLES + 1, NUMBERS, generator=generator)
    both = torch.cat([truth, samples], 1)
    return torch.stack([ranks(one, key) for one, key in zip(both, keys, strict=True)])


def test_exact_levels() -> None:
    assert central(8, 0.9) == (1, 7 / 9)
    assert central(8, 0.5) == (2, 5 / 9)
    assert central(19, 0.9) == (1, 0.9)
    assert central(19, 0.5) == (5, 0.5)
    assert central(2, 0.9) == (1, 1 / 3)


def test_exact_samples_are_calibrated() -> None:
    found = exact_posterior(lambda noise: noise)
    for level in (0.5, 0.9):
        interval = central(SAMPLES, level)
        assert covered(found, interval).mean().item() == pytest.approx(interval.level, abs=0.02)
    assert spread(found).mean().item() == pytest.approx(1, abs=0.05)
    flat = uniformity(found, 0)
    assert flat.p_value > 0.05
    assert flat.distance < 2 * flat.expected
    assert flat.histogram.sum().item() == pytest.approx(1)


@pytest.mark.parametrize(
    ("shape", "is_sure"),
    [
        (lambda noise: 0.5 * noise, True),
        (lambda noise: 0 * noise, True),
        (lambda noise: 2 * noise, False),
    ],
)
def test_samples_that_are_too_sure_or_too_varied_are_found(
    shape: Callable[[Tensor], Tensor], is_sure: bool
) -> None:
    found = exact_posterior(shape)
    interval = central(SAMPLES, 0.9)
    coverage = covered(found, interval).mean().item()
    assert (coverage < interval.level - 0.1) if is_sure else (coverage > interval.level + 0.1)
    assert (spread(found).mean().item() > 1.2) == is_sure
    assert uniformity(found, 0).p_value == 0.001


def test_a_shift_is_found() -> None:
    found = exact_posterior(lambda noise: noise + 1)
    flat = uniformity(found, 0)
    assert flat.p_value == 0.001
    assert flat.histogram[0] > 2 * flat.histogram[-1]


def test_equal_values_are_ordered_at_random() -> None:
    """Where all values are equal every rank of the truth is as likely as another."""
    generator = torch.Generator().manual_seed(0)
    found = ranks(torch.zeros(5, 4000), torch.rand(5, 4000, generator=generator))
    assert torch.equal(found.sort(0).values, torch.arange(5)[:, None].expand(5, 4000))
    assert (found[0].bincount() / 4000).tolist() == pytest.approx([0.2] * 5, abs=0.03)


def test_ranks_are_numbers_of_smaller_values() -> None:
    values = torch.tensor([[3.0, 1.0], [1.0, 2.0], [2.0, 0.0]])
    assert ranks(values, torch.rand(3, 2)).tolist() == [[2, 1], [0, 2], [1, 0]]


def test_the_expected_distance_is_that_of_all_exchanges() -> None:
    """Two items and two samples: nine exchanges, each as likely as another."""
    found = torch.tensor([[[0, 0, 1], [1, 2, 0], [2, 1, 2]], [[2, 0, 1], [0, 1, 2], [1, 2, 0]]])
    distances = []
    for a, b in itertools.product(range(3), repeat=2):
        chosen = torch.cat([found[0, a], found[1, b]])
        shares = chosen.bincount(minlength=3) / len(chosen)
        distances.append(0.5 * (shares - 1 / 3).abs().sum().item())
    flat = uniformity(found, 0)
    assert flat.distance == pytest.approx(distances[0])
    assert flat.expected == pytest.approx(sum(distances) / 9, abs=0.01)
    as_large = sum(one >= distances[0] - 1e-9 for one in distances) / 9
    assert flat.p_value == pytest.approx(as_large, abs=0.05)


def test_numbers_that_depend_on_each_other_do_not_alarm() -> None:
    """All numbers of an item are the same one, so an item tells one rank only."""
    generator = torch.Generator().manual_seed(0)
    below = 0
    for seed in range(100):
        order = torch.rand(6, SAMPLES + 1, 1, generator=generator).argsort(1)
        below += uniformity(order.expand(6, SAMPLES + 1, 20).contiguous(), seed).p_value <= 0.1
    assert below <= 20
