"""The data of a run are found again after they, or the whole project, were moved."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from sfumato import storage
from sfumato.engine.events import Done
from sfumato.errors import DataError, RunError
from sfumato.evaluation.real import real_numbers
from sfumato.model.open import open_model
from sfumato.runs import spec as specs
from sfumato.runs.directory import RunDirectory
from sfumato.runs.verify import verify
from sfumato.training.data import found_at, reopen
from sfumato.training.train import planned, resume, train


def pictures(folder: Path, seed: int = 0) -> Path:
    folder.mkdir(parents=True)
    for number in range(8):
        pixels = np.random.default_rng([seed, number]).integers(0, 256, (16, 16, 3), np.uint8)
        Image.fromarray(pixels).save(folder / f"{number}.png")
    return folder


def texts(folder: Path, seed: int = 0) -> Path:
    folder.mkdir(parents=True)
    for number in range(8):
        letters = np.random.default_rng([seed, number]).choice(list("abc "), 300)
        (folder / f"{number}.txt").write_text("".join(letters))
    return folder


@pytest.fixture(params=["image", "text"])
def project(
    request: pytest.FixtureRequest,
    tmp_path: Path,
    tiny: tuple[str, ...],
    tiny_text: tuple[str, ...],
) -> Path:
    """A folder with a run of one step in ``runs/run``, and its data in ``data``."""
    kind = str(request.param)
    root = tmp_path / "project"
    folder = (pictures if kind == "image" else texts)(root / "data")
    changes = tiny if kind == "image" else tiny_text
    for _ in train(folder, planned(kind, steps=1, changes=changes), "run", root / "runs"):
        pass
    return root


def run_in(project: Path) -> RunDirectory:
    return RunDirectory(project / "runs/run")


def goes_on(run: RunDirectory, steps: int = 2, place: str | Path | None = None) -> bool:
    *_, last = resume(run, steps=steps, data_at=place)
    return isinstance(last, Done)


def source_of(run: RunDirectory) -> tuple[str, str]:
    facts = specs.read(run.spec).data
    return facts.source, facts.relative


def test_the_spec_names_the_place_in_full_and_relative_to_the_run(project: Path) -> None:
    assert source_of(run_in(project)) == (str(project / "data"), "../../data")


def test_data_at_a_new_place_are_named_and_remembered(project: Path) -> None:
    run, moved = run_in(project), project / "moved"
    (project / "data").rename(moved)
    with pytest.raises(DataError, match="not where they were") as caught:
        goes_on(run)
    assert "--data" in caught.value.hint
    assert goes_on(run, place=moved)
    assert source_of(run) == (str(moved), "../../moved")
    assert goes_on(run, steps=3)


def test_a_project_that_was_copied_finds_its_own_data(project: Path, tmp_path: Path) -> None:
    """Even where the first project goes on with other data."""
    copy = tmp_path / "copy"
    shutil.copytree(project, copy)
    shutil.rmtree(project / "data")
    assert goes_on(run_in(copy))
    assert source_of(run_in(copy)) == (str(copy / "data"), "../../data")


def test_a_place_that_has_other_data_is_passed_over(project: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(project, copy)
    kind = specs.read(run_in(project).spec).medium.name
    shutil.rmtree(project / "data")
    (pictures if kind == "image" else texts)(project / "data", seed=1)
    assert goes_on(run_in(copy))
    with pytest.raises(RunError, match="not what this run began with"):
        goes_on(run_in(project))


def test_other_data_at_the_new_place_are_refused_and_nothing_is_written(project: Path) -> None:
    run = run_in(project)
    kind = specs.read(run.spec).medium.name
    other = (pictures if kind == "image" else texts)(project / "other", seed=1)
    before = run.spec.read_bytes()
    with pytest.raises(RunError, match="not what this run began with"):
        goes_on(run, place=other)
    with pytest.raises(DataError, match="no folder or file"):
        goes_on(run, place=project / "nowhere")
    assert run.spec.read_bytes() == before


def test_a_run_of_an_older_version_learns_its_relative_place(project: Path) -> None:
    run = run_in(project)
    spec: dict[str, Any] = storage.read_sealed_json(run.spec)
    del spec["data"]["relative"]
    storage.write_sealed_json(run.spec, spec)
    assert goes_on(run)
    assert source_of(run) == (str(project / "data"), "../../data")


def test_verify_compares_the_data_where_they_are(project: Path, tmp_path: Path) -> None:
    moved = project / "moved"
    (project / "data").rename(moved)
    assert "could not be compared" in verify(run_in(project)).notes[0]
    assert not verify(run_in(project), moved).notes
    moved.rename(project / "data")
    project.rename(tmp_path / "elsewhere")
    assert not verify(run_in(tmp_path / "elsewhere")).notes


def test_a_measurement_falls_back_to_the_place_that_is_named(project: Path) -> None:
    run, moved = run_in(project), project / "moved"
    (project / "data").rename(moved)
    spec = specs.read(run.spec)
    events = list(reopen(run, spec.data, spec.recipe, moved, known_first=True))
    facts = events[-1].facts  # type: ignore[union-attr]
    assert found_at(facts, str(moved))
    assert not found_at(facts, str(project))
    assert source_of(run)[0] == str(project / "data")  # Only `resume` remembers.


@pytest.mark.parametrize("project", ["image"], indirect=True)
def test_an_evaluation_takes_the_held_out_items_of_the_run(project: Path) -> None:
    """Also where the data are named with ``--data``, whether they were moved or not."""
    run, moved = run_in(project), project / "moved"

    def held_out(place: str | None) -> list[int]:
        steps = real_numbers(open_model(run), place)  # type: ignore[arg-type]
        while True:
            try:
                next(steps)
            except StopIteration as end:
                return [len(end.value.training), len(end.value.held_out)]

    own = held_out(None)
    assert held_out(str(project / "data")) == own
    (project / "data").rename(moved)
    with pytest.raises(DataError, match="not where they were"):
        held_out(None)
    assert held_out(str(moved)) == own
    pictures(project / "others", seed=7)
    with pytest.raises(DataError, match="not where they were"):
        held_out(str(project / "others"))
