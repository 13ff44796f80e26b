from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sfumato.errors import SettingError
from sfumato.media.image.medium import ImageMedium
from sfumato.media.image.settings import ImageSettings
from sfumato.media.image.sheet import sheet
from sfumato.model.options import SampleOptions
from sfumato.run import open_run
from sfumato.runs.directory import RunDirectory, new_folder
from sfumato.verbs.sample import Written, sample_files

Runs = Callable[..., Path]
MEDIUM = ImageMedium(ImageSettings(size=16, channels="rgb"))


def test_each_time_a_new_folder(tmp_path: Path) -> None:
    run = RunDirectory(tmp_path)
    assert [new_folder(run).name for _ in range(2)] == ["001", "002"]
    (run.samples / "041").mkdir()
    (run.samples / "²").mkdir()
    assert new_folder(run).name == "042"


def test_a_folder_taken_meanwhile_is_stepped_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = RunDirectory(tmp_path)
    new_folder(run)
    monkeypatch.setattr(Path, "iterdir", lambda self: iter(()))
    assert new_folder(run).name == "002"


@pytest.mark.parametrize("name", ["00003.png", "00003-from-noise.png", "sheet.png", "3.png"])
def test_nothing_is_written_over(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("precious")
    with pytest.raises(SettingError, match="nothing is overwritten"):
        MEDIUM.folder(tmp_path).require_free(range(2, 5))
    assert (tmp_path / name).read_text() == "precious"


def test_other_files_are_no_matter(tmp_path: Path) -> None:
    for name in ("00009.png", "notes.txt", "00003.txt"):
        (tmp_path / name).touch()
    MEDIUM.folder(tmp_path).require_free(range(2, 5))


def test_a_folder_that_cannot_be_is_refused_before_any_work(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for place in (tmp_path / "file", tmp_path / "file/below"):
        with pytest.raises(SettingError, match="cannot be written"):
            MEDIUM.folder(place).require_free(range(1))


def test_a_folder_without_permission_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Root may write anywhere, so the system's answer is stood in for.
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    with pytest.raises(SettingError, match="permission denied"):
        MEDIUM.folder(tmp_path).require_free(range(1))


def test_samples_in_memory_are_not_written_over(finished_runs: Path, tmp_path: Path) -> None:
    samples = open_run(finished_runs / "unet").sample(2)
    paths = samples.save(tmp_path / "out")
    assert [path.name for path in paths] == ["00000.png", "00001.png"]
    with Image.open(paths[1]) as picture:
        assert np.array_equal(np.asarray(picture), samples.items[1])
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "out").iterdir()}
    with pytest.raises(SettingError, match="nothing is overwritten"):
        samples.save(tmp_path / "out")
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "out").iterdir()} == before


def test_the_way_from_noise_is_kept_when_asked_for(runs: Runs) -> None:
    run = runs("unet")
    events = list(
        sample_files("unet", SampleOptions(n=3, batch=2, steps=3, sampler="ddim"), trajectory=True)
    )
    written = events[-1]
    assert isinstance(written, Written)
    assert written.out.path.resolve() == (run / "samples/001").resolve()
    assert [path.name for path in written.out.trajectories] == [
        f"{index:05d}-from-noise.png" for index in range(3)
    ]
    with (
        Image.open(written.out.trajectories[2]) as strip,
        Image.open(written.out.files[2]) as picture,
    ):
        # Four states of 16 pixels at six to one, and the last is the sample.
        scale, gap = 6, 6
        last = strip.crop(
            (3 * (16 * scale + gap) + gap, gap, strip.width - gap, strip.height - gap)
        )
        assert last.resize((16, 16), Image.Resampling.NEAREST).tobytes() == picture.tobytes()
    told = written.to_json()
    assert told["files"] == [str(path) for path in written.out.files]


def test_a_file_that_is_neither_run_nor_picture(runs: Runs) -> None:
    runs("unet")
    with pytest.raises(SettingError, match="No run was named"):
        list(sample_files(None, SampleOptions()))


def test_the_sheet_of_an_edit_begins_with_its_file(tmp_path: Path) -> None:
    folder = MEDIUM.folder(tmp_path)
    grey = np.full((16, 16, 3), 1, np.uint8)
    folder.original, folder.observed = 100 * grey, 150 * grey
    folder.add([0, 1], np.stack([200 * grey, 250 * grey]), [{}, {}])
    folder.finish()
    with Image.open(tmp_path / "sheet.png") as sheet:
        pixels = np.asarray(sheet)
    middles = (6 + 48, 6 + 96 + 6 + 48)
    assert [pixels[y, x, 0] for y in middles for x in middles] == [100, 150, 200, 250]


def test_words_are_below_the_images_of_the_sheet(tmp_path: Path) -> None:
    folder = MEDIUM.folder(tmp_path)
    pixels = np.random.default_rng(0).integers(0, 256, (3, 16, 16, 3), dtype=np.uint8)
    words = ["a red bird", "", "x" * 10_000]
    origins = [{"index": place, "conditions": {"words": text}} for place, text in enumerate(words)]
    folder.add([1, 2], pixels[1:], origins[1:])
    folder.add([0], pixels[:1], origins[:1])
    folder.finish()
    with Image.open(tmp_path / "sheet.png") as image:
        assert image.tobytes() == sheet(pixels, captions=words).tobytes()
    # Images that were there before are shown in the same way.
    again = MEDIUM.folder(tmp_path)
    for present in again.present():
        again.keep(present, requested=True)
    before = (tmp_path / "sheet.png").read_bytes()
    again.finish()
    assert (tmp_path / "sheet.png").read_bytes() == before


def test_without_words_the_sheet_has_none(tmp_path: Path) -> None:
    folder = MEDIUM.folder(tmp_path)
    pixels = np.zeros((2, 16, 16, 3), np.uint8)
    folder.add([0, 1], pixels, [{"label": "cat"}, {"label": None, "conditions": None}])
    folder.finish()
    with Image.open(tmp_path / "sheet.png") as image:
        assert image.tobytes() == sheet(pixels).tobytes()
