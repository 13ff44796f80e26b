from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import torch
from torch import Tensor

from sfumato.errors import DataError
from sfumato.metrics import classes
from sfumato.metrics.classes import Classifier, balance, per_class


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
    with pytest.raises(DataError, match="positive share"):
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


def clouds(count: int, apart: float, seed: int) -> tuple[Tensor, Tensor]:
    """Two normal clouds in three dimensions, so far apart along the first."""
    rng = torch.Generator().manual_seed(seed)
    labels = torch.arange(count) % 2
    features = torch.randn(count, 3, generator=rng)
    features[:, 0] += apart * labels
    return features, labels


def rings(count: int, seed: int) -> tuple[Tensor, Tensor]:
    """Three rings one around the other, which no plane divides."""
    rng = torch.Generator().manual_seed(seed)
    labels = torch.arange(count) % 3
    angle = 2 * math.pi * torch.rand(count, generator=rng)
    radius = 1 + labels + 0.1 * torch.randn(count, generator=rng)
    return torch.stack([radius * angle.cos(), radius * angle.sin()], 1), labels


def right(classifier: Classifier, features: Tensor, labels: Tensor) -> float:
    return (classifier(features) == labels).double().mean().item()


def test_it_is_about_as_often_right_as_can_be() -> None:
    classifier = Classifier.fit(*clouds(200, 2.0, seed=0))
    best = torch.special.ndtr(torch.tensor(1.0)).item()
    assert right(classifier, *clouds(4000, 2.0, seed=1)) == pytest.approx(best, abs=0.03)
    # Of 200, with a little optimism for the choice among strengths.
    assert classifier.left_out == pytest.approx(best, abs=0.07)


def test_classes_need_not_be_divided_by_planes() -> None:
    classifier = Classifier.fit(*rings(300, seed=0))
    assert right(classifier, *rings(1000, seed=1)) > 0.97


def test_leaving_one_out_is_exact() -> None:
    features, labels = clouds(24, 1.0, seed=2)
    whole = Classifier.fit(features, labels)
    targets = torch.nn.functional.one_hot(labels, 2).double() - 0.5
    kernel = whole.kernel(features.double(), features.double())
    ridge = kernel + whole.strength * torch.eye(24)
    hits = 0
    for index in range(24):
        others = torch.arange(24) != index
        weights = torch.linalg.solve(ridge[others][:, others], targets[others])
        hits += int((kernel[index, others] @ weights).argmax() == labels[index])
    assert whole.left_out == pytest.approx(hits / 24)


def test_noise_is_recognised_by_chance() -> None:
    rng = torch.Generator().manual_seed(3)
    features, labels = torch.randn(300, 5, generator=rng), torch.arange(300) % 3
    classifier = Classifier.fit(features, labels)
    fresh = torch.randn(3000, 5, generator=rng)
    assert right(classifier, fresh, torch.arange(3000) % 3) == pytest.approx(1 / 3, abs=0.05)
    assert classifier.left_out < 0.45


def test_it_is_the_same_every_time_and_for_any_scale() -> None:
    features, labels = rings(90, seed=4)
    first, second, scaled = (
        Classifier.fit(each, labels) for each in (features, features, 1000 * features + 5)
    )
    probe, _ = rings(200, seed=5)
    assert first(probe).equal(second(probe))
    assert first(probe).equal(scaled(1000 * probe + 5))


def test_many_rows_are_thinned(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(classes, "_MOST_ROWS", 60)
    features, labels = clouds(500, 6.0, seed=6)
    order = torch.argsort(labels, stable=True)
    classifier = Classifier.fit(features[order], labels[order])
    assert len(classifier.features) == 60
    assert right(classifier, features, labels) > 0.98
    assert classifier(features[:0]).shape == (0,)


def test_bad_sets() -> None:
    with pytest.raises(DataError, match="two classes"):
        Classifier.fit(torch.randn(5, 2), torch.ones(5, dtype=torch.int64))
    with pytest.raises(DataError, match="bandwidth"):
        Classifier.fit(torch.zeros(6, 2), torch.arange(6) % 2)
