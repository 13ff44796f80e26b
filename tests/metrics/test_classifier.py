from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from sfumato.errors import DataError
from sfumato.metrics import classifier as classifier_module
from sfumato.metrics.classifier import Classifier


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
    classifier = Classifier.trained(*clouds(200, 2.0, seed=0))
    best = torch.special.ndtr(torch.tensor(1.0)).item()
    assert right(classifier, *clouds(4000, 2.0, seed=1)) == pytest.approx(best, abs=0.03)
    # Of 200, with a little optimism for the choice among strengths.
    assert classifier.left_out == pytest.approx(best, abs=0.07)


def test_classes_need_not_be_divided_by_planes() -> None:
    classifier = Classifier.trained(*rings(300, seed=0))
    assert right(classifier, *rings(1000, seed=1)) > 0.97


def test_leaving_one_out_is_exact() -> None:
    features, labels = clouds(24, 1.0, seed=2)
    whole = Classifier.trained(features, labels)
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
    classifier = Classifier.trained(features, labels)
    fresh = torch.randn(3000, 5, generator=rng)
    assert right(classifier, fresh, torch.arange(3000) % 3) == pytest.approx(1 / 3, abs=0.05)
    assert classifier.left_out < 0.45


def test_it_is_the_same_every_time_and_for_any_scale() -> None:
    features, labels = rings(90, seed=4)
    first, second, scaled = (
        Classifier.trained(each, labels) for each in (features, features, 1000 * features + 5)
    )
    probe, _ = rings(200, seed=5)
    assert first(probe).equal(second(probe))
    assert first(probe).equal(scaled(1000 * probe + 5))


def test_many_rows_are_thinned(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(classifier_module, "_MOST_ROWS", 60)
    features, labels = clouds(500, 6.0, seed=6)
    order = torch.argsort(labels, stable=True)
    classifier = Classifier.trained(features[order], labels[order])
    assert len(classifier.features) == 60
    assert right(classifier, features, labels) > 0.98
    assert classifier(features[:0]).shape == (0,)


def test_bad_sets() -> None:
    with pytest.raises(DataError, match="two classes"):
        Classifier.trained(torch.randn(5, 2), torch.ones(5, dtype=torch.int64))
    with pytest.raises(DataError, match="bandwidth"):
        Classifier.trained(torch.zeros(6, 2), torch.arange(6) % 2)
