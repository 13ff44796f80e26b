from __future__ import annotations

import io
import json
import math
import struct
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

from sfumato.errors import DataError, MissingExtra
from sfumato.media.audio.provenance import SUFFIXES, read_recipe, write_audio
from sfumato.sound.open import read_audio

STEPS = np.random.default_rng(0).integers(-32768, 32768, (701, 2))
SAMPLES = (STEPS / 32768).astype(np.float32)
RECIPE = {"sampler": "heun", "label": "Größe ☃ 🎵", "scale": 1.5, "steps": [1, 2], "note": None}


@pytest.mark.parametrize("suffix", sorted(SUFFIXES))
@pytest.mark.parametrize("channels", [1, 2])
def test_round_trip(tmp_path: Path, suffix: str, channels: int) -> None:
    path = tmp_path / f"a{suffix}"
    write_audio(path, SAMPLES[:, :channels], 22_050, RECIPE)
    assert read_recipe(path) == RECIPE
    sound = read_audio(path, 60)
    assert sound.rate == 22_050
    np.testing.assert_array_equal(sound.samples, SAMPLES[:, :channels].T)
    with soundfile.SoundFile(path) as file:
        assert (file.format, file.subtype) == (suffix[1:].upper(), "PCM_16")
        assert json.loads(file.comment)["sfumato"] == RECIPE


@pytest.mark.parametrize("suffix", sorted(SUFFIXES))
@pytest.mark.parametrize("size", [1_999, 8_000, 60_001, 1_000_000])
def test_long_recipes(tmp_path: Path, suffix: str, size: int) -> None:
    recipe = {"text": "ä" * (size // 2), "end": 1}
    path = tmp_path / f"a{suffix}"
    write_audio(path, SAMPLES, 16_000, recipe)
    assert read_recipe(path) == recipe
    assert read_audio(path, 60).samples.shape == (2, 701)


@pytest.mark.parametrize("suffix", sorted(SUFFIXES))
def test_equal_sounds_give_equal_files(tmp_path: Path, suffix: str) -> None:
    one, other = tmp_path / f"a{suffix}", tmp_path / f"b{suffix}"
    write_audio(one, SAMPLES, 16_000, {"a": 1, "b": 2})
    write_audio(other, SAMPLES.astype(np.float64), 16_000, {"b": 2, "a": 1})
    assert one.read_bytes() == other.read_bytes()


@pytest.mark.parametrize("suffix", sorted(SUFFIXES))
def test_without_a_recipe(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a{suffix}"
    write_audio(path, SAMPLES, 16_000, None)
    with pytest.raises(DataError, match="carries no recipe"):
        read_recipe(path)


def test_rounding_and_full_scale(tmp_path: Path) -> None:
    samples = np.array([1.0, -1.0, 0.4 / 32768, 0.6 / 32768, -0.6 / 32768])[:, None]
    write_audio(tmp_path / "a.wav", samples, 16_000, None)
    written = soundfile.read(tmp_path / "a.wav", dtype="int16")[0]
    assert written.tolist() == [32767, -32768, 0, 1, -1]


@pytest.mark.parametrize(
    ("samples", "said"),
    [
        (SAMPLES * math.nan, "not finite"),
        (np.array([[math.inf]]), "not finite"),
        (SAMPLES * 1.1, "outside"),
        (SAMPLES.T, "shape"),
        (SAMPLES[:, 0], "shape"),
        (SAMPLES[:0], "shape"),
    ],
)
def test_samples_that_cannot_be_written(tmp_path: Path, samples: np.ndarray, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        write_audio(tmp_path / "a.wav", samples, 16_000, None)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("recipe", [{"x": math.nan}, {"x": "y" * (1 << 20)}])
def test_recipes_that_cannot_be_written(tmp_path: Path, recipe: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r".+"):
        write_audio(tmp_path / "a.wav", SAMPLES, 16_000, recipe)
    assert list(tmp_path.iterdir()) == []


def test_other_formats_and_rates(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"not as '.mp3'"):
        write_audio(tmp_path / "a.mp3", SAMPLES, 16_000, None)
    with pytest.raises(ValueError, match="FLAC cannot hold"):
        write_audio(tmp_path / "a.flac", SAMPLES, 96_001, None)


def test_wav_needs_no_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_audio(tmp_path / "a.flac", SAMPLES, 16_000, RECIPE)
    monkeypatch.setitem(sys.modules, "soundfile", None)
    write_audio(tmp_path / "a.wav", SAMPLES, 16_000, RECIPE)
    assert read_recipe(tmp_path / "a.wav") == read_recipe(tmp_path / "a.flac") == RECIPE
    with pytest.raises(MissingExtra, match="soundfile"):
        write_audio(tmp_path / "b.flac", SAMPLES, 16_000, RECIPE)


def chunk(kind: bytes, data: bytes) -> bytes:
    return kind + struct.pack("<I", len(data)) + data + bytes(len(data) % 2)


def info(comment: bytes) -> bytes:
    return chunk(b"LIST", b"INFO" + chunk(b"IART", b"x") + chunk(b"ICMT", comment))


def block(kind: int, data: bytes, last: bool = True) -> bytes:
    return bytes([kind | 128 * last]) + len(data).to_bytes(3, "big") + data


def comments(*fields: bytes) -> bytes:
    parts = (b"vendor", struct.pack("<I", len(fields)), *fields)
    vendor, count, *rest = parts
    sized = b"".join(struct.pack("<I", len(field)) + field for field in rest)
    return struct.pack("<I", len(vendor)) + vendor + count + sized


def test_hostile_files(tmp_path: Path) -> None:
    riff = b"RIFF\0\0\0\0WAVE"
    good = b'{"sfumato": {"a": 1}}'
    lying = struct.pack("<I", 2**32 - 1)
    hostile = {
        "nothing": b"",
        "neither": b"OggS" * 9,
        "AVI": b"RIFF\0\0\0\0AVI " + info(good),
        "ends early": riff + b"LIS",
        "length lies": riff + b"LIST" + lying + b"INFO",
        "inner length lies": riff + chunk(b"LIST", b"INFOICMT" + lying),
        "not a recipe": riff + info(b'{"a": 1}'),
        "not an object": riff + info(b'{"sfumato": [1]}'),
        "other comment": riff + info(b"recorded on a Tuesday"),
        "not JSON": riff + info(b'{"sfumato": '),
        "not text": riff + info(b'{"\xff\xfe'),
        "deep": riff + info(b'{"sfumato":' + b"[" * 500_000),
        "too long": riff + info(b" " * (2 << 20) + good),
        "endless": riff + chunk(b"junk", b"") * 5_000 + info(good),
        "FLAC ends early": b"fLaC" + block(0, bytes(34), last=False),
        "FLAC without comments": b"fLaC" + block(0, bytes(34)),
        "FLAC length lies": b"fLaC\x84\xff\xff\xff",
        "FLAC vendor lies": b"fLaC" + block(4, lying),
        "FLAC count lies": b"fLaC" + block(4, bytes(4) + lying),
        "FLAC field lies": b"fLaC" + block(4, bytes(4) + struct.pack("<I", 1) + lying),
        "FLAC other field": b"fLaC" + block(4, comments(b"TITLE=" + good)),
        "FLAC after the last": b"fLaC" + block(0, b"") + block(4, comments(b"COMMENT=" + good)),
    }
    for name, data in hostile.items():
        path = tmp_path / name
        path.write_bytes(data)
        with pytest.raises(DataError, match="carries no recipe"):
            read_recipe(path)
    with pytest.raises(DataError, match="cannot be opened"):
        read_recipe(tmp_path / "missing.wav")


def test_other_chunks_and_comments_are_passed_over(tmp_path: Path) -> None:
    good = b'{"sfumato": {"seed": 1}}'
    files = {
        "a.wav": b"RIFF\0\0\0\0WAVE" + chunk(b"odd ", b"xyz") + info(b"by hand") + info(good),
        "a.flac": b"fLaC"
        + block(0, bytes(34), last=False)
        + block(4, comments(b"TITLE=t", b"COMMENT=by hand", b"Comment=" + good)),
    }
    for name, data in files.items():
        (tmp_path / name).write_bytes(data)
        assert read_recipe(tmp_path / name) == {"seed": 1}


def test_a_file_saved_by_libsndfile_is_read(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    with soundfile.SoundFile(buffer, "w", 16_000, 1, format="WAV") as file:
        file.title = "a title"
        file.comment = '{"sfumato": {"seed": 2}}'
        file.write(np.zeros(100))
    (tmp_path / "a.wav").write_bytes(buffer.getvalue())
    assert read_recipe(tmp_path / "a.wav") == {"seed": 2}


def test_a_file_is_replaced_as_a_whole(tmp_path: Path) -> None:
    """Written beside its place and renamed: another name of the old file keeps the old content."""
    path = tmp_path / "a.wav"
    path.write_bytes(b"old")
    (tmp_path / "kept.wav").hardlink_to(path)
    write_audio(path, np.zeros((400, 1)), 8000, {"seed": 1})
    assert (tmp_path / "kept.wav").read_bytes() == b"old"
