"""WAV files as recorders leave them that crashed, and as odd programs write them."""

from __future__ import annotations

import io
import struct
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from sfumato.errors import DataError
from sfumato.sound.open import audio_header, read_audio
from sfumato.sound.riff import repaired

RATE = 8_000
SAMPLES = np.random.default_rng(0).integers(-20_000, 20_000, 4_001).astype("<i2")
DATA = SAMPLES.tobytes()
LAYOUT = struct.pack("<HHIIHH", 1, 1, RATE, 2 * RATE, 2, 16)
LARGEST = 0xFFFF_FFFF
COMMENT = b"INFO" + b"ICMT" + struct.pack("<I", 6) + b"hello\0"


def chunk(kind: bytes, content: bytes, size: int | None = None, padded: bool = True) -> bytes:
    length = len(content) if size is None else size
    padding = bytes(len(content) % 2) if padded else b""
    return kind + struct.pack("<I", length) + content + padding


def wave(*chunks: bytes, size: int | None = None, kind: bytes = b"RIFF") -> bytes:
    body = b"WAVE" + b"".join(chunks)
    return kind + struct.pack("<I", len(body) if size is None else size) + body


FORMAT = chunk(b"fmt ", LAYOUT)
BROKEN = {
    "size 0": wave(FORMAT, chunk(b"data", DATA, 0)),
    "size 0, and that of the file": wave(FORMAT, chunk(b"data", DATA, 0), size=0),
    "size 0, a comment after": wave(FORMAT, chunk(b"data", DATA, 0), chunk(b"LIST", COMMENT)),
    "largest size": wave(FORMAT, chunk(b"data", DATA, LARGEST), size=LARGEST),
    "largest size, a comment after": wave(
        FORMAT, chunk(b"data", DATA, LARGEST), chunk(b"LIST", COMMENT), chunk(b"id3 ", b"ID3ab")
    ),
    "half of the largest size": wave(FORMAT, chunk(b"data", DATA, 0x7FFF_FFFF)),
    "larger than the file": wave(FORMAT, chunk(b"data", DATA, 2 * len(DATA))),
    "less than a sample": wave(FORMAT, chunk(b"data", DATA, 1)),
    "the size of an early moment": wave(FORMAT, chunk(b"data", DATA, 512)),
    "size of the file 0": wave(FORMAT, chunk(b"data", DATA), size=0),
    "a comment after": wave(FORMAT, chunk(b"data", DATA), chunk(b"LIST", COMMENT)),
    "an odd chunk before": wave(chunk(b"JUNK", b"abc"), FORMAT, chunk(b"data", DATA)),
    "an odd chunk without padding": wave(
        chunk(b"JUNK", b"abc", padded=False), FORMAT, chunk(b"data", DATA)
    ),
    "an odd comment without padding": wave(
        FORMAT, chunk(b"LIST", COMMENT + b"x", padded=False), chunk(b"data", DATA)
    ),
    "the format after": wave(chunk(b"data", DATA), FORMAT),
    "RF64 without sizes": wave(FORMAT, chunk(b"data", DATA, LARGEST), size=LARGEST, kind=b"RF64"),
    "RF64 with sizes of 0": wave(
        chunk(b"ds64", bytes(28)), FORMAT, chunk(b"data", DATA, LARGEST), size=LARGEST, kind=b"RF64"
    ),
    "RF64 with reserved sizes": wave(
        chunk(b"JUNK", bytes(28)), FORMAT, chunk(b"data", DATA, LARGEST), size=LARGEST, kind=b"RF64"
    ),
    "extensible": wave(
        chunk(
            b"fmt ",
            struct.pack("<HHIIHHHHIH", 0xFFFE, 1, RATE, 2 * RATE, 2, 16, 22, 16, 4, 1)
            + b"\0\0\0\0\x10\0\x80\0\0\xaa\0\x38\x9b\x71",
        ),
        chunk(b"data", DATA, 0),
    ),
    "rates of 0 bytes": wave(
        chunk(b"fmt ", struct.pack("<HHIIHH", 1, 1, RATE, 0, 2, 16)), chunk(b"data", DATA)
    ),
}


@pytest.mark.parametrize("content", BROKEN.values(), ids=BROKEN.keys())
def test_the_samples_are_all_found_and_nothing_else(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.wav"
    path.write_bytes(content)
    found = read_audio(path, 60)
    assert found.rate == RATE
    np.testing.assert_array_equal(found.samples[0] * 32768, SAMPLES)
    assert audio_header(path).frames == len(SAMPLES)
    part = read_audio(path, 60, 0.25, 0.125).samples[0] * 32768
    np.testing.assert_array_equal(part, SAMPLES[2_000:3_000])


def test_what_was_wrong_is_said(tmp_path: Path) -> None:
    notes = {
        "size 0": "the header does not state how many samples there are",
        "larger than the file": "the header states more samples than there are",
        "the size of an early moment": "the header states fewer samples than there are",
        "an odd chunk without padding": "a padding byte is missing",
        "a comment after": "",
    }
    for name, note in notes.items():
        path = tmp_path / "a.wav"
        path.write_bytes(BROKEN[name])
        assert audio_header(path).note == note


def test_whole_files_are_left_to_the_decoder(tmp_path: Path) -> None:
    for name in ("a comment after", "size of the file 0", "an odd chunk before"):
        path = tmp_path / "a.wav"
        path.write_bytes(BROKEN[name])
        file, _ = repaired(path, BROKEN[name][:1024])
        with file:
            assert isinstance(file, io.FileIO)


def test_what_follows_the_samples_is_not_taken_for_samples(tmp_path: Path) -> None:
    """A second file, zeros of a file that was allocated before, and a tag."""
    whole = wave(FORMAT, chunk(b"data", DATA))
    for after in (whole + whole, bytes(40_000), b"TAG" + bytes(125)):
        path = tmp_path / "a.wav"
        path.write_bytes(whole + after)
        assert read_audio(path, 60).samples.shape[1] == len(SAMPLES)


def test_big_endian(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    soundfile.write(path, SAMPLES, RATE, format="WAV", endian="BIG", subtype="PCM_16")
    content = path.read_bytes()
    assert content[:4] == b"RIFX"
    np.testing.assert_array_equal(read_audio(path, 60).samples[0] * 32768, SAMPLES)
    place = content.index(b"data") + 4
    path.write_bytes(content[:place] + bytes(4) + content[place + 4 :])
    np.testing.assert_array_equal(read_audio(path, 60).samples[0] * 32768, SAMPLES)


SUBTYPES = (
    "PCM_U8", "PCM_24", "PCM_32", "FLOAT", "DOUBLE", "ULAW", "ALAW", "IMA_ADPCM", "MS_ADPCM",
    "GSM610", "G721_32", "NMS_ADPCM_16",
)  # fmt: skip


@pytest.mark.parametrize("size", [0, LARGEST])
@pytest.mark.parametrize("subtype", SUBTYPES)
def test_every_codec_without_its_sizes(tmp_path: Path, subtype: str, size: int) -> None:
    tone = 0.5 * np.sin(2 * np.pi * 440 * np.arange(2 * RATE) / RATE)
    path = tmp_path / "a.wav"
    soundfile.write(path, tone, RATE, format="WAV", subtype=subtype)
    whole = read_audio(path, 60).samples
    content = bytearray(path.read_bytes())
    for kind, value in ((b"data", size), (b"fact", 0)):
        if (place := content.find(kind)) > 0:
            length = 4 if kind == b"data" else 8
            content[place + length : place + length + 4] = struct.pack("<I", value)
    path.write_bytes(content)
    found = read_audio(path, 60).samples
    np.testing.assert_array_equal(found[:, : whole.shape[1]], whole)
    assert 0 <= found.shape[1] - whole.shape[1] < 512  # The last block of a codec is filled up.


REFUSED = {
    "no samples": (wave(FORMAT), "no chunk 'data'"),
    "no format": (wave(chunk(b"data", DATA)), "no chunk 'fmt'"),
    "cut off in the format": (wave(FORMAT)[:30], "no chunk 'data'"),
    "only a header": (wave(FORMAT, chunk(b"data", b"", 0)), "it holds no samples"),
    "only a comment": (
        wave(FORMAT, chunk(b"data", b"", 0), chunk(b"LIST", COMMENT)),
        "it holds no samples",
    ),
    "a huge format": (
        wave(chunk(b"data", DATA), chunk(b"fmt ", bytes(9_000))),
        "a format of 9,000 bytes",
    ),
    "MP3 inside": (
        wave(
            chunk(b"fmt ", struct.pack("<HHIIHH", 0x55, 1, RATE, 2000, 1, 0)), chunk(b"data", DATA)
        ),
        "its samples are MP3, which is not read in a WAV file: convert it",
    ),
    "an unknown codec": (
        wave(
            chunk(b"fmt ", struct.pack("<HHIIHH", 0xABC, 1, RATE, 2000, 1, 0)), chunk(b"data", DATA)
        ),
        "damaged",
    ),
    "24 bits in 4 bytes": (
        wave(
            chunk(b"fmt ", struct.pack("<HHIIHH", 1, 1, RATE, 4 * RATE, 4, 24)),
            chunk(b"data", DATA),
        ),
        "contradicts itself",
    ),
    "noise": (b"RIFF\x00\x00\x00\x00WAVE" + bytes(range(1, 200)), "no chunk 'fmt'"),
}


@pytest.mark.parametrize(("content", "words"), REFUSED.values(), ids=REFUSED.keys())
def test_else_it_is_refused_in_our_words(tmp_path: Path, content: bytes, words: str) -> None:
    path = tmp_path / "a.wav"
    path.write_bytes(content)
    with pytest.raises(DataError) as caught:
        read_audio(path, 60)
    assert words in caught.value.why


def _cost(act: Callable[[], object]) -> float:
    costs = []
    for _ in range(3):
        begin = time.process_time()
        act()
        costs.append(time.process_time() - begin)
    return min(costs)


@pytest.mark.parametrize("hostile", ["chunks", "names", "lists", "samples"])
def test_twice_the_header_takes_at_most_twice_the_time(tmp_path: Path, hostile: str) -> None:
    def content(count: int) -> bytes:
        if hostile == "chunks":
            return wave(chunk(b"JUNK", b"") * count, FORMAT, chunk(b"data", DATA, 0))
        if hostile == "samples":
            return wave(chunk(b"data", b"") * count)
        if hostile == "names":
            return wave(FORMAT, chunk(b"data", b"LIST" * 4 * count, 0))
        return wave(FORMAT, chunk(b"data", DATA, 0), chunk(b"LIST", b"") * count)

    costs = []
    for count in (1_500, 3_000, 60_000):
        path = tmp_path / f"{count}.wav"
        path.write_bytes(content(count))
        costs.append(_cost(lambda path=path: _tried(path)))  # type: ignore[misc]
    assert costs[1] < 3 * costs[0] + 0.02
    # At most 4,096 chunks are looked at, and the last 64 KiB of a file.
    assert costs[2] < 40 * costs[1] + 0.1


def _tried(path: Path) -> None:
    try:
        file, _ = repaired(path, path.read_bytes()[:1024])
        file.close()
    except ValueError:
        pass
