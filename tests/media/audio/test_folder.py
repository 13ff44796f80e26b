from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile
from PIL import Image

from sfumato.errors import SettingError
from sfumato.media.audio.medium import AudioMedium
from sfumato.media.audio.provenance import read_recipe
from sfumato.media.audio.settings import AudioSettings
from sfumato.model.options import SampleOptions
from sfumato.model.samples import Samples
from sfumato.run import open_run
from sfumato.verbs.sample import Written, sample_files

Runs = Callable[..., Path]
RATE = 4_000
MEDIUM = AudioMedium(AudioSettings(rate=RATE, seconds=0.25))


@pytest.mark.parametrize(
    "name",
    ["00003.wav", "00003.flac", "00003-from-noise.wav", "00002-from-noise.flac", "sheet.png"],
)
@pytest.mark.parametrize("form", ["wav", "flac"])
def test_nothing_is_written_over(tmp_path: Path, name: str, form: str) -> None:
    (tmp_path / name).write_text("precious")
    with pytest.raises(SettingError, match="nothing is overwritten"):
        MEDIUM.folder(tmp_path, form).require_free(range(2, 5))
    assert (tmp_path / name).read_text() == "precious"


def test_other_files_are_no_matter(tmp_path: Path) -> None:
    for name in ("00009.wav", "notes.txt", "00003.png", "00003.mp3", "x00003.wav"):
        (tmp_path / name).touch()
    MEDIUM.folder(tmp_path).require_free(range(2, 5))


@pytest.mark.parametrize("form", ["wav", "flac"])
def test_each_ends_where_its_recipe_says(tmp_path: Path, form: str) -> None:
    items = np.random.default_rng(0).uniform(-0.5, 0.5, (3, 1, 1000)).astype(np.float32)
    recipes = [
        {"seconds": seconds, "label": label}
        for seconds, label in ((0.1, "high"), (0.25, None), (None, None))
    ]
    folder = MEDIUM.folder(tmp_path, form)
    folder.add([4, 5, 6], items, recipes)
    assert [path.name for path in folder.files] == [f"0000{n}.{form}" for n in (4, 5, 6)]
    for path, item, recipe, frames in zip(
        folder.files, items, recipes, (400, 1000, 1000), strict=True
    ):
        samples, rate = soundfile.read(path)
        assert rate == RATE
        assert len(samples) == frames
        np.testing.assert_allclose(samples, item[0, :frames], atol=2**-15)
        assert read_recipe(path) == recipe
    folder.finish()
    with Image.open(folder.sheet) as picture:
        picture.load()
        assert picture.format == "PNG"


def test_a_sheet_shows_64_at_most(tmp_path: Path) -> None:
    def sheet(count: int) -> tuple[int, int]:
        folder = MEDIUM.folder(tmp_path / str(count))
        folder.path.mkdir()
        clip = np.zeros((count, 1, 1000), np.float32)
        folder.add(range(count), clip, [{"seconds": 0.01, "label": None}] * count)
        folder.finish()
        with Image.open(folder.sheet) as picture:
            return picture.size

    shown = sheet(64)
    assert sheet(70) == shown
    assert sheet(16) != shown


def test_words_take_up_to_three_lines_of_the_sheet(tmp_path: Path) -> None:
    def height(name: str, words: str | None, label: str | None = None) -> int:
        folder = MEDIUM.folder(tmp_path / name)
        folder.path.mkdir()
        conditions = None if words is None else {"words": words}
        origin = {"seconds": 0.01, "label": label, "conditions": conditions}
        folder.add([0], np.zeros((1, 1, 1000), np.float32), [origin])
        folder.finish()
        with Image.open(folder.sheet) as picture:
            return picture.height

    plain = height("plain", None)
    assert height("label", None, "a long name of a class " * 20) == plain
    assert height("short", "a drum") == plain
    assert height("long", "word " * 2_000) == plain + 2 * 15
    assert height("emoji", "\U0001f941") == plain


def test_sounds_in_memory_are_not_written_over(finished_sounds: Path, tmp_path: Path) -> None:
    made = open_run(finished_sounds / "tones").sample(2)
    assert isinstance(made, Samples)
    assert len(made) == 2
    paths = made.save(tmp_path / "out")
    assert [path.name for path in paths] == ["00000.wav", "00001.wav"]
    samples, _ = soundfile.read(paths[1])
    np.testing.assert_allclose(samples, made[1][0], atol=2**-15)
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "out").iterdir()}
    for form in ("wav", "flac"):
        with pytest.raises(SettingError, match="nothing is overwritten"):
            made.save(tmp_path / "out", form)
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "out").iterdir()} == before
    assert made.sheet().size == Image.open(tmp_path / "out/sheet.png").size


def test_the_way_from_noise_is_heard_when_asked_for(sound_runs: Runs) -> None:
    run = sound_runs("tones")
    asked = SampleOptions(n=3, batch=2, steps=3, sampler="ddim")
    *_, written = sample_files("tones", asked, trajectory=True, format="wav")
    assert isinstance(written, Written)
    assert written.out.path.resolve() == (run / "samples/001").resolve()
    assert [path.name for path in written.out.trajectories] == [
        f"0000{n}-from-noise.wav" for n in range(3)
    ]
    for strip, sound in zip(written.out.trajectories, written.out.files, strict=True):
        way, _ = soundfile.read(strip)
        # Four states with pauses of 0.2 s, and the last is the sample with its end.
        assert len(way) == 4 * 1000 + 3 * 800
        last, _ = soundfile.read(sound)
        # But for the last 3 ms, in which it is faded out, and for the level, which is its own.
        whole, cut = way[-1000:][: len(last) - 12], last[:-12]
        factor = np.dot(whole, cut) / np.dot(whole, whole)
        assert factor >= 0.999
        np.testing.assert_allclose(whole * factor, cut, atol=2**-14)
    assert written.to_json()["files"] == [str(path) for path in written.out.files]
