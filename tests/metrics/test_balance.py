from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import torch

from sfumato.errors import DataError
from sfumato.metrics.balance import balance, per_class


def test_the_expected_distance_is_that_of_all_outcomes() -> None:
    shares = (0.5, 0.3, 0.2)
    mean = sum(
        math.prod(shares[label] for label in labels)
        * balance(torch.tensor(labels), shares).total_variation
        for labels in itertools.product(range(3), repeat=4)
    )
    assert balance(torch.tensor([0, 0, 0, 0]), shares).expected == pytest.approx(mean)


def test_shares_by_hand() -> None:
    found = balance(torch.tensor([0, 0, 0, 2]), (2, 1, 1))
    assert found.shares == (0.75, 0, 0.25)
    assert found.total_variation == pytest.approx(0.25)


def test_p_is_that_of_a_fair_coin() -> None:
    # As one-sided as 9 of 10: 22 of 1024 outcomes.
    found = balance(torch.tensor([0] * 9 + [1]), (1, 1))
    assert found.p == pytest.approx(22 / 1024, abs=4 * math.sqrt(0.021 / 1999))
    assert balance(torch.tensor([0] * 9 + [1]), (1, 1)) == found
    assert balance(torch.tensor([0] * 9 + [1]), (1, 1), seed=1).p != found.p


def test_chance_is_not_accused() -> None:
    rng = np.random.default_rng(0)
    shares = (0.6, 0.3, 0.05, 0.05)
    p = [
        balance(torch.from_numpy(rng.choice(4, 100, p=shares)), shares, seed).p
        for seed in range(200)
    ]
    # Within four standard errors.
    assert np.mean(np.array(p) <= 0.1) == pytest.approx(0.1, abs=4 * math.sqrt(0.09 / 200))
    assert np.mean(p) == pytest.approx(0.5, abs=4 / math.sqrt(12 * 200))


def test_a_missing_class_is_seen() -> None:
    found = balance(torch.arange(1000) % 9, [1] * 10)
    assert found.total_variation == pytest.approx(0.1)
    assert found.expected < 0.05
    assert found.p == 1 / 2000


def test_a_class_that_nobody_wanted() -> None:
    found = balance(torch.tensor([0, 1]), (1, 0))
    assert found.total_variation == 0.5
    assert found.expected == 0
    assert found.p == 1 / 2000
    assert balance(torch.tensor([0, 0]), (1, 0)).p == 1


def test_nothing_is_not_balanced() -> None:
    with pytest.raises(DataError, match="needs samples"):
        balance(torch.zeros(0, dtype=torch.int64), (1, 1))
    with pytest.raises(DataError, match="wanted"):
        balance(torch.tensor([0]), (0, 0))


def test_each_class_by_itself() -> None:
    asked = torch.tensor([0] * 10 + [1] * 4)
    found = torch.tensor([0] * 9 + [1] + [1, 1, 0, 3])
    none, first, second = (per_class(found, asked, 3)[k] for k in (2, 0, 1))
    assert first[:3] == (0, 9, 10)
    assert second[:3] == (1, 2, 4)
    assert none == (2, 0, 0, 0, 1)
    # A table of Wilson's interval.
    assert (first.low, first.high) == pytest.approx((0.5958, 0.9821), abs=1e-4)
