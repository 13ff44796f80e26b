from __future__ import annotations

from dataclasses import replace

import torch

from sfumato.evaluation.copies import copies_section, memorised
from sfumato.evaluation.distances import distances
from sfumato.evaluation.report import Figure, Report, Section
from sfumato.evaluation.seen import Rivals, Seen
from sfumato.evaluation.summary import summary
from sfumato.evaluation.variety import variety
from tests.evaluation.clouds import cloud, seen
from tests.evaluation.reports import report

GROUPS = tuple(map(str, range(180)))


def of(features: Seen, gap: Figure | None = None) -> Report:
    count = len(features.real)
    sections = [
        distances(features, GROUPS[:count], 0),
        copies_section(features, memorised(features)),
        variety(features, Rivals.of(GROUPS[:count], len(features.samples), 0)),
    ]
    if gap is not None:
        sections.append(Section("likelihood", "likelihood", "", (gap,)))
    return replace(report(), sections=tuple(sections))


def test_a_perfect_model() -> None:
    said = summary(of(seen(cloud(90, 1)), Figure("gap", "gap", 0.01, -0.02, 0.04)))
    assert [sentence.split(":")[0] for sentence in said] == [
        "By made up, samples cannot be told from items that the model never saw",
        "Samples are as varied as real items",
        "No sample is called a copy; fewer than 30 copies cannot be found with 60 held-out items.",
        "No over-fitting to be seen",
    ]


def test_a_poor_one() -> None:
    said = summary(of(seen(cloud(90, 1, centre=1.0)), Figure("gap", "gap", 0.2, 0.1, 0.3)))
    assert said[0].startswith("By made up, samples differ from items that the model never saw")
    assert said[1].startswith("Kinds are missing: coverage")
    assert said[-1] == (
        "Held-out items need 0.200 (0.100 to 0.300) bits more than those trained on: that is "
        "over-fitting, unless they are harder by themselves."
    )


def test_a_collapsed_one() -> None:
    said = summary(of(seen(0.05 * cloud(90, 1))))
    assert any(one.startswith("Kinds are missing") for one in said)
    assert any(one.endswith("% of the samples repeat another one.") for one in said)
    assert not any("as varied as" in one for one in said)


def test_copies_are_said() -> None:
    features = seen(cloud(90, 1))
    mixed = torch.cat([features.samples[:45], features.training[:45]])
    assert any("are called copies of training items" in one for one in summary(of(seen(mixed))))


def test_samples_that_are_near_to_everything_are_said_to_be() -> None:
    said = summary(of(seen(0.5 * cloud(90, 1))))
    assert any(one.startswith("No sample is called a copy") for one in said)
    assert any("nearer to training items than held-out items are" in one for one in said)


def test_what_cannot_be_told_is_not() -> None:
    said = summary(of(seen(cloud(90, 1), held_out=0)))
    assert said[0].startswith("Nothing was held out")
    assert any("whether samples are copies cannot be told" in one for one in said)


def test_few_held_out_items_are_no_acquittal() -> None:
    said = summary(of(seen(cloud(90, 1), held_out=25)))
    (about_copies,) = [one for one in said if "called a copy" in one]
    assert "cannot be found with 25 held-out items" in about_copies
