from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import soundfile
import torch
from PIL import Image

from sfumato.errors import DataError, MissingExtra, RunError
from sfumato.media import medium as reading
from sfumato.media.audio.medium import AudioMedium
from sfumato.media.audio.recipes import AudioRecipe
from sfumato.media.medium import Reading
from sfumato.media.number_data import NumberData
from sfumato.model.options import CheckOptions
from sfumato.runs.directory import RunDirectory
from sfumato.training import source
from sfumato.training.batches import Batches
from sfumato.training.data import prepare, reopen
from sfumato.training.source import recipe_for
from sfumato.training.train import planned
from sfumato.verbs.check import check

RATE = 4_000


def asked(tiny: tuple[str, ...], *changes: str) -> AudioRecipe:
    recipe = planned("audio", steps=1, changes=(*tiny, *changes))
    assert isinstance(recipe, AudioRecipe)
    return recipe


def read(events: Iterator[object]) -> NumberData:
    *_, last = events
    assert isinstance(last, NumberData)
    return last


def medium_of(data: NumberData) -> AudioMedium:
    assert isinstance(data.medium, AudioMedium)
    return data.medium


@pytest.fixture
def own_sounds(tmp_path: Path, sounds: Path) -> Path:
    """A copy of the sounds that a test may change."""
    return Path(shutil.copytree(sounds, tmp_path / "sounds", copy_function=shutil.copyfile))


def test_progress_and_then_the_data(own_sounds: Path, tiny_sounds: tuple[str, ...]) -> None:
    recipe = asked(tiny_sounds)
    events = list(prepare(own_sounds, recipe))
    assert [(e.done, e.total) for e in events[:-1] if isinstance(e, Reading)] == [
        (done, 12) for done in range(1, 13)
    ]
    data = read(iter(events))
    assert sorted([*data.training, *data.held_out]) == list(range(12))
    assert data.facts.classes == ("high", "low")
    assert sum(data.facts.frequencies) == pytest.approx(1)
    assert not data.facts.catalogued
    assert len(list(prepare(own_sounds, recipe))) == 1  # from the cache


def test_what_depends_on_the_data_is_settled(sounds: Path, tiny_sounds: tuple[str, ...]) -> None:
    data = read(prepare(sounds, asked(tiny_sounds)))
    settled = data.settled()
    scales = settled.medium.representation.model_dump()["scales"]
    assert len(scales) == 32
    # The tones are at 200 and 800 Hz, a bin is 62.5 Hz wide.
    assert max(scales[1:]) in (scales[3], scales[13])
    items = data.dataset.gather(data.training)[0]
    x0 = data.medium.examples(items).x0
    assert settled.sigma_data == pytest.approx(x0.std().item(), abs=1e-4)
    assert settled.prediction.model_dump()["sigma_data"] == settled.sigma_data
    # Tones leave most bins empty, which are not blown up; those they fill have a deviation of 0.5.
    assert 0.05 < settled.sigma_data < 0.75
    stated = read(prepare(sounds, asked(tiny_sounds, "sigma_data=0.3"))).settled()
    assert stated.sigma_data == 0.3


class TestSeconds:
    def test_are_quantiles_of_each_class(self, sounds: Path, tiny_sounds: tuple[str, ...]) -> None:
        data = read(prepare(sounds, asked(tiny_sounds, "data.held_out=0.2")))
        assert len(data.facts.seconds) == 2
        assert data.dataset.labels is not None
        for number, row in enumerate(data.facts.seconds):
            those = data.training[data.dataset.labels[data.training] == number]
            lengths = medium_of(data).lengths(data.dataset.array[those]) / RATE
            assert len(row) == 17
            assert list(row) == sorted(row)
            assert (row[0], row[8], row[-1]) == pytest.approx(
                (lengths.min(), np.median(lengths), lengths.max()), abs=1e-4
            )

    def test_are_those_of_all_where_classes_are_not_told(
        self, sounds: Path, tiny_sounds: tuple[str, ...]
    ) -> None:
        data = read(prepare(sounds, asked(tiny_sounds, "data.labels=false")))
        (row,) = data.facts.seconds
        lengths = medium_of(data).lengths(data.dataset.array[data.training]) / RATE
        assert (row[0], row[-1]) == pytest.approx((lengths.min(), lengths.max()), abs=1e-4)

    def test_there_are_none_where_all_fill_the_window(
        self, tmp_path: Path, tiny_sounds: tuple[str, ...]
    ) -> None:
        (tmp_path / "a").mkdir()
        for number in range(4):
            noise = np.random.default_rng(number).uniform(-0.5, 0.5, 1200)
            soundfile.write(tmp_path / f"a/{number}.wav", noise, RATE)
        assert read(prepare(tmp_path / "a", asked(tiny_sounds))).facts.seconds == ()
        shorter = asked(tiny_sounds, "medium.seconds=0.35")
        assert len(read(prepare(tmp_path / "a", shorter)).facts.seconds) == 1

    def test_a_class_that_is_all_held_out_has_those_of_all(
        self, own_sounds: Path, tiny_sounds: tuple[str, ...]
    ) -> None:
        """Whatever the hash of the names holds out, every class has a row."""
        for name in ("1", "2", "3", "4", "5"):
            (own_sounds / f"low/{name}.wav").unlink()
        for held_out in (0.1, 0.5, 0.9):
            facts = read(prepare(own_sounds, asked(tiny_sounds, f"data.held_out={held_out}"))).facts
            assert [len(row) for row in facts.seconds] == [17, 17]


class TestTooLittle:
    def test_one_sound_is_not_trained_on(
        self, own_sounds: Path, tiny_sounds: tuple[str, ...]
    ) -> None:
        (own_sounds / "low/1.wav").write_bytes(b"broken")
        for name in ("2", "3", "4", "5"):
            (own_sounds / f"low/{name}.wav").unlink()
        with pytest.raises(DataError, match=r"one usable audio clip(.|\n)*medium.cut=all"):
            read(prepare(own_sounds / "low", asked(tiny_sounds)))

    def test_one_long_recording_is_when_it_is_cut(
        self, tmp_path: Path, tiny_sounds: tuple[str, ...]
    ) -> None:
        (tmp_path / "a").mkdir()
        noise = np.random.default_rng(0).uniform(-0.5, 0.5, 5 * RATE)
        soundfile.write(tmp_path / "a/long.wav", noise, RATE)
        data = read(prepare(tmp_path / "a", asked(tiny_sounds, "medium.cut=all")))
        assert data.facts.count == 20
        # One group is never divided.
        assert (len(data.training), len(data.held_out)) == (20, 0)


class TestMissing:
    @pytest.mark.parametrize("missing", ["soundfile", "soxr"])
    def test_a_package_is_missed_before_anything_is_read(
        self,
        sounds: Path,
        tiny_sounds: tuple[str, ...],
        monkeypatch: pytest.MonkeyPatch,
        missing: str,
    ) -> None:
        def none(name: str) -> object:
            raise AssertionError("fetched")

        found = reading.find_spec
        monkeypatch.setattr(
            reading, "find_spec", lambda name: None if name == missing else found(name)
        )
        monkeypatch.setattr(source, "fetch", none)
        for place in (str(sounds), "one-shots"):
            with pytest.raises(MissingExtra, match=rf"{missing}(.|\n)*sfumato\[audio\]"):
                next(iter(prepare(place, asked(tiny_sounds))))
            with pytest.raises(MissingExtra, match=missing):
                check(place, CheckOptions(recipe="audio"))


def test_a_set_of_the_catalogue_is_read_as_it_says(
    sounds: Path, tiny_sounds: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(source, "fetch", lambda name: SimpleNamespace(path=sounds))
    changes = [change for change in tiny_sounds if not change.startswith("medium.rate")]
    recipe = recipe_for("spoken-numbers", changes=changes)
    assert isinstance(recipe, AudioRecipe)
    data = read(prepare("spoken-numbers", recipe))
    assert data.settled().medium.rate == 8_000
    assert len(data.held_out) == 0
    assert (data.facts.source, data.facts.catalogued) == ("spoken-numbers", True)
    assert "Allison" in data.facts.attribution


def test_a_preview_is_a_picture_and_a_sound(
    tmp_path: Path, sounds: Path, tiny_sounds: tuple[str, ...]
) -> None:
    data = read(prepare(sounds, asked(tiny_sounds)))
    items = data.medium.decode(data.medium.examples(data.dataset.gather(range(3))[0]).x0)
    data.medium.write_preview(items, [tmp_path / "step-1", tmp_path / "latest"])
    assert {path.name for path in tmp_path.iterdir()} == {
        "latest.png", "latest.wav", "step-1.png", "step-1.wav",
    }  # fmt: skip
    with Image.open(tmp_path / "latest.png") as picture:
        picture.load()
    assert soundfile.info(tmp_path / "latest.wav").frames == 3 * 1000 + 2 * 800


def test_changed_data_is_told_apart(own_sounds: Path, tiny_sounds: tuple[str, ...]) -> None:
    recipe = asked(tiny_sounds)
    data = read(prepare(own_sounds, recipe))
    settled = data.settled()
    again = read(reopen(RunDirectory(Path("none")), data.facts, settled))
    assert again.facts.model_copy(update={"relative": ""}) == data.facts
    assert again.medium.settings == settled.medium
    (own_sounds / "low/0.wav").rename(own_sounds / "high/9.wav")
    with pytest.raises(RunError, match="not what this run began with"):
        read(reopen(RunDirectory(Path("none")), data.facts, settled))


def test_batches_tell_how_much_is_filled(sounds: Path, tiny_sounds: tuple[str, ...]) -> None:
    data = read(prepare(sounds, asked(tiny_sounds)))
    recipe = asked(tiny_sounds)
    batch = Batches(data, recipe, 2, lengths=True)(3)
    assert batch.length is not None
    assert set(batch.cond) == {"label", "length"}
    decoded = torch.from_numpy(data.medium.decode(batch.x0))
    for clip, length in zip(decoded, batch.length.tolist(), strict=True):
        ends = (clip[0].abs() > 1e-3).nonzero().max().item() + 1
        assert ends / 1000 == pytest.approx(length, abs=0.02)
    assert Batches(data, recipe, 2, lengths=False)(3).length is None
