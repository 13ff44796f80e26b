from __future__ import annotations

import itertools
import math
from statistics import NormalDist

import numpy as np
import pytest

from sfumato.errors import DataError
from sfumato.metrics.interval import (
    mean_interval,
    paired_difference,
    share_difference,
    share_interval,
)


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


def test_what_items_share_cancels() -> None:
    rng = np.random.default_rng(0)
    items = rng.normal(0, 100, 50)
    a, b = items + rng.normal(0.5, 0.1, 50), items + rng.normal(0, 0.1, 50)
    found = paired_difference(a.tolist(), b.tolist())
    assert found.low < 0.5 < found.high
    assert found.high - found.low < 0.1
    alone = mean_interval(a.tolist())
    assert alone.high - alone.low > 10


def test_the_first_less_the_second() -> None:
    assert paired_difference([3.0, 5.0], [1.0, 3.0]) == (2, 2, 2)
    assert share_difference([True] * 4, [True, True, True, False]).mean == pytest.approx(0.25)


def trinomial(n: int, only_a: int, only_b: int, p: float, q: float) -> float:
    both = n - only_a - only_b
    ways = math.factorial(n) // math.prod(map(math.factorial, (only_a, only_b, both)))
    return float(ways * p**only_a * q**only_b * (1 - p - q) ** both)


@pytest.mark.parametrize(("n", "least"), [(20, 0.925), (50, 0.94)])
def test_the_share_interval_covers(n: int, least: float) -> None:
    # Exactly: over all that can come out.
    found = {
        (x, y): share_difference(
            [True] * x + [False] * (n - x), [False] * x + [True] * y + [False] * (n - x - y)
        )
        for x in range(n + 1)
        for y in range(n + 1 - x)
    }
    assert all(each.low <= each.mean <= each.high for each in found.values())
    covered = [
        sum(
            trinomial(n, x, y, p, q)
            for (x, y), each in found.items()
            if each.low <= p - q <= each.high
        )
        for p, q in itertools.product(np.linspace(0.01, 0.94, 11), repeat=2)
        if p + q < 1
    ]
    assert min(covered) >= least
    # And no more than it has to.
    assert np.mean(covered) < 0.975


def test_sides_can_be_swapped() -> None:
    rng = np.random.default_rng(1)
    a, b = (rng.random(30) < 0.7).tolist(), (rng.random(30) < 0.4).tolist()
    there, back = share_difference(a, b, 0.9), share_difference(b, a, 0.9)
    assert there == pytest.approx((-back.mean, -back.high, -back.low))
    wider = share_difference(a, b, 0.99)
    assert wider.low < there.low and there.high < wider.high


def test_agreement_leaves_some_doubt() -> None:
    few, many = (share_difference([True] * n, [True] * n) for n in (10, 1000))
    assert few.mean == many.mean == 0
    assert few.low < -0.1 < -0.01 < many.low < 0 < many.high < 0.01


@pytest.mark.parametrize("difference", [paired_difference, share_difference])
def test_items_are_the_same(difference: object) -> None:
    assert callable(difference)
    with pytest.raises(DataError, match="one by one"):
        difference([1, 0, 1], [1, 0])
    with pytest.raises(DataError, match="1 items"):
        difference([1], [0])
