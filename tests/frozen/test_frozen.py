"""Runs of every format that was ever written are read, sampled and gone on with."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from sfumato import storage
from sfumato.objective import Bound, Regression, Unit
from sfumato.runs import spec as specs
from sfumato.runs.directory import RunDirectory
from sfumato.runs.verify import verify
from sfumato.training.train import resume
from tests.frozen.make import samples_of

HERE = Path(__file__).parent
PLACES = sorted(path.parent.relative_to(HERE) for path in HERE.glob("format-*/*/run"))
_LEVELS, _AMPLITUDE = 2, 1e-3
"""How far samples may be from what they were: another processor rounds otherwise."""


@pytest.fixture(params=PLACES, ids=str)
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A copy of a frozen run and its data, which lie somewhere else than when it was made."""
    copy = tmp_path / "copy"
    shutil.copytree(HERE / request.param, copy, copy_function=shutil.copyfile)
    spec = storage.read_sealed_json(copy / "run/spec.json")
    spec["data"]["source"] = str(copy / "data")
    storage.write_sealed_json(copy / "run/spec.json", spec)
    return copy


def test_there_are_some() -> None:
    assert {"pictures", "sounds", "texts"} <= {place.name for place in PLACES}


def test_they_are_whole(place: Path) -> None:
    found = verify(RunDirectory(place / "run"))
    assert not found.problems
    assert found.resumes_from == 6
    assert "latest" in found.samples


def test_they_learn_what_they_did(place: Path) -> None:
    """Their specs were written before recipes named an objective; what is written now names it."""
    path = place / "run/spec.json"
    assert "objective" not in storage.read_sealed_json(path)["recipe"]
    spec = specs.read(path)
    assert spec.recipe.objective in (Regression(Unit()), Bound())
    specs.write(path, spec)
    written = storage.read_sealed_json(path)["recipe"]
    assert "objective" in written and "weighting" not in written
    assert specs.read(path) == spec


def _louder(one: list[float], other: list[float]) -> float:
    """The factor between two sounds: the level is set for what is left after the end by now."""
    if isinstance(one[0], int):
        return 1.0
    factor = float(np.dot(one, other) / np.dot(other, other))
    assert 1 <= factor < 1.1
    return factor


def test_they_sample_what_they_did(place: Path) -> None:
    torch.set_num_threads(1)
    expected = json.loads((place / "expected.json").read_text())["samples"]
    found = samples_of(RunDirectory(place / "run"))
    if isinstance(expected[0], str):
        assert found == expected
        return
    most = _LEVELS if isinstance(expected[0][0], int) else _AMPLITUDE
    for one, other in zip(found, expected, strict=True):
        assert np.abs(one - np.multiply(_louder(one, other), other)).max() <= most


def test_they_go_on(place: Path) -> None:
    run = RunDirectory(place / "run")
    for _ in resume(run, steps=8):
        pass
    assert verify(run).resumes_from == 8
