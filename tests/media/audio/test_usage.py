"""What training and ``data check`` say about the files, and about what is used of them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from sfumato.data.index import scan
from sfumato.media.audio.check import AudioReport
from sfumato.media.audio.medium import AudioMedium
from sfumato.media.audio.recipes import spectrogram
from sfumato.media.audio.settings import AudioSettings
from sfumato.media.medium import Source
from sfumato.media.number_data import NumberData
from sfumato.sound.open import AUDIO

MakeSound = Callable[..., Path]
RATE = 4_000


def tone(seconds: float, rate: int = RATE, pitch: float = 300) -> np.ndarray:
    return 0.5 * np.sin(2 * np.pi * pitch * np.arange(round(seconds * rate)) / rate)


def rows(folder: Path, **settings: object) -> dict[str, str]:
    """The rows of training, which are those of ``data check`` too."""
    medium = AudioSettings.model_validate({"rate": RATE, **settings})
    recipe = spectrogram().model_copy(update={"medium": medium})
    report = AudioMedium.check(folder, recipe)
    assert isinstance(report, AudioReport)
    checked = dict(report.table())
    for _ in range(2):  # The second time from the cache.
        *_, data = AudioMedium.open(Source(folder), recipe)
        assert isinstance(data, NumberData)
        found = dict(data.summary())
        for name in found.keys() - {"audio clips", "set aside", "duplicates"}:
            assert checked[name] == found[name]
    return found


def test_recordings_that_are_used_whole(make_sound: MakeSound, tmp_path: Path) -> None:
    for number in range(3):
        make_sound(f"{number}.wav", tone(60, pitch=300 + 100 * number), RATE)
    found = rows(tmp_path / "data")
    assert found["used"] == (
        "3 min 0 s of 3 min 0 s\n"
        "3 recordings of 60 s are used whole, as 180 clips (as by medium.cut=all; medium.cut=start "
        "uses the first 1 s of each)"
    )
    assert found["durations"] == "60.00 to 60.00 s, median 60.00; 3 min 0 s in all"


def test_recordings_that_are_not(make_sound: MakeSound, tmp_path: Path) -> None:
    for number in range(3):
        make_sound(f"{number}.wav", tone(60, pitch=300 + 100 * number), RATE)
    found = rows(tmp_path / "data", cut="start")
    assert found["used"] == (
        "3 s of 3 min 0 s\n"
        "3 files are longer than a clip and 1 s of each is used (medium.cut=all uses the whole, "
        "medium.seconds=... sets the length)"
    )


def test_short_sounds(make_sound: MakeSound, tmp_path: Path) -> None:
    for seconds in (0.5, 0.75, 1.0):
        make_sound(f"{seconds}.wav", tone(seconds), RATE)
    found = rows(tmp_path / "data")
    assert found["used"] == "2 s of 2 s"
    assert found["clips end"].startswith("after 0.50 to 1.00 s")
    assert found["rates"] == "4000 Hz (3)"
    assert "without sound" not in found
    assert "repaired" not in found


def test_what_is_too_soft_is_counted_by_reason(make_sound: MakeSound, tmp_path: Path) -> None:
    room = 1e-4 * np.random.default_rng(0).standard_normal(12 * RATE)
    room[: 2 * RATE] += tone(2)
    room[5 * RATE : 7 * RATE] = 0
    make_sound("a.wav", room, RATE, subtype="FLOAT")
    make_sound("b.wav", tone(1), RATE)
    assert rows(tmp_path / "data")["without sound"] == (
        "8 x quieter than 60 dB below the loudest of its file\n2 x that stretch is silent"
    )


def test_many_soft_stretches_do_not_hide_a_broken_file(
    make_sound: MakeSound, tmp_path: Path
) -> None:
    room = 1e-4 * np.random.default_rng(0).standard_normal(40 * RATE)
    room[:RATE] += tone(1)
    make_sound("a.wav", room, RATE, subtype="FLOAT")
    make_sound("b.wav", tone(1), RATE)
    (tmp_path / "data/z.wav").write_text("no sound")
    aside = rows(tmp_path / "data")["set aside"].split("\n")
    assert aside[0] == "40"
    assert "z.wav: it is plain text" in aside


def test_files_with_a_lower_rate(make_sound: MakeSound, tmp_path: Path) -> None:
    make_sound("a.wav", tone(1), RATE)
    make_sound("b.wav", tone(1, 2_000), 2_000)
    assert rows(tmp_path / "data")["rates"].split("\n")[1] == (
        "1 of 2 files have a rate below 4,000 Hz and hold nothing above 1,000 Hz "
        "(medium.rate=2000 fits all)"
    )
    make_sound("c.wav", tone(1, 1_000, 100), 1_000)
    assert (
        "2 of 3 files have rates below 4,000 Hz, the lowest 1,000 Hz"
        in rows(tmp_path / "data")["rates"]
    )


def test_repaired_headers(make_sound: MakeSound, tmp_path: Path) -> None:
    for number in range(3):
        path = make_sound(f"{number}.wav", tone(1, pitch=200 + 50 * number), RATE)
        content = bytearray(path.read_bytes())
        content[40:44] = bytes(4) if number else (10**6).to_bytes(4, "little")
        path.write_bytes(content)
    assert rows(tmp_path / "data")["repaired"] == (
        "2 x the header does not state how many samples there are\n"
        "1 x the header states more samples than there are"
    )


@pytest.mark.parametrize("place", [0, 300, 599])
def test_one_file_in_many_decides_the_channels(
    make_sound: MakeSound, tmp_path: Path, place: int
) -> None:
    for number in range(600):
        both = np.stack([tone(0.02), 0.5 * tone(0.02)])
        make_sound(f"{number:03d}.wav", both if number == place else both[:1], RATE)
    settings = AudioSettings(channels="auto")
    assert settings.resolve(scan(tmp_path / "data", AUDIO)).channels == "stereo"


def test_other_audio_is_counted_with_a_hint(make_sound: MakeSound, tmp_path: Path) -> None:
    for number in range(2):
        make_sound(f"{number}.wav", tone(1, pitch=200 + 50 * number), RATE)
        (tmp_path / f"data/{number}.wma").write_bytes(b"0&\xb2u\x8ef\xcf\x11" * 9)
    found = rows(tmp_path / "data")["not looked at"]
    assert found.startswith("2 x .wma")
    assert "convert it to .wav or .flac" in found
