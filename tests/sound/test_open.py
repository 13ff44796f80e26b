from __future__ import annotations

import math
import os
import struct
import sys
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

from sfumato.data.index import scan
from sfumato.errors import DataError, MissingExtra
from sfumato.sound.open import AUDIO, audio_header, read_audio

MakeSound = Callable[..., Path]
NOISE = np.random.default_rng(0).uniform(-0.5, 0.5, (2, 40_000))
# In steps of 16 bits, so that lossless files give them back exactly.
STEPS = (np.rint(NOISE * 32768) / 32768).astype(np.float32)


def samples_of(path: Path, start: float = 0.0, seconds: float | None = None) -> NDArray[np.float32]:
    return read_audio(path, 3600, start, seconds).samples


def reason(path: Path, max_seconds: float = 3600) -> str:
    with pytest.raises(DataError, match="cannot be read as audio") as caught:
        read_audio(path, max_seconds)
    return caught.value.why


def wav(claimed: int, data: bytes, channels: int = 1, rate: int = 8_000) -> bytes:
    """A WAV file of 16 bits whose header claims so many bytes of samples."""
    layout = struct.pack("<HHIIHH", 1, channels, rate, 2 * rate * channels, 2 * channels, 16)
    sizes = struct.pack("<I", (claimed + 36) % 2**32), struct.pack("<I", claimed)
    return (
        b"RIFF"
        + sizes[0]
        + b"WAVEfmt "
        + struct.pack("<I", 16)
        + layout
        + b"data"
        + sizes[1]
        + data
    )


def with_total(flac: bytes, total: int) -> bytes:
    """The same FLAC file, claiming another number of samples: 36 bits of its STREAMINFO."""
    return flac[:21] + bytes([flac[21] & 0xF0 | total >> 32]) + struct.pack(
        ">I", total % 2**32
    ) + flac[26:]  # fmt: skip


@pytest.mark.parametrize("suffix", ["wav", "flac", "aiff", "au", "w64", "rf64", "caf"])
def test_lossless_formats_are_exact(make_sound: MakeSound, suffix: str) -> None:
    path = make_sound(f"a.{suffix}", STEPS, subtype="PCM_16")
    sound = read_audio(path, 3600)
    assert (sound.rate, sound.samples.dtype) == (16_000, np.float32)
    np.testing.assert_array_equal(sound.samples, STEPS)
    header = audio_header(path)
    assert header == (16_000, 2, 40_000, suffix.upper(), "PCM_16", "")


@pytest.mark.parametrize("suffix", ["mp3", "ogg"])
def test_lossy_formats(make_sound: MakeSound, suffix: str) -> None:
    tone = 0.5 * np.sin(2 * np.pi * 440 * np.arange(32_000) / 16_000)
    samples = samples_of(make_sound(f"a.{suffix}", tone))
    assert samples.shape == (1, 32_000)
    assert np.abs(samples[0] - tone).max() < 0.05


def test_opus(make_sound: MakeSound) -> None:
    tone = 0.5 * np.sin(2 * np.pi * 440 * np.arange(48_000) / 48_000)
    path = make_sound("a.opus", tone, 48_000, format="OGG", subtype="OPUS")
    assert np.abs(samples_of(path)[0, 4_800:43_200] - tone[4_800:43_200]).max() < 0.1


def test_eight_kilohertz_of_eight_channels(make_sound: MakeSound) -> None:
    sound = read_audio(make_sound("a.wav", np.tile(NOISE[:, :900], (4, 1)), 8_000), 3600)
    assert (sound.samples.shape, sound.rate) == ((8, 900), 8_000)


@pytest.mark.parametrize("suffix", ["wav", "flac", "mp3", "ogg"])
def test_a_stretch_is_that_of_the_whole(make_sound: MakeSound, suffix: str) -> None:
    path = make_sound(f"a.{suffix}", NOISE)
    whole = samples_of(path)
    np.testing.assert_array_equal(samples_of(path, 1.25, 0.5), whole[:, 20_000:28_000])
    np.testing.assert_array_equal(samples_of(path, 2.25, 9.0), whole[:, 36_000:])
    with pytest.raises(DataError) as caught:
        samples_of(path, 2.5, 1.0)
    assert "ends before" in caught.value.why


@pytest.mark.parametrize("name", ["ä ☃ '\"; #%.wav", "-rf.flac", "a" * 200 + ".wav"])
def test_odd_names(make_sound: MakeSound, name: str) -> None:
    np.testing.assert_array_equal(samples_of(make_sound(name, STEPS)), STEPS)


@pytest.mark.skipif(sys.platform != "linux", reason="other systems refuse the name")
def test_a_name_that_is_not_utf8(make_sound: MakeSound) -> None:
    np.testing.assert_array_equal(samples_of(make_sound("a\udcff.wav", STEPS)), STEPS)


def test_the_suffix_decides_nothing(make_sound: MakeSound, tmp_path: Path) -> None:
    path = make_sound("a.wav", STEPS, format="FLAC").rename(tmp_path / "a.mp3")
    assert audio_header(path).format == "FLAC"


@pytest.mark.parametrize("name", ["a.wav", "a.au", "a.snd", "a.raw", "a.vox", "a.gsm", "a.mp3"])
def test_text_is_no_sound_whatever_its_name(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("This is not a sound, and not raw samples either.\n" * 100)
    assert reason(tmp_path / name) == "it is plain text"


CONTENTS = {
    "it is a Git LFS pointer": b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n",
    "it is an HTML page": b"<!DOCTYPE html><html><title>404</title></html>",
    "it is a PNG picture": b"\x89PNG\r\n\x1a\n" + bytes(range(200)),
    "it begins with zeros alone": bytes(600),
    "it is JSON text": b'{"error": "quota exceeded"}',
    "it is an AVI video": b"RIFF\x40\0\0\0AVI " + bytes(range(200)),
}


@pytest.mark.parametrize("content", CONTENTS.values(), ids=CONTENTS.keys())
@pytest.mark.parametrize("suffix", ["wav", "mp3", "flac", "ogg", "m4a"])
def test_what_is_no_sound_is_named_as_what_it_is(
    tmp_path: Path, suffix: str, content: bytes
) -> None:
    path = tmp_path / f"a.{suffix}"
    path.write_bytes(content)
    words = next(words for words, one in CONTENTS.items() if one == content)
    assert reason(path).startswith(words)


def test_unknown_formats(make_sound: MakeSound) -> None:
    assert "the format MAT5" in reason(make_sound("a.wav", NOISE, format="MAT5"))


def test_missing_files_and_folders(tmp_path: Path) -> None:
    assert "No such file" in reason(tmp_path / "none.wav")
    (tmp_path / "folder.wav").mkdir()
    assert reason(tmp_path / "folder.wav") == "not a file"


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="the system has no named pipes")
def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.wav")
    assert reason(tmp_path / "a.wav") == "not a file"


def test_nothing_in_it(make_sound: MakeSound, tmp_path: Path) -> None:
    (tmp_path / "empty.wav").touch()
    (tmp_path / "header.wav").write_bytes(wav(0, b""))
    assert reason(tmp_path / "header.wav") == "it holds no samples"
    for path in (tmp_path / "empty.wav", make_sound("a.flac", [])):
        assert reason(path) == "it is empty"


def test_silence(make_sound: MakeSound) -> None:
    assert reason(make_sound("a.wav", np.zeros(9_000))) == "it is silent"
    path = make_sound("b.wav", np.r_[np.zeros(16_000), NOISE[0]])
    assert samples_of(path).shape == (1, 56_000)
    with pytest.raises(DataError) as caught:
        samples_of(path, 0.0, 0.5)
    assert caught.value.why == "that stretch is silent"


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_samples_that_are_not_finite(make_sound: MakeSound, bad: float) -> None:
    samples = NOISE.copy()
    samples[1, 30_000:30_003] = bad
    path = make_sound("a.wav", samples, subtype="FLOAT")
    assert reason(path) == "3 of 80,000 samples are not finite"
    assert samples_of(path, 0.0, 1.0).shape == (2, 16_000)


def test_infinities_of_both_signs(make_sound: MakeSound) -> None:
    path = make_sound("a.wav", [math.inf, -math.inf, 0.5], subtype="FLOAT")
    assert reason(path) == "2 of 3 samples are not finite"


def test_floats_above_full_scale_are_kept_and_absurd_ones_are_not(make_sound: MakeSound) -> None:
    assert samples_of(make_sound("a.wav", NOISE * 65536, subtype="FLOAT")).max() > 30_000
    assert "1e+30 times" in reason(make_sound("b.wav", [0.0, -1e30], subtype="DOUBLE"))


def test_too_many_channels(tmp_path: Path) -> None:
    (tmp_path / "a.wav").write_bytes(wav(4 * 200, bytes(range(200)) * 4, channels=200))
    assert reason(tmp_path / "a.wav") == "200 channels are above the limit of 32"


@pytest.mark.parametrize("rate", [1, 999, 400_001, 2**31 - 1])
def test_absurd_rates(tmp_path: Path, rate: int) -> None:
    (tmp_path / "a.wav").write_bytes(wav(200, bytes(range(200)), rate=rate))
    assert f"a rate of {rate:,} Hz" in reason(tmp_path / "a.wav")


@pytest.mark.parametrize("data", [b"", bytes(range(200))])
def test_a_wav_that_claims_four_gigabytes(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "a.wav").write_bytes(wav(2**32 - 2, data))
    tracemalloc.start()
    if data:
        assert samples_of(tmp_path / "a.wav").shape == (1, 100)
    else:
        assert reason(tmp_path / "a.wav") == "it holds no samples"
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 4 << 20


def test_memory_follows_what_arrives_not_what_is_claimed(
    make_sound: MakeSound, tmp_path: Path
) -> None:
    # An hour at 16 kHz in two channels would be 460 MB.
    path = tmp_path / "a.flac"
    path.write_bytes(with_total(make_sound("b.flac", STEPS).read_bytes(), 3600 * 16_000))
    assert audio_header(path).frames == 3600 * 16_000
    tracemalloc.start()
    samples = samples_of(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    np.testing.assert_array_equal(samples, STEPS)
    assert peak < 4 << 20
    with pytest.raises(DataError):
        samples_of(path, 100.0, 1.0)


def test_claiming_too_much_is_refused(make_sound: MakeSound, tmp_path: Path) -> None:
    path = make_sound("a.wav", NOISE)
    assert reason(path, 2.4) == "2.5 seconds are above the limit of 2.4 (max_seconds)"
    assert read_audio(path, 2.5).samples.shape == (2, 40_000)
    flac = make_sound("a.flac", NOISE).read_bytes()
    (tmp_path / "liar.flac").write_bytes(with_total(flac, 2**36 - 1))
    assert "4,294,967.3 seconds" in reason(tmp_path / "liar.flac")


def test_a_length_that_is_not_said(make_sound: MakeSound, tmp_path: Path) -> None:
    path = tmp_path / "stream.flac"
    path.write_bytes(with_total(make_sound("a.flac", STEPS).read_bytes(), 0))
    assert audio_header(path).frames is None
    np.testing.assert_array_equal(samples_of(path), STEPS)
    np.testing.assert_array_equal(samples_of(path, 0.5, 0.5), STEPS[:, 8_000:16_000])
    assert "above the limit of 2.4" in reason(path, 2.4)


@pytest.mark.parametrize("suffix", ["wav", "flac", "mp3", "ogg", "aiff"])
def test_what_is_left_of_a_truncated_file_counts(make_sound: MakeSound, suffix: str) -> None:
    path = make_sound(f"a.{suffix}", NOISE)
    whole = samples_of(path)
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * 0.7)])
    left = samples_of(path)
    # The pages of an Ogg file are long.
    least = 0.4 if suffix == "ogg" else 0.6
    assert least < left.shape[1] / whole.shape[1] < 0.75
    np.testing.assert_array_equal(left, whole[:, : left.shape[1]])


def test_a_flac_of_which_nothing_is_left(make_sound: MakeSound) -> None:
    path = make_sound("a.flac", NOISE)
    path.write_bytes(path.read_bytes()[:200])
    assert reason(path)


def test_damage_ends_a_flac(make_sound: MakeSound) -> None:
    path = make_sound("a.flac", STEPS)
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 255
    path.write_bytes(data)
    left = samples_of(path)
    assert 10_000 < left.shape[1] < 25_000
    np.testing.assert_array_equal(left, STEPS[:, : left.shape[1]])


@pytest.mark.filterwarnings("error::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("suffix", ["wav", "flac", "ogg", "aiff", "caf"])
def test_random_damage(
    make_sound: MakeSound, suffix: str, capfd: pytest.CaptureFixture[str]
) -> None:
    path = make_sound(f"a.{suffix}", NOISE[:, :3_000])
    whole = path.read_bytes()
    rng = np.random.default_rng(1)
    for trial in range(60):
        data = bytearray(whole)
        for place in rng.integers(0, min(len(data), (64, 400)[trial % 2]), 4):
            data[place] = rng.integers(256)
        path.write_bytes(data)
        try:
            assert np.isfinite(samples_of(path)).all()
        except DataError as error:
            assert error.why
    assert capfd.readouterr() == ("", "")


def test_without_the_package(make_sound: MakeSound, monkeypatch: pytest.MonkeyPatch) -> None:
    path = make_sound("a.wav", NOISE)
    monkeypatch.setitem(sys.modules, "soundfile", None)
    for read in (audio_header, samples_of):
        with pytest.raises(MissingExtra, match="soundfile") as caught:
            read(path)
        assert "sfumato[audio]" in caught.value.hint


def test_sounds_are_found_by_their_suffix(tmp_path: Path) -> None:
    for name in ("a.WAV", "b.mp3", "deep/c.flac", "d.opus", "e.txt", "f.raw", "g.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    found = [item.path for item in scan(tmp_path, AUDIO).items]
    assert found == ["a.WAV", "b.mp3", "d.opus", "deep/c.flac"]


def _plain_wav(tag: int, bits: int, data: bytes) -> bytes:
    size = bits // 8
    layout = struct.pack("<HHIIHH", tag, 1, 8_000, 8_000 * size, size, bits)
    body = b"WAVEfmt " + struct.pack("<I", 16) + layout
    body += b"data" + struct.pack("<I", len(data)) + data + bytes(len(data) % 2)
    return b"RIFF" + struct.pack("<I", len(body)) + body


def _of_mu_law(code: int) -> float:
    """A sample of 14 bits in units of full scale (ITU-T G.711, table 2a)."""
    inverse = ~code & 0xFF
    segment, step = inverse >> 4 & 7, inverse & 15
    size = ((2 * step + 33) << segment) - 33
    return (-size if inverse & 0x80 else size) * 4 / 32768


def _of_a_law(code: int) -> float:
    """A sample of 13 bits in units of full scale (ITU-T G.711, table 1a)."""
    changed = code ^ 0x55
    segment, step = changed >> 4 & 7, changed & 15
    size = 2 * step + 1 if segment == 0 else (2 * step + 33) << (segment - 1)
    return (size if changed & 0x80 else -size) * 8 / 32768


CODES = bytes(range(256))
EDGES = [1.0, -1.0, 2.0**22, -(2.0**23)]
EXACT = {
    "8 bits": (1, 8, CODES, [(code - 128) / 128 for code in range(256)]),
    "16 bits": (1, 16, struct.pack("<3h", 1, -1, -32768), [2**-15, -(2**-15), -1]),
    "24 bits": (
        1,
        24,
        b"".join(int(edge).to_bytes(3, "little", signed=True) for edge in EDGES),
        [edge / 2**23 for edge in EDGES],
    ),
    "32 bits": (1, 32, struct.pack("<3i", 1 << 16, -(1 << 30), -(1 << 31)), [2**-15, -0.5, -1]),
    "float": (3, 32, struct.pack("<3f", 0.25, -1.5, 1e-3), [0.25, -1.5, 1e-3]),
    "double": (3, 64, struct.pack("<3d", 0.25, -1.5, 1e-3), [0.25, -1.5, 1e-3]),
    "mu-law": (7, 8, CODES, [_of_mu_law(code) for code in range(256)]),
    "A-law": (6, 8, CODES, [_of_a_law(code) for code in range(256)]),
}


@pytest.mark.parametrize("case", EXACT)
def test_samples_have_the_values_of_their_format(tmp_path: Path, case: str) -> None:
    tag, bits, data, expected = EXACT[case]
    path = tmp_path / "a.wav"
    for content in (
        _plain_wav(tag, bits, data),
        _plain_wav(tag, bits, data)[:40] + bytes(4) + data,
    ):
        path.write_bytes(content)
        np.testing.assert_allclose(samples_of(path)[0][: len(expected)], expected, rtol=1e-6)


@pytest.mark.parametrize("suffix", ["wav", "w64", "aiff", "au", "caf"])
@pytest.mark.parametrize(
    ("subtype", "noise"),
    [("PCM_24", -120), ("FLOAT", -140), ("DOUBLE", -140), ("ULAW", -35), ("ALAW", -35),
     ("IMA_ADPCM", -25), ("MS_ADPCM", -25), ("GSM610", -12)],
)  # fmt: skip
def test_a_tone_in_every_codec(
    make_sound: MakeSound, suffix: str, subtype: str, noise: float
) -> None:
    if not soundfile.check_format(suffix.upper(), subtype):
        pytest.skip("this format has no such codec")
    times = np.arange(16_000) / 8_000
    tone = 0.4 * np.sin(2 * np.pi * 300 * times)
    found = samples_of(make_sound(f"a.{suffix}", tone, 8_000, subtype=subtype))[0]
    inside = slice(4_000, 12_000)
    # GSM and ADPCM delay a little.
    error = min(
        np.square(np.roll(found, -lag)[inside] - tone[inside]).mean() for lag in range(-4, 5)
    )
    assert 10 * np.log10(max(error, 1e-20) / 0.08) < noise
