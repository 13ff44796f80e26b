from __future__ import annotations

import math
from statistics import NormalDist

import numpy as np
import pytest

from sfumato.errors import DataError
from sfumato.metrics.interval import mean_interval, share_interval


def half_width(count: int, confidence: float) -> float:
    """In standard errors, for values of mean 3."""
    values = [3 + (-1) ** n for n in range(count - count % 2)] + [3] * (count % 2)
    error = np.std(values, ddof=1) / math.sqrt(count)
    found = mean_interval(values, confidence)
    assert found.mean == pytest.approx(3)
    assert found.high - found.mean == pytest.approx(found.mean - found.low)
    return float((found.high - found.mean) / error)


@pytest.mark.parametrize("confidence", [0.5, 0.9, 0.95, 0.99])
def test_two_and_three_values_have_closed_forms(confidence: float) -> None:
    # Student's variable with one degree of freedom is Cauchy's; with two its law is algebraic.
    assert half_width(2, confidence) == pytest.approx(math.tan(math.pi * confidence / 2))
    two = confidence * math.sqrt(2 / (1 - confidence**2))
    assert half_width(3, confidence) == pytest.approx(two)


@pytest.mark.parametrize(
    # A table of Student's t, two-sided, 95 %.
    ("freedom", "expected"),
    [(3, 3.182446), (4, 2.776445), (9, 2.262157), (10, 2.228139), (30, 2.042272)],
)
def test_the_tables_values(freedom: int, expected: float) -> None:
    assert half_width(freedom + 1, 0.95) == pytest.approx(expected, abs=1e-6)


def test_many_values_tend_to_the_normal_law() -> None:
    assert half_width(20_001, 0.95) == pytest.approx(NormalDist().inv_cdf(0.975), rel=1e-4)


def test_the_interval_covers_as_often_as_it_says() -> None:
    values = np.random.default_rng(0).normal(5, 2, (4000, 4))
    found = [mean_interval(row.tolist(), 0.9) for row in values]
    covered = np.mean([interval.low < 5 < interval.high for interval in found])
    # Four standard errors of the share itself.
    assert covered == pytest.approx(0.9, abs=4 * math.sqrt(0.09 / 4000))


def test_equal_values_leave_no_doubt() -> None:
    assert mean_interval([2.5, 2.5, 2.5]) == (2.5, 2.5, 2.5)


def test_one_value_says_nothing_of_its_spread() -> None:
    with pytest.raises(DataError, match="1 measurements"):
        mean_interval([1.0])


@pytest.mark.parametrize(("count", "total"), [(1, 10), (7, 10), (50, 400), (399, 400)])
def test_bounds_of_a_share_are_where_the_score_test_turns(count: int, total: int) -> None:
    # What Wilson's interval is: all shares p with |found - p| <= z sqrt(p (1 - p) / n).
    found = share_interval(count, total)
    z = NormalDist().inv_cdf(0.975)
    for bound in (found.low, found.high):
        assert abs(found.mean - bound) == pytest.approx(
            z * math.sqrt(bound * (1 - bound) / total), rel=1e-9
        )


def test_none_or_all_leave_a_doubt_on_one_side() -> None:
    none, every = share_interval(0, 20), share_interval(20, 20)
    assert (none.mean, none.low) == (0, 0)
    assert (every.mean, every.high) == (1, 1)
    assert none.high == pytest.approx(1 - every.low)
    assert 0.1 < none.high < 0.2


def test_a_share_of_nothing_is_refused() -> None:
    with pytest.raises(DataError, match="nothing"):
        share_interval(0, 0)
