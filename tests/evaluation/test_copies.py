from __future__ import annotations

import torch

from sfumato.evaluation.copies import copies_section, find_copies
from sfumato.evaluation.features import Features
from sfumato.evaluation.result import Figure
from tests.evaluation.clouds import cloud, features_of


def figures(features: Features) -> dict[str, Figure]:
    section = copies_section(features, find_copies(features))
    assert (section.key, section.extractor) == ("copies/made up", features.identity)
    return {figure.key: figure for figure in section.figures}


def test_new_samples_are_no_copies() -> None:
    found = figures(features_of(cloud(100, 1)))
    nearer = found["nearer"]
    assert nearer.low is not None
    assert nearer.high is not None
    assert nearer.low < 0.5 < nearer.high
    assert nearer.real == 0.5
    assert nearer.flag is None
    assert found["called"].value == 0


def test_copies_are_found_and_raise_an_alarm() -> None:
    features = features_of(cloud(100, 1))
    copied = features.training[:100] + 0.001 * cloud(100, 7)
    found = figures(features_of(copied))
    assert found["nearer"].value == 1
    assert found["nearer"].flag is not None
    assert "closer to training items than chance explains" in found["nearer"].flag
    assert found["copied"].low is not None
    assert found["copied"].real is not None
    assert found["copied"].low > found["copied"].real
    assert found["called"].value == 1


def test_a_tenth_of_copies_is_about_that() -> None:
    features = features_of(cloud(200, 1), held_out=400)
    mixed = torch.cat([features.samples[:180], features.training[:20]])
    found = figures(features_of(mixed, held_out=400))
    assert found["called"].value is not None
    assert 0.07 < found["called"].value < 0.13
    assert found["copied"].low is not None
    assert found["copied"].high is not None
    assert found["copied"].low < 0.1 + 0.01 < found["copied"].high + 0.02


def test_without_held_out_items_nothing_can_be_said() -> None:
    found = figures(features_of(cloud(50, 1), held_out=0))
    assert set(found) == {"nearer"}
    assert found["nearer"].value is None
    assert found["nearer"].flag


def test_few_held_out_items_are_flagged() -> None:
    found = figures(features_of(cloud(50, 1), held_out=10))
    assert found["nearer"].flag
    assert (
        found["copied"].flag == "too few held-out items to tell which distances are unusually small"
    )
