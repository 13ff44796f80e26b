from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from sfumato.training.overfitting import Overfitting
from sfumato.training.task import Measures

ITEMS = 256
EACH = torch.randn(ITEMS, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


def measures(held_out: float, training: float, seed: int = 0, noise: float = 0.0) -> Measures:
    """Items differ much more than evaluations do."""
    rng = torch.Generator().manual_seed(seed)

    def values(mean: float) -> Tensor:
        own = torch.randn(ITEMS, generator=rng, dtype=torch.float64)
        return mean + 0.2 * EACH + noise * own

    return Measures("loss", values(held_out), values(training))


def said(curve: list[tuple[float, float]], noise: float = 0.0) -> list[int]:
    """At which evaluations there was advice."""
    watched = Overfitting()
    return [
        number
        for number, (held_out, training) in enumerate(curve)
        if watched(measures(held_out, training, number, noise)) is not None
    ]


def test_a_model_that_learns_by_heart_is_told_once() -> None:
    falling = [(1 - 0.05 * n, 1 - 0.05 * n) for n in range(8)]
    parting = [(0.66 + 0.02 * n, 0.6 - 0.02 * n) for n in range(10)]
    assert said([*falling, *parting], noise=0.01) == [10]


def test_a_model_that_gets_better_is_left_alone() -> None:
    assert said([(1 / (1 + n), 0.9 / (1 + n)) for n in range(30)], noise=0.01) == []


def test_noise_about_a_plateau_is_no_alarm() -> None:
    for start in range(20):
        curve = [(0.5, 0.5 - 0.001 * n) for n in range(30)]
        watched = Overfitting()
        advice = [
            watched(measures(*point, 1000 * start + n, noise=0.05)) for n, point in enumerate(curve)
        ]
        assert not any(advice)


@pytest.mark.parametrize("together", [0.0, 0.5, 0.9])
def test_a_long_plateau_is_no_alarm(together: float) -> None:
    """Hours of training make hundreds of evaluations, and neighbours of them err together."""
    rng = torch.Generator().manual_seed(3)
    alarms = 0
    for _ in range(20):
        watched = Overfitting()
        own = torch.randn(ITEMS, generator=rng, dtype=torch.float64)
        for n in range(300):
            fresh = torch.randn(ITEMS, generator=rng, dtype=torch.float64)
            own = together * own + math.sqrt(1 - together**2) * fresh
            held_out, training = 0.5 + 0.2 * EACH + 0.05 * own, 0.5 - 0.001 * n + 0.2 * EACH
            alarms += watched(Measures("loss", held_out, training)) is not None
    assert alarms <= 1


def test_over_fitting_late_in_a_long_run_is_told() -> None:
    falling = [(1 - 0.005 * n, 1 - 0.005 * n) for n in range(100)]
    parting = [(0.51 + 0.005 * n, 0.5 - 0.001 * n) for n in range(40)]
    (found,) = said([*falling, *parting], noise=0.02)
    assert 100 < found < 130


def test_a_session_goes_on_from_the_best_of_those_before() -> None:
    rising = [measures(0.7 + 0.01 * n, 0.3 - 0.01 * n, n) for n in range(4)]
    alone = Overfitting()
    assert all(alone(each) is None for each in rising[:3])
    after = Overfitting(best=measures(0.5, 0.5), evaluations=5)
    assert [after(each) is None for each in rising] == [True, True, False, True]
    told = Overfitting(best=measures(0.5, 0.5), evaluations=5, advised=True)
    assert all(told(each) is None for each in rising)
    many = Overfitting(best=measures(0.5, 0.5), evaluations=60)
    assert all(many(each) is None for each in rising)


def test_a_learning_rate_that_harms_both_is_not_over_fitting() -> None:
    assert said([(0.5, 0.5), *((0.5 + 0.05 * n, 0.5 + 0.05 * n) for n in range(1, 9))]) == []


def test_a_bump_on_the_way_is_forgiven() -> None:
    curve = [(0.5, 0.5), (0.6, 0.49), (0.6, 0.48), (0.45, 0.44), (0.6, 0.43), (0.6, 0.42)]
    assert said(curve, noise=0.01) == []


def test_one_item_has_no_spread() -> None:
    watched = Overfitting()
    one = Measures("loss", torch.tensor([0.5]).double(), torch.tensor([0.5]).double())
    worse = Measures("loss", torch.tensor([0.9]).double(), torch.tensor([0.1]).double())
    assert [watched(each) for each in (one, worse, worse, worse, worse)] == [None] * 5


def test_the_advice_says_what_why_and_what_to_do() -> None:
    watched = Overfitting()
    watched(measures(0.5, 0.5))
    found = [watched(measures(0.7, 0.3, n)) for n in range(1, 4)]
    advice = found[-1]
    assert advice is not None
    for part in ("0.4856", "0.6856", "--snapshot best", "dropout"):
        assert part in advice
