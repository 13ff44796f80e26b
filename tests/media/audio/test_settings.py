from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from pydantic import ValidationError

from sfumato.data.index import scan
from sfumato.media.audio.recipes import AudioRecipe, spectrogram
from sfumato.media.audio.settings import AudioSettings, SpectrogramSpec, WaveformSpec
from sfumato.sound.open import AUDIO

MakeSound = Callable[..., Path]


@pytest.mark.parametrize(
    ("bad", "said"),
    [
        ({"rate": 3_999}, "rate"),
        ({"rate": 200_000}, "rate"),
        ({"seconds": 0.01}, "seconds"),
        ({"seconds": float("nan")}, "seconds"),
        ({"channels": "5.1"}, "channels"),
        ({"cut": "end"}, "cut"),
        ({"level": "rms"}, "level"),
        ({"trim": 0}, "trim"),
        ({"gain": -1}, "gain"),
        ({"shift": 1.0}, "leaves nothing"),
        ({"max_seconds": 0}, "max_seconds"),
        ({"colour": 3}, "colour"),
        ({"representation": {"kind": "mel"}}, "mel"),
        ({"representation": {"kind": "waveform", "patch": 48}}, "48 is not a power of two"),
        ({"representation": {"kind": "spectrogram", "window": 200}}, "200 is not a power of two"),
        ({"representation": {"kind": "spectrogram", "window": 32}}, "window"),
        ({"representation": {"kind": "spectrogram", "power": 0}}, "power"),
    ],
)
def test_bad_settings(bad: dict[str, object], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        AudioSettings.model_validate(bad)


@pytest.mark.parametrize("scales", [[1.0] * 31, [1.0] * 31 + [0.0], [1.0] * 31 + [float("inf")]])
def test_bad_scales(scales: list[float]) -> None:
    with pytest.raises(ValidationError, match="scales"):
        SpectrogramSpec(window=64, scales=tuple(scales))


def test_round_trip_through_json() -> None:
    representations = (WaveformSpec(patch=32), SpectrogramSpec(window=64, scales=(0.5,) * 32))
    for representation in representations:
        settings = AudioSettings(rate=8_000, trim=None, representation=representation)
        assert AudioSettings.model_validate_json(settings.model_dump_json()) == settings


def test_samples() -> None:
    assert AudioSettings().samples == 16_000
    assert AudioSettings(rate=44_100, seconds=0.33).samples == 14_553


def test_every_setting_is_described() -> None:
    for model in (AudioSettings, WaveformSpec, SpectrogramSpec):
        for name, field in model.model_fields.items():
            assert name in ("kind",) or field.description


@pytest.mark.parametrize(("most", "expected"), [(1, "mono"), (2, "stereo"), (6, "stereo")])
def test_resolve(tmp_path: Path, make_sound: MakeSound, most: int, expected: str) -> None:
    make_sound("1.wav", np.full(100, 0.1))
    make_sound("2.wav", np.full((most, 100), 0.1))
    (tmp_path / "data" / "0.wav").write_bytes(b"damaged")
    index = scan(tmp_path / "data", AUDIO)
    resolved = AudioSettings(channels="auto", gain=3).resolve(index)
    assert (resolved.channels, resolved.gain) == (expected, 3)
    asked = AudioSettings(channels="mono")
    assert asked.resolve(index) is asked


def test_a_recipe_that_was_stored_before_there_was_a_floor_has_none() -> None:
    recipe = spectrogram()
    tree = recipe.model_dump(mode="json")
    assert (tree["medium"]["cut"], tree["medium"]["floor"]) == ("auto", 60.0)
    assert AudioRecipe.stored(tree) == recipe
    tree["medium"] = {**tree["medium"], "cut": "start"}
    del tree["medium"]["floor"]
    old = AudioRecipe.stored(tree)
    assert (old.medium.cut, old.medium.floor) == ("start", None)
    assert old == recipe.model_copy(update={"medium": old.medium})
    assert "floor" not in tree["medium"]


@pytest.mark.parametrize(
    ("cut", "seconds", "whole"),
    [("auto", 3.99, False), ("auto", 4.0, True), ("auto", None, False), ("all", 0.1, True),
     ("all", None, True), ("start", 99.0, False), ("middle", 99.0, False)],
)  # fmt: skip
def test_which_files_are_used_whole(cut: str, seconds: float | None, whole: bool) -> None:
    assert AudioSettings.model_validate({"cut": cut}).uses_all(seconds) is whole
