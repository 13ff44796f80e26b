"""Edits of image files by a run, from the options to the files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from sfumato.errors import SettingError
from sfumato.model.edit_options import EditOptions
from sfumato.verbs.edit import Edited, edit_files

Runs = Callable[..., Path]
QUICK: dict[str, Any] = {"method": "quick", "particles": 1, "steps": 3}


def pixels() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (24, 40, 3), dtype=np.uint8)


def edited(run: Path, path: Path, out: Path, **options: Any) -> Edited:
    events = list(edit_files(run, [path], EditOptions(**{**QUICK, **options}), out=out))
    found = events[-1]
    assert isinstance(found, Edited)
    return found


def read(path: Path) -> np.ndarray:
    with Image.open(path) as image:
        return np.asarray(image)


def test_what_is_outside_of_a_box_stays(runs: Runs, tmp_path: Path) -> None:
    run = runs("unet")
    Image.fromarray(pixels()).save(tmp_path / "a.png")
    found = edited(run, tmp_path / "a.png", tmp_path / "out", n=4, box="10,5,6,4")
    inside = np.zeros((24, 40), np.bool_)
    inside[5:9, 10:16] = True
    results = [read(path) for path in found.out.files]
    for result in results:
        np.testing.assert_array_equal(result[~inside], pixels()[~inside])
    assert (results[0][inside] != results[1][inside]).any()
    assert found.spread == tmp_path / "out" / "spread.png"
    assert read(found.spread).ndim == 3


def test_a_picture_larger_than_the_model_gets_more_pixels(runs: Runs, tmp_path: Path) -> None:
    run = runs("unet")
    Image.fromarray(pixels()).save(tmp_path / "a.png")
    found = edited(run, tmp_path / "a.png", tmp_path / "out", n=1, super_resolve=2)
    assert read(found.out.files[0]).shape == (48, 80, 3)


def test_conversions_are_reported(runs: Runs, tmp_path: Path) -> None:
    run = runs("unet")
    rgba = np.dstack([pixels(), np.zeros((24, 40), np.uint8)])
    rgba[4:, :, 3] = 255
    Image.fromarray(rgba).save(tmp_path / "a.png")
    found = edited(run, tmp_path / "a.png", tmp_path / "out", n=1, box="10,8,6,4")
    assert "note: transparent parts are laid on white, as in training" in found.lines()
    assert found.to_json()["notes"] == list(found.notes)


def test_all_files_are_checked_before_any_is_edited(runs: Runs, tmp_path: Path) -> None:
    run = runs("unet")
    Image.fromarray(pixels()).save(tmp_path / "a.png")
    Image.fromarray(pixels()[:, :20]).save(tmp_path / "b.png")
    files = [tmp_path / "a.png", tmp_path / "b.png"]
    events = edit_files(run, files, EditOptions(box="30,5,6,4"), out=tmp_path / "out")
    with pytest.raises(SettingError, match="not inside the picture"):
        next(iter(events))
    assert not (tmp_path / "out").exists()
