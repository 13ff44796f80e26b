from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from sfumato.data.building import open_or_build
from sfumato.data.index import scan
from sfumato.errors import DataError, MissingExtra
from sfumato.media.audio.reader import ClipReader
from sfumato.media.audio.settings import AudioSettings
from sfumato.sound.open import AUDIO, audio_header, read_audio

RATE = 48_000
TONE = (0.5 * np.sin(2 * np.pi * 440 * np.arange(RATE) / RATE)).astype(np.float32)
KINDS = {
    "m4a": ("aac", "ipod", "fltp"),
    "alac.m4a": ("alac", "ipod", "s16p"),
    "webm": ("libopus", "webm", "flt"),
    "aac": ("aac", "adts", "fltp"),
    "mka": ("flac", "matroska", "s16"),
}


def encode(path: Path, kind: str, samples: NDArray[np.float32], rate: int = RATE) -> Path:
    """Write samples of shape (C, N)."""
    codec, container, form = KINDS[kind]
    layout = {1: "mono", 2: "stereo"}[len(samples)]
    with av.open(path, "w", format=container) as file:
        stream: Any = file.add_stream(codec, rate=rate)
        stream.layout = layout
        for place in range(0, samples.shape[1], 960):
            part = samples[:, place : place + 960]
            values = part if form.startswith("flt") else (part * 32767).astype(np.int16)
            values = values if form.endswith("p") else values.T.reshape(1, -1)
            frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(values), form, layout)
            frame.sample_rate, frame.pts = rate, place
            file.mux(stream.encode(frame))
        file.mux(stream.encode(None))
    return path


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("channels", [1, 2])
def test_what_phones_and_sites_store(tmp_path: Path, kind: str, channels: int) -> None:
    both = np.stack([TONE, 0.5 * TONE])[:channels]
    path = encode(tmp_path / f"a.{kind}", kind, both)
    header = audio_header(path)
    assert (header.rate, header.channels) == (RATE, channels)
    found = read_audio(path, 60).samples
    assert abs(found.shape[1] - RATE) < 3_000
    # A stream of AAC begins with the delay of its encoder.
    delay = 1_024 if kind == "aac" else 0
    inside = found[:, 6_000 + delay : 40_000 + delay]
    # The encoder of AAC in the package distorts some frames.
    assert np.sqrt(np.square(inside - both[:, 6_000:40_000]).mean()) < 0.03
    part = read_audio(path, 60, 0.5, 0.125).samples
    np.testing.assert_array_equal(part, found[:, RATE // 2 : RATE // 2 + RATE // 8])
    with pytest.raises(DataError) as caught:
        read_audio(path, 0.5)
    assert "above the limit of 0.5" in caught.value.why
    with pytest.raises(DataError) as caught:
        read_audio(path, 60, 30.0, 1.0)
    assert "ends before" in caught.value.why


def test_a_long_one_is_cut_like_every_other(tmp_path: Path) -> None:
    slide = np.sin(2 * np.pi * np.cumsum(np.linspace(200, 900, 6 * RATE)) / RATE)
    path = encode(tmp_path / "a.m4a", "alac.m4a", (0.5 * slide[None]).astype(np.float32))
    reader = ClipReader(AudioSettings(rate=8_000, level="keep", trim=None))
    assert reader.parts(path) == 6
    whole = np.concatenate([reader.read(path, part)[0] for part in range(6)]) / 32768
    expected = 0.5 * slide[::6]
    inside = np.abs(whole - expected).reshape(6, 8_000)[:, 40:-40]
    assert inside.max() < 2e-3
    # In any order the clips are the same.
    other = ClipReader(reader.settings)
    for part in (4, 0, 5, 2):
        np.testing.assert_array_equal(other.read(path, part), reader.read(path, part))


def test_damage(tmp_path: Path) -> None:
    path = encode(tmp_path / "a.m4a", "m4a", TONE[None])
    content = path.read_bytes()
    rng = np.random.default_rng(0)
    for trial in range(60):
        damaged = bytearray(content)
        for place in rng.integers(0, len(damaged) if trial % 2 else 200, 5):
            damaged[place] = rng.integers(256)
        if trial % 5 == 0:
            damaged = damaged[: rng.integers(1, len(damaged))]
        path.write_bytes(damaged)
        try:
            assert np.isfinite(read_audio(path, 60).samples).all()
        except DataError as error:
            assert error.why and "Errno" not in error.why and "a.m4a" not in error.why


def test_a_video_without_sound_and_other_formats_of_the_package(tmp_path: Path) -> None:
    path = tmp_path / "a.webm"
    with av.open(path, "w", format="matroska") as file:
        stream: Any = file.add_stream("mjpeg", rate=10)
        stream.width = stream.height = 16
        stream.pix_fmt = "yuvj420p"
        file.mux(stream.encode(av.VideoFrame.from_ndarray(np.zeros((16, 16, 3), np.uint8))))
        file.mux(stream.encode(None))
    with pytest.raises(DataError) as caught:
        read_audio(path, 60)
    assert caught.value.why == "it holds no sound"
    # A playlist would make FFmpeg open other files.
    (tmp_path / "b.m4a").write_text("#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n")
    with pytest.raises(DataError) as caught:
        read_audio(tmp_path / "b.m4a", 60)
    assert caught.value.why == "it is plain text"


def test_without_the_package_they_are_counted_with_the_extra(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import soundfile

    folder = tmp_path / "data"
    folder.mkdir()
    for number in range(2):
        encode(folder / f"{number}.m4a", "m4a", TONE[None])
        soundfile.write(folder / f"{number}.wav", TONE * (1 - 0.1 * number), RATE)
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(MissingExtra, match="av") as caught:
        read_audio(folder / "0.m4a", 60)
    assert "sfumato[aac]" in caught.value.hint
    reader = ClipReader(AudioSettings())
    data = open_or_build(scan(folder, AUDIO), reader, tmp_path / "cache")
    assert len(data) == 2
    assert [one.path for one in data.rejected] == ["0.m4a", "1.m4a"]
    assert all("pip install 'sfumato[aac]'" in one.reason for one in data.rejected)
    monkeypatch.undo()
    assert len(open_or_build(scan(folder, AUDIO), reader, tmp_path / "cache")) == 4
