from __future__ import annotations

import json
from collections.abc import Generator
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor

from sfumato.errors import RunError
from sfumato.evaluation.compare import Comparison, comparison
from sfumato.evaluation.distance import distance_section
from sfumato.evaluation.evaluate import Evaluation
from sfumato.evaluation.features import Features
from sfumato.evaluation.result import Figure, Report, Section, Split
from sfumato.metrics.kernel_difference import kernel_difference
from sfumato.metrics.kernel_distance import GaussianKernel
from tests.evaluation.clouds import cloud, features_of
from tests.evaluation.reports import compared


def never(n: int, steps: int, what: str) -> Generator[Any, None, Tensor]:
    raise AssertionError("nothing is sampled again")


def found(
    name: str, features: Features, bits: Tensor | None = None, hits: Tensor | None = None
) -> Evaluation:
    sections = [distance_section(features, tuple(map(str, range(180))), 0)]
    if bits is not None:
        sections.append(Section("likelihood", "likelihood", "", (Figure("held_out", "bits", 1.0),)))
    if hits is not None:
        figure = Figure("in_class", "in their class", hits.double().mean().item())
        sections.append(Section("classes/made up", "classes", "", (figure,), features.identity))
    report = Report(
        name, "image", "m" * 16, "latest", 10, 0, Split("data", 120, 60, None, "f" * 16), {},
        tuple(sections), (f"of {name}",),
    )  # fmt: skip
    return Evaluation(report, (), (features,), bits, hits, never)


def row(comparison: Comparison, key: str) -> Any:
    (row,) = [row for row in comparison.rows if row.key == key]
    return row


def test_the_nearer_one_is_better() -> None:
    near, far = (
        found("near", features_of(cloud(100, 1))),
        found("far", features_of(cloud(100, 2, centre=1.0))),
    )
    said = row(comparison(near, far), "distance/made up/held_out")
    assert said.verdict == "near is better"
    assert said.difference.high < 0
    assert row(comparison(far, near), "distance/made up/held_out").verdict == "near is better"


def test_two_alike_cannot_be_distinguished() -> None:
    one, other = (
        found("one", features_of(cloud(100, 1))),
        found("other", features_of(cloud(100, 2))),
    )
    said = row(comparison(one, other), "distance/made up/held_out")
    assert said.verdict == "cannot be distinguished"
    assert said.difference.low < 0 < said.difference.high


def test_differences_are_of_kernel_distances_times_a_hundred() -> None:
    ours, theirs = features_of(cloud(100, 1)), features_of(cloud(100, 2, centre=1.0))
    said = row(comparison(found("a", ours), found("b", theirs)), "distance/made up/held_out")
    kernel = GaussianKernel.of(ours.training)
    expected = kernel_difference(ours.samples, theirs.samples, ours.held_out, kernel)
    assert said.difference.value == pytest.approx(100 * expected[0])
    assert said.difference.value == pytest.approx(said.ours.value - said.theirs.value)


def test_bits_are_compared_item_by_item() -> None:
    """Items differ much more than models do, and are the same for both."""
    bits = 3 + 2 * cloud(60, 5, 1).flatten()
    one = found("one", features_of(cloud(50, 1)), bits=bits)
    other = found(
        "other", features_of(cloud(50, 2)), bits=bits + 0.01 + 0.001 * cloud(60, 6, 1).flatten()
    )
    said = row(comparison(one, other), "likelihood/held_out")
    assert said.difference.value == pytest.approx(-0.01, abs=0.001)
    assert said.verdict == "one is better"


def test_more_hits_are_better() -> None:
    few, many = torch.arange(100) < 50, torch.arange(100) < 80
    one = found("few", features_of(cloud(50, 1)), hits=few)
    other = found("many", features_of(cloud(50, 2)), hits=many)
    said = row(comparison(one, other), "classes/made up/in_class")
    assert said.verdict == "many is better"
    assert said.difference.value == pytest.approx(-0.3, abs=0.01)


def test_other_real_items_are_no_basis() -> None:
    one, other = found("one", features_of(cloud(50, 1))), found("other", features_of(cloud(50, 2)))
    split = replace(other.report.split, held_out=59)
    changed = replace(other, report=replace(other.report, split=split))
    with pytest.raises(RunError, match="cannot be compared"):
        comparison(one, changed)


def test_an_extractor_with_other_weights_is_left_out() -> None:
    one = found("one", features_of(cloud(50, 1)))
    features = replace(features_of(cloud(50, 2)), identity="1" * 16)
    assert comparison(one, found("other", features)).rows == ()


def test_notes_of_both_are_kept_once() -> None:
    one, other = found("one", features_of(cloud(50, 1))), found("other", features_of(cloud(50, 2)))
    notes = comparison(one, other).notes
    assert "of one" in notes
    assert "of other" in notes
    assert len(set(notes)) == len(notes)


def test_a_comparison_is_plain_data() -> None:
    found = compared()
    assert found.runs == ("one", "<other>")
    stored = json.loads(json.dumps(found.to_json(), allow_nan=False))
    assert [run["run"] for run in stored["runs"]] == ["one", "<other>"]
    assert stored["split"]["training"] == 255
    assert [row["key"] for row in stored["rows"]] == [row.key for row in found.rows]
    assert stored["rows"][0]["difference"]["value"] == -0.5
    assert stored["rows"][1]["difference"] is None
