from __future__ import annotations

from dataclasses import replace

import torch

from sfumato.evaluation.copies import copies_section, find_copies
from sfumato.evaluation.distance import distance_section
from sfumato.evaluation.features import Features
from sfumato.evaluation.result import Figure, Report, Section, summary
from sfumato.evaluation.variety import RealSplit, variety_section
from tests.evaluation.clouds import cloud, features_of
from tests.evaluation.reports import report

GROUPS = tuple(map(str, range(180)))


def of(features: Features, gap: Figure | None = None) -> Report:
    count = len(features.real)
    sections = [
        distance_section(features, GROUPS[:count], 0),
        copies_section(features, find_copies(features)),
        variety_section(features, RealSplit.of(GROUPS[:count], len(features.samples), 0)),
    ]
    if gap is not None:
        sections.append(Section("likelihood", "likelihood", "", (gap,)))
    return replace(report(), sections=tuple(sections))


def test_a_perfect_model() -> None:
    said = summary(of(features_of(cloud(90, 1)), Figure("gap", "gap", 0.01, -0.02, 0.04)))
    assert [sentence.split(":")[0] for sentence in said] == [
        "By made up, samples cannot be distinguished from items that the model has never seen",
        "Samples are as varied as real items",
        "No sample was detected as a copy, but fewer than 30 copies cannot be found with 60 "
        "held-out items.",
        "There is no sign of overfitting",
    ]


def test_a_poor_one() -> None:
    said = summary(of(features_of(cloud(90, 1, centre=1.0)), Figure("gap", "gap", 0.2, 0.1, 0.3)))
    assert said[0].startswith("By made up, samples differ from items that the model has never seen")
    assert said[1].startswith("Some kinds of items are missing: coverage")
    assert said[-1] == (
        "Held-out items need 0.200 (0.100 to 0.300) bits more than training items: this is "
        "overfitting, unless the held-out items are harder in themselves."
    )


def test_a_collapsed_one() -> None:
    said = summary(of(features_of(0.05 * cloud(90, 1))))
    assert any(one.startswith("Some kinds of items are missing") for one in said)
    assert any(one.endswith("% of the samples repeat another sample.") for one in said)
    assert not any("as varied as" in one for one in said)


def test_copies_are_said() -> None:
    features = features_of(cloud(90, 1))
    mixed = torch.cat([features.samples[:45], features.training[:45]])
    assert any(
        "were detected as copies of training items" in one
        for one in summary(of(features_of(mixed)))
    )


def test_samples_that_are_near_to_everything_are_said_to_be() -> None:
    said = summary(of(features_of(0.5 * cloud(90, 1))))
    assert any(one.startswith("No sample was detected as a copy") for one in said)
    assert any("closer to training items than held-out items are" in one for one in said)


def test_what_cannot_be_told_is_not() -> None:
    said = summary(of(features_of(cloud(90, 1), held_out=0)))
    assert said[0].startswith("There are no held-out items, or too few of them")
    assert any("it is unknown whether samples are copies" in one for one in said)


def test_few_held_out_items_are_no_acquittal() -> None:
    said = summary(of(features_of(cloud(90, 1), held_out=25)))
    (about_copies,) = [one for one in said if "detected as a copy" in one]
    assert "cannot be found with 25 held-out items" in about_copies
