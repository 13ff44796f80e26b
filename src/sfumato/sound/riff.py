"""WAV files whose headers a recorder left unfinished, repaired while they are read.

A recorder writes the sizes into the header when it stops. One that crashed, ran out of power or
wrote into a pipe leaves them at 0 or at their largest value, and some programs leave out padding
bytes. Where this keeps the samples from being found, the file is read behind a new header with the
sizes that it really has. The layout is that of Multimedia Programming Interface and Data
Specifications 1.0 (1991), and of EBU Tech 3306 for RF64. Nothing is written.
"""

from __future__ import annotations

import io
import struct
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, NamedTuple

from sfumato.sound.splice import Spliced

_FILES = (b"RIFF", b"RIFX", b"RF64")
# Chunks besides these can be anything and are skipped.
_FORMAT, _FACT, _DATA, _SIZES = b"fmt ", b"fact", b"data", b"ds64"
# Far more than any program writes; libsndfile gives up earlier.
_MOST_CHUNKS = 4096
_MOST_FORMAT_BYTES = 1 << 12
# Where chunks after the samples are searched if the size of the samples is not known.
_TAIL_BYTES = 1 << 16
_AFTER_SAMPLES = (
    b"LIST", b"id3 ", b"ID3 ", b"bext", b"iXML", b"axml", b"cue ", b"smpl", b"inst", b"fact",
    b"PEAK", b"JUNK", b"junk", b"FLLR", b"acid", b"afsp", b"_PMX", b"cart", b"levl", b"PAD ",
)  # fmt: skip
_KNOWN = frozenset({_FORMAT, _FACT, _DATA, _SIZES, *_AFTER_SAMPLES})
_LARGEST = 0xFFFF_FFFF
# By their numbers in RFC 2361, and in later registrations.
_CODECS = {
    0x50: "MPEG audio", 0x55: "MP3", 0x92: "AC-3", 0xFF: "AAC", 0x160: "Windows Media Audio",
    0x161: "Windows Media Audio", 0x162: "Windows Media Audio", 0x163: "Windows Media Audio",
    0x270: "ATRAC3", 0x1610: "AAC", 0x2000: "AC-3", 0x2001: "DTS", 0x674F: "Vorbis",
    0x704F: "Opus", 0xF1AC: "FLAC",
}  # fmt: skip


class _Chunk(NamedTuple):
    """The place of the content of a chunk."""

    begin: int
    length: int


@dataclass
class _Layout:
    """The chunks of a file.

    Attributes:
        chunks: The first chunk of each of the kinds that matter.
        notes: What is wrong with the sizes.
        must: Whether libsndfile would not find the samples, or would read more than the samples.
        is_large: Whether the file is RF64, whose sizes are in a chunk of their own.
    """

    chunks: dict[bytes, _Chunk] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    must: bool = False
    is_large: bool = False


def repaired(path: Path, head: bytes) -> tuple[io.RawIOBase, str]:
    """Open a file for a decoder, behind a new header if it is a WAV file that needs one.

    Args:
        path: The file.
        head: The first bytes of the file.

    Returns:
        The opened file, and what was wrong with its header, or an empty text.

    Raises:
        ValueError: A WAV file has no description of its samples, or no samples.
        OSError: The file cannot be read.
    """
    if head[:4] not in _FILES or head[8:12] != b"WAVE":
        return io.FileIO(path), ""
    order = ">" if head[:4] == b"RIFX" else "<"
    with path.open("rb") as file:
        size = file.seek(0, io.SEEK_END)
        layout = _layout(file, size, order, _Layout(is_large=head[:4] == b"RF64"))
        for kind in (_FORMAT, _DATA):
            if kind not in layout.chunks:
                name = kind.decode().strip()
                raise ValueError(f"its header is damaged or cut off: there is no chunk '{name}'")
        _refuse_samples(file, layout.chunks[_FORMAT], order)
        if not layout.must:
            return io.FileIO(path), "; ".join(layout.notes)
        header = _header(file, layout, order)
    return Spliced(path, header, *layout.chunks[_DATA]), "; ".join(layout.notes)


def _refuse_samples(file: BinaryIO, chunk: _Chunk, order: str) -> None:
    """Refuse codecs that libsndfile does not read, and would call damage or take for samples."""
    file.seek(chunk.begin)
    about = file.read(16).ljust(16, b"\0")
    codec, channels, _, _, block, bits = struct.unpack(f"{order}HHIIHH", about)
    if codec in _CODECS:
        raise ValueError(
            f"its samples are {_CODECS[codec]}, which is not read in a WAV file: convert it"
        )
    # Whether the three bytes are the upper or the lower ones of the four is not stated.
    if codec == 1 and bits == 24 and block == 4 * channels > 0:
        raise ValueError("its header contradicts itself: samples of 24 bits in 4 bytes")


def _layout(file: BinaryIO, size: int, order: str, layout: _Layout) -> _Layout:
    """The chunks of a file of ``size`` bytes; reads the heads of at most 4,096 chunks."""
    place = 12
    for _ in range(_MOST_CHUNKS):
        kind, length = _head(file, place, order)
        if not _is_name(kind) or layout.chunks.keys() >= {_FORMAT, _DATA}:
            break
        chunk = _Chunk(place + 8, length)
        # Only the first samples are measured: each measure looks at all chunks that follow.
        if kind == _DATA and _DATA not in layout.chunks:
            chunk = _samples(file, chunk, size, order, layout)
            layout.must |= _FORMAT not in layout.chunks
        layout.chunks.setdefault(kind, chunk)
        place = chunk.begin + chunk.length
        if chunk.length % 2 and kind != _DATA:
            if _is_padded(file, place, order):
                place += 1
            else:
                layout.notes.append("a padding byte is missing")
                layout.must = True
    return layout


def _is_padded(file: BinaryIO, place: int, order: str) -> bool:
    """Whether the chunk after an odd one begins one byte later, as it should."""
    here, after = _head(file, place, order)[0], _head(file, place + 1, order)[0]
    if here in _KNOWN or after in _KNOWN:
        return after in _KNOWN
    return _is_name(after) or not _is_name(here)


def _samples(file: BinaryIO, chunk: _Chunk, size: int, order: str, layout: _Layout) -> _Chunk:
    """The chunk of samples with the size that it has, where the header does not state it."""
    begin, claimed = chunk
    room = size - begin
    if claimed == _LARGEST and _SIZES in layout.chunks:
        file.seek(layout.chunks[_SIZES].begin + 8)
        claimed = int.from_bytes(file.read(8).ljust(8, b"\0"), "little")
        layout.must |= not 0 < claimed <= room
    if claimed < _frame_bytes(file, layout, order):
        claimed = 0
    if 0 < claimed <= room and not _goes_on(file, begin + claimed, claimed, size, order):
        # libsndfile stumbles over another file that was appended.
        layout.must |= _head(file, begin + claimed + claimed % 2, order)[0] in _FILES
        return _Chunk(begin, claimed)
    if claimed == 0 and (room == 0 or _is_chain(file, begin, size, order)):
        return _Chunk(begin, 0)
    length = room - _tail(file, begin, size, order)
    # libsndfile reads up to the end by itself, and everything after the samples as well.
    layout.must |= claimed <= room or length < room or layout.is_large
    layout.notes.append(
        "the header does not state how many samples there are"
        if claimed in (0, _LARGEST)
        else f"the header states {'fewer' if claimed <= room else 'more'} samples than there are"
    )
    return _Chunk(begin, length)


def _goes_on(file: BinaryIO, end: int, claimed: int, size: int, order: str) -> bool:
    """Whether more samples than the header states follow those that it states.

    A header that was last written early in a recording states too few. What follows is then neither
    chunks nor the zeros of a file that was allocated before.
    """
    if size - end <= claimed or _is_chain(file, end + claimed % 2, size, order):
        return False
    file.seek(end)
    return any(file.read(64)) and not _is_chain(file, end, size, order)


def _frame_bytes(file: BinaryIO, layout: _Layout, order: str) -> int:
    """Number of bytes in a sample of all channels, or in a block of a codec."""
    if _FORMAT not in layout.chunks:
        return 1
    file.seek(layout.chunks[_FORMAT].begin + 12)
    found: int = struct.unpack(f"{order}H", file.read(2).ljust(2, b"\0"))[0]
    return max(found, 1)


def _head(file: BinaryIO, place: int, order: str) -> tuple[bytes, int]:
    file.seek(place)
    head = file.read(8)
    if len(head) < 8:
        return b"", 0
    kind, length = struct.unpack(f"{order}4sI", head)
    return kind, length


def _is_name(kind: bytes) -> bool:
    return len(kind) == 4 and all(32 <= letter < 127 for letter in kind)


def _is_chain(file: BinaryIO, place: int, size: int, order: str) -> bool:
    """Whether nothing but whole chunks is between a place and the end of the file."""
    for _ in range(_MOST_CHUNKS):
        if place >= size:
            return True
        kind, length = _head(file, place, order)
        if not _is_name(kind):
            return False
        place += 8 + length + length % 2
        if place > size + 1:
            return False
    return False


def _tail(file: BinaryIO, begin: int, size: int, order: str) -> int:
    """Number of bytes of chunks at the end of the file, which follow the samples."""
    first = max(begin, size - _TAIL_BYTES)
    file.seek(first)
    tail = file.read(size - first)
    # From the end, so that every place is looked at once.
    ends = {len(tail), len(tail) + 1}
    earliest = len(tail)
    for place in range(len(tail) - 8, -1, -1):
        if tail[place : place + 4] not in _AFTER_SAMPLES:
            continue
        length = struct.unpack_from(f"{order}I", tail, place + 4)[0]
        if place + 8 + length + length % 2 in ends or place + 8 + length in ends:
            ends.add(place)
            earliest = place
    return len(tail) - earliest


def _header(file: BinaryIO, layout: _Layout, order: str) -> bytes:
    """A header with the format of the samples and with the size that they have."""
    chunk = layout.chunks[_FORMAT]
    if chunk.length > _MOST_FORMAT_BYTES:
        raise ValueError(f"its header is damaged: a format of {chunk.length:,} bytes")
    file.seek(chunk.begin)
    about = file.read(chunk.length)
    about = _chunk(_FORMAT, about, order)
    length = layout.chunks[_DATA].length
    if length <= _LARGEST - len(about) - 64:
        name = b"RIFX" if order == ">" else b"RIFF"
        whole = 4 + len(about) + 8 + length + length % 2
        start = name + struct.pack(f"{order}I", whole) + b"WAVE"
        return start + about + _DATA + struct.pack(f"{order}I", length)
    sizes = struct.pack("<QQQI", length + len(about) + 48, length, 0, 0)
    start = b"RF64" + struct.pack("<I", _LARGEST) + b"WAVE" + _chunk(_SIZES, sizes, "<")
    return start + about + _DATA + struct.pack("<I", _LARGEST)


def _chunk(kind: bytes, content: bytes, order: str) -> bytes:
    return kind + struct.pack(f"{order}I", len(content)) + content + bytes(len(content) % 2)
