from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

from sfumato.errors import DataError
from sfumato.metrics.interval import mean_interval
from sfumato.metrics.paired import paired_difference, share_difference


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
