"""From options to the plan of a run."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from sfumato.engine.optim import MuonSpec
from sfumato.engine.settings import LearningRate
from sfumato.errors import SettingError
from sfumato.model.options import TrainOptions
from sfumato.runs.directory import RunDirectory
from sfumato.training.plan import as_changes, planned, planned_for
from sfumato.training.train import train_with


def test_a_mapping_and_strings_give_the_same_plan() -> None:
    texts = ["engine.batch=7", "name=other", "engine.preview_minutes=null", "data.held_out=0.25"]
    mapping = {
        "engine.batch": 7,
        "name": "other",
        "engine.preview_minutes": None,
        "data.held_out": 0.25,
    }
    assert planned("image", changes=mapping) == planned("image", changes=texts)
    assert planned("image", changes=mapping).engine.batch == 7


def test_a_part_is_a_value() -> None:
    optimizer, rate = MuonSpec(lr=0.02, momentum=0.9), LearningRate(warmup=5)
    changes = {"engine.optimizer": optimizer, "engine.learning_rate": rate}
    engine = planned("image", changes=changes).engine
    assert (engine.optimizer, engine.learning_rate) == (optimizer, rate)


def test_a_text_that_looks_like_a_number_stays_a_text() -> None:
    assert planned("image", changes={"name": "12"}).name == "12"


@pytest.mark.parametrize(
    ("settings", "changes"),
    [
        ("engine.batch=1", ["engine.batch=1"]),
        (iter(["a=1", "b=2"]), ["a=1", "b=2"]),
        ({"a": (1, 2), "b": Path("x/y"), "c": {3}}, ["a=[1, 2]", 'b="x/y"', "c=[3]"]),
        ((), []),
    ],
)
def test_settings_as_changes(settings: Any, changes: Sequence[str]) -> None:
    assert as_changes(settings) == changes


@pytest.mark.parametrize("value", [object(), float("nan"), {1: object()}])
def test_a_value_that_cannot_be_stored_is_refused(value: object) -> None:
    with pytest.raises(SettingError, match=r"engine\.clip"):
        planned("image", changes={"engine.clip": value})


def test_options_have_their_place_in_the_plan(records: Path) -> None:
    options = TrainOptions(
        steps=3, label_field="parity", settings={"engine.batch": 2}, recipe="text"
    )
    plan: Any = planned_for(records, options)
    assert plan == planned("text", 3, None, ['medium.label_field="parity"', "engine.batch=2"])
    assert plan.medium.label_field == "parity"


def test_a_field_for_labels_is_refused_for_images(pictures: Path) -> None:
    with pytest.raises(SettingError, match="'label_field' is not for images"):
        planned_for(pictures, TrainOptions(label_field="parity"))


def test_training_with_options(tmp_path: Path, pictures: Path, tiny: tuple[str, ...]) -> None:
    options = TrainOptions(name="run", steps=2, settings=tiny)
    events = list(train_with(pictures, options, tmp_path))
    (directory,) = [event for event in events if isinstance(event, RunDirectory)]
    assert directory.root == tmp_path / "run"
    assert directory.model.is_file()
