from __future__ import annotations

import json
import resource
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from sfumato.errors import DataError
from sfumato.media.audio.check import AudioReport
from sfumato.media.audio.medium import AudioMedium
from sfumato.media.audio.recipes import spectrogram
from sfumato.media.audio.settings import AudioSettings

MakeSound = Callable[..., Path]
SETTINGS = AudioSettings(rate=8_000, seconds=0.5, channels="auto", trim=None, level="keep")


def check(folder: Path, settings: AudioSettings) -> AudioReport:
    recipe = spectrogram().model_copy(update={"medium": settings})
    report = AudioMedium.check(folder, recipe)
    assert isinstance(report, AudioReport)
    return report


def tone(seconds: float, rate: int, loud: float = 0.5, pitch: float = 440) -> NDArray[np.float64]:
    return loud * np.sin(2 * np.pi * pitch * np.arange(round(seconds * rate)) / rate)


@pytest.fixture
def report(make_sound: MakeSound, tmp_path: Path) -> AudioReport:
    make_sound("a/one.wav", tone(0.25, 16_000), 16_000)
    make_sound("a/two.flac", np.stack([tone(1.0, 8_000)] * 2), 8_000)
    make_sound("b/copy.wav", tone(0.25, 16_000), 16_000)
    clipped = np.clip(tone(0.5, 8_000, 3.0), -1, 1)
    make_sound("b/clipped.wav", clipped, 8_000, subtype="FLOAT")
    make_sound("b/silent.wav", np.zeros(4_000), 8_000)
    (tmp_path / "data/b/broken.wav").write_text("hello")
    (tmp_path / "data/b/clipped.txt").write_text("too loud")
    (tmp_path / "data/b/notes.pdf").write_text("no sound")
    return check(tmp_path / "data", SETTINGS)


def test_it_counts(report: AudioReport) -> None:
    assert (report.count, report.files, report.groups) == (4, 4, 4)
    assert report.labels == {"a": 2, "b": 2}
    assert report.captions == 1
    assert report.rates == {"16000 Hz": 2, "8000 Hz": 2}
    assert report.channels == {"1": 3, "2": 1}
    assert report.formats == {"WAV PCM_16": 2, "FLAC PCM_16": 1, "WAV FLOAT": 1}
    assert report.duplicates == (("b/copy.wav", "a/one.wav"),)
    assert report.settings.channels == "stereo"


def test_it_measures_files_and_clips(report: AudioReport) -> None:
    assert report.seconds == (0.25, 0.375, 1.0)
    assert report.total == 2.0
    assert report.longer == 1
    assert report.lengths.most == 0.5
    assert report.lengths.least == pytest.approx(0.25, abs=0.01)
    assert report.clipped == 1
    # A sine of half of full scale is at -9.03 dB, and one that is cut off there near 0.
    assert report.levels.least == pytest.approx(-9.03, abs=0.1)
    assert -2 < report.levels.most < 0


def test_what_cannot_be_used_is_said_with_its_reason(report: AudioReport) -> None:
    reasons = {rejected.path: rejected.reason for rejected in report.rejected}
    assert reasons["b/silent.wav"] == "it is silent"
    assert reasons["b/broken.wav"] == "it is plain text"


def test_it_is_json_and_has_a_sheet(report: AudioReport) -> None:
    told = json.loads(json.dumps(report.to_json()))
    assert told["seconds"] == {"least": 0.25, "median": 0.375, "most": 1.0}
    assert told["duplicates"] == [["b/copy.wav", "a/one.wav"]]
    assert {"path": "b/silent.wav", "reason": "it is silent"} in told["rejected"]
    assert told["settings"]["rate"] == 8_000
    assert "contact_sheet" not in told
    assert np.asarray(report.contact_sheet).std() > 0


def test_two_samples_at_full_scale_happen_and_three_are_cut_off(
    make_sound: MakeSound, tmp_path: Path
) -> None:
    for number, sign in ((1, 1), (2, -1), (3, -1), (4, 1)):
        samples = np.tile(np.array([900, -700], np.int16), 500)
        samples[100 : 100 + number] = 32767 if sign > 0 else -32768
        make_sound(f"{number}.wav", samples, 8_000)
    for changes in ({}, {"level": "peak", "rate": 16_000}):
        settings = SETTINGS.model_copy(update=changes)
        assert check(tmp_path / "data", settings).clipped == 2


def test_stretches_are_clips_of_few_files(make_sound: MakeSound, tmp_path: Path) -> None:
    draw = np.random.default_rng(0)
    for number in range(2):
        make_sound(f"{number}.wav", draw.uniform(-0.5, 0.5, 16_000), 8_000)
    every = SETTINGS.model_copy(update={"cut": "all"})
    found = check(tmp_path / "data", every)
    assert (found.count, found.files, found.groups, found.longer) == (8, 2, 2, 0)
    assert found.total == 4.0


@pytest.mark.parametrize(("cut", "count"), [("start", 1), ("auto", 1200)])
def test_a_long_file_takes_little_memory(
    make_sound: MakeSound, tmp_path: Path, cut: str, count: int
) -> None:
    """Ten minutes, of which half a second is wanted, or every one."""
    draw = np.random.default_rng(0)
    make_sound("long.wav", draw.integers(-9_000, 9_000, 600 * 48_000).astype(np.int16), 48_000)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    settings = SETTINGS.model_copy(update={"cut": cut})
    assert check(tmp_path / "data", settings).count == count
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert after - before < 64 * 1024  # KiB; as floats the file would take 115 MB


def test_nothing_to_use_is_refused(make_sound: MakeSound, tmp_path: Path) -> None:
    make_sound("silent.wav", np.zeros(100))
    with pytest.raises(DataError, match=r"None of the 1 files(.|\n)*it is silent"):
        check(tmp_path / "data", SETTINGS)
