"""Items without a label, parts that the data state, and what a training says of its data."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

import sfumato
from sfumato.errors import DataError, RunError
from sfumato.evaluation.real import items_of
from sfumato.media.image.recipes import ImageRecipe
from sfumato.media.medium import Summary
from sfumato.media.number_data import NumberData
from sfumato.media.registry import find
from sfumato.model.options import CheckOptions
from sfumato.recipes import override
from sfumato.runs.directory import RunDirectory
from sfumato.runs.verify import verify
from sfumato.training.batches import Batches
from sfumato.training.data import prepare
from sfumato.training.train import planned, resume, train
from sfumato.verbs.check import check


@pytest.fixture
def recipe(tiny: tuple[str, ...]) -> ImageRecipe:
    return override(find("image"), [*tiny, "data.label_drop=0", "data.held_out=0"])


def data_of(folder: Path, recipe: ImageRecipe) -> NumberData:
    *_, last = prepare(folder, recipe)
    assert isinstance(last, NumberData)
    return last


def begin(folder: Path, changes: tuple[str, ...], root: Path) -> tuple[RunDirectory, Summary]:
    """Train one step."""
    events = list(train(folder, planned("image", steps=1, changes=changes), "r", root))
    (run,) = (event for event in events if isinstance(event, RunDirectory))
    (summary,) = (event for event in events if isinstance(event, Summary))
    return run, summary


def resumed(run: RunDirectory, steps: int) -> dict[str, str]:
    """Train on; returns what was said of the data."""
    events = list(resume(run, steps=steps))
    (summary,) = (event for event in events if isinstance(event, Summary))
    return dict(summary.rows)


@pytest.fixture
def partly(own_pictures: Path) -> Path:
    """Nine cats, three dogs, and four pictures beside them."""
    for number in range(4):
        shutil.copy(own_pictures / f"cat/{number}.png", own_pictures / f"stray{number}.png")
    return own_pictures


def test_items_without_a_label_are_trained_on_with_the_null_label(
    partly: Path, recipe: ImageRecipe
) -> None:
    data = data_of(partly, recipe)
    assert data.dataset.labels is not None
    assert np.bincount(data.dataset.labels + 1).tolist() == [4, 9, 3]
    assert data.facts.classes == ("cat", "dog") and data.facts.frequencies == (0.75, 0.25)
    batches = Batches(data, recipe, 2, False)
    labels: list[int] = []
    for step in range(4):  # An epoch of 16 items in batches of 4.
        label = batches(step).label
        assert label is not None
        labels += label.tolist()
    assert sorted(labels) == [0] * 9 + [1] * 3 + [2] * 4
    typical = batches.typical(16).label
    assert typical is not None and sorted(typical.tolist()) == sorted(labels)


def test_real_items_without_a_label_have_none_in_an_evaluation(
    partly: Path, recipe: ImageRecipe
) -> None:
    real = items_of(data_of(partly, recipe))
    assert real.training_labels is not None
    assert int((real.training_labels < 0).sum()) == 4


def test_a_run_on_partly_labelled_data_is_evaluated(
    partly: Path, tiny: tuple[str, ...], tmp_path: Path
) -> None:
    run = sfumato.train(partly, name="r", root=tmp_path / "runs", steps=2, settings=tiny)
    report = run.evaluate(n=8, steps=2, rows=4, draws=1, data=str(partly))
    titles = [section.title for section in report.sections]
    assert "classes" in titles
    samples = run.sample(4, steps=1)
    assert {origin.label for origin in samples.provenance} <= {"cat", "dog"}


def test_parts_of_the_data(own_pictures: Path, tmp_path: Path, recipe: ImageRecipe) -> None:
    root = tmp_path / "parts"
    shutil.copytree(own_pictures, root / "train")
    shutil.copytree(own_pictures / "dog", root / "test/dog")
    for share in (0.0, 0.5):
        settings = recipe.data.model_copy(update={"held_out": share})
        data = data_of(root, recipe.model_copy(update={"data": settings}))
        names = [data.dataset.items[place].path for place in data.held_out]
        assert names == [f"test/dog/{number}.png" for number in range(3)]
        assert len(data.training) == 12 and data.facts.frequencies == (0.75, 0.25)
    rows = dict(data.summary())
    assert rows["held out"] == "3 (as the data say), of which 3 equal training items"


def test_a_field_states_the_parts(own_pictures: Path, recipe: ImageRecipe) -> None:
    lines = ["file_name,split,label"]
    lines += [f"cat/{n}.png,{'validation' if n < 2 else 'train'},c" for n in range(9)]
    (own_pictures / "metadata.csv").write_text("\n".join(lines))
    data = data_of(own_pictures, recipe)
    held_out = [data.dataset.items[place].path for place in data.held_out]
    assert held_out == ["cat/0.png", "cat/1.png"]
    rows = dict(data.summary())
    assert rows["classes"] == "c 9; without a label 3"
    assert rows["metadata"] == "1 (metadata.csv)"


def test_labels_of_held_out_items_alone_are_not_used(
    own_pictures: Path, recipe: ImageRecipe
) -> None:
    lines = ["file_name,split,label"]
    lines += [f"cat/{n}.png,{'test,c' if n < 2 else 'train,'}" for n in range(9)]
    (own_pictures / "metadata.csv").write_text("\n".join(lines))
    data = data_of(own_pictures, recipe)
    assert data.facts.classes == () and data.dataset.labels is None
    assert dict(data.summary())["classes"] == "none"


def test_nothing_to_train_on(own_pictures: Path, recipe: ImageRecipe) -> None:
    lines = ["file_name\tsplit", *(f"cat/{n}.png\ttest" for n in range(9))]
    (own_pictures / "metadata.csv").write_text("\n".join(lines))
    shutil.rmtree(own_pictures / "dog")
    held = recipe.model_copy(update={"data": recipe.data.model_copy(update={"held_out": 0.1})})
    with pytest.raises(DataError, match="There is nothing to train on"):
        data_of(own_pictures, held)
    assert len(data_of(own_pictures, recipe).training) == 9  # Nothing is to be held out.


def test_a_training_says_what_it_took_and_so_does_a_resumed_one(
    own_pictures: Path, tiny: tuple[str, ...], tmp_path: Path
) -> None:
    for number in range(5):
        (own_pictures / f"cat/bad{number}.png").write_text("junk")
        (own_pictures / f"dog/x{number}.xyz").write_text("junk")
    shutil.copy(own_pictures / "cat/0.png", own_pictures / "cat/again.png")
    run, summary = begin(own_pictures, tiny, tmp_path)
    rows = dict(summary.rows)
    aside = rows.pop("set aside").split("\n")
    assert aside == [
        "5",
        *(
            f"cat/bad{number}.png: not an image in a known format: it is plain text"
            for number in range(3)
        ),
        f"see all: sfumato data check {own_pictures}",
    ]
    held_out = rows.pop("held out")
    assert rows == {
        "images": "13 (13 independent)",
        "read as": "16 x 16 rgb, fit by crop",
        "classes": "cat 10, dog 3",
        "captions": "0",
        "duplicates": "1",
        "not looked at": "5 x .xyz",
    }
    assert resumed(run, 2) == dict(summary.rows)
    report = check(str(own_pictures), CheckOptions(settings=tiny))
    same = dict(report.table())
    assert {name: same[name] for name in rows if name != "duplicates"} == {
        name: text for name, text in rows.items() if name != "duplicates"
    }
    assert same["held out"] == held_out
    assert len(same["set aside"].split("\n")) == 6 and "see all" not in same["set aside"]


def test_labels_do_not_matter_where_they_are_not_used(
    own_pictures: Path, tiny: tuple[str, ...], tmp_path: Path
) -> None:
    run, summary = begin(own_pictures, (*tiny, "data.labels=false"), tmp_path)
    assert dict(summary.rows)["classes"] == "none"
    (own_pictures / "metadata.jsonl").write_text('{"file_name": "cat/1.png", "label": "x"}')
    resumed(run, 2)
    assert not verify(run).notes


def test_labels_that_were_added_do_not_matter_to_a_run_without_classes(
    own_pictures: Path, tiny: tuple[str, ...], tmp_path: Path
) -> None:
    shutil.rmtree(own_pictures / "dog")
    run, summary = begin(own_pictures, tiny, tmp_path)
    assert dict(summary.rows)["classes"] == "none"
    (own_pictures / "metadata.jsonl").write_text('{"file_name": "cat/1.png", "label": "x"}')
    resumed(run, 2)
    assert not verify(run).notes


def test_labels_matter_where_they_are_used(
    own_pictures: Path, tiny: tuple[str, ...], tmp_path: Path
) -> None:
    run, _ = begin(own_pictures, tiny, tmp_path)
    labels = ({"file_name": f"cat/{number}.png", "label": "cat"} for number in range(8))
    (own_pictures / "metadata.jsonl").write_text("\n".join(map(json.dumps, labels)))
    with pytest.raises(RunError, match=r"4 with another label, group or split \(cat/8"):
        list(resume(run, steps=2))


def test_parts_matter(own_pictures: Path, tiny: tuple[str, ...], tmp_path: Path) -> None:
    run, _ = begin(own_pictures, (*tiny, "data.labels=false"), tmp_path)
    (own_pictures / "metadata.jsonl").write_text('{"file_name": "cat/1.png", "split": "test"}')
    with pytest.raises(RunError, match=r"1 with another label, group or split \(cat/1"):
        list(resume(run, steps=2))


def test_what_the_run_itself_writes_does_not_matter(
    own_pictures: Path, tiny: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(own_pictures)
    run = sfumato.train(".", name="r", steps=1, settings=tiny)
    run.sample(2, steps=1).save(own_pictures / "out")
    run.directory.previews.mkdir(exist_ok=True)
    shutil.copy(own_pictures / "cat/0.png", run.directory.previews / "latest.png")
    rows = resumed(run.directory, 2)
    assert rows["images"] == "12 (12 independent)"
    assert rows["outputs"].endswith("made by Sfumato and not used")
    assert check(".", CheckOptions(settings=tiny)).to_json()["count"] == 12
