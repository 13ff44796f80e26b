"""Runs on words, measured: their figures are finite, and items are measured with their words."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
import torch

from sfumato.evaluation.likelihood import conditions_of
from sfumato.evaluation.real import Real, real_numbers
from sfumato.model.numbers import NumberModel
from sfumato.model.options import EvaluateOptions
from sfumato.run import Run, open_run
from tests.evaluation.evaluations import evaluated


@pytest.fixture(scope="module")
def words(finished_words: Path) -> Run:
    return open_run(finished_words / "words")


@pytest.fixture(scope="module")
def many(finished_words: Path) -> NumberModel:
    model = open_run(finished_words / "many").model
    assert isinstance(model, NumberModel)
    return model


def test_files_are_scored(words: Run, described: Path) -> None:
    found = words.score(described / "red", draws=1, steps=2, held_out=0)
    assert len(found.items) == 6
    assert all(math.isfinite(item.bits) for item in found.items)
    again = words.score(described / "red" / "0.png", draws=1, steps=2, held_out=0)
    name = Path(again.items[0].name).name
    assert [item.bits for item in found.items if Path(item.name).name == name] == [
        again.items[0].bits
    ]


@pytest.mark.parametrize("name", ["words", "many"])
def test_it_is_evaluated(finished_words: Path, name: str) -> None:
    report = evaluated(finished_words / name, EvaluateOptions(n=4, steps=1, rows=2, draws=1)).report
    assert json.loads(json.dumps(report.to_json()))["run"] == name
    assert math.isfinite(report["likelihood/held_out"].value)


def test_real_items_have_their_values(many: NumberModel) -> None:
    steps = real_numbers(many, None)
    found: Real | None = None  # type: ignore[type-arg]
    while found is None:
        try:
            next(steps)
        except StopIteration as end:
            found = end.value
    assert found is not None
    assert len(found.training_values) == len(found.training)
    labels = found.training_labels
    assert labels is not None
    for label, values in zip(labels.tolist(), found.training_values, strict=True):
        assert {*values} == {"words", "species", "price"}
        colour = many.spec.data.classes[label]
        assert all(colour in text for text in values["words"])  # type: ignore[union-attr]


def test_items_are_measured_with_their_own_values_or_with_none(many: NumberModel) -> None:
    medium = many.medium
    encoded = medium.examples(torch.zeros(2, *medium.shape, dtype=torch.uint8).numpy())
    values = [{"words": ("a red kite", "the kite is red")}, {"price": 4.0}]
    found = conditions_of(many, encoded, torch.tensor([0, 1]), values)
    first, second = many.rows_of([{"words": "a red kite"}])["words"], found["words"]
    assert torch.equal(second[0], first[0]) and not second[1].any()
    assert found["price"][:, 1].tolist() == [0, 1]
    nothing = conditions_of(many, encoded, torch.tensor([0, 1]), [])
    assert not any(nothing[name].any() for name in many.spec.conditions)
