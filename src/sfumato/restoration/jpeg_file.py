"""Reading the coefficients of a JPEG file, without decoding its pixels.

Pixels are rounded and clipped and hide what lies beyond the picture in its last blocks, so that
they do not determine the coefficients. This reads sequential and progressive files with eight bits
and Huffman codes, which are nearly all (ITU-T T.81, annexes B, F and G).
"""

from __future__ import annotations

import io
import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import torch
from PIL import Image

from sfumato.errors import DataError
from sfumato.regular import require_regular
from sfumato.restoration.jpeg import JPEG, LONGEST_SIDE, Factor
from sfumato.restoration.jpeg_scan import ZIGZAG, Component, Scan, huffman, read_scan
from sfumato.restoration.observation import Observation

_MOST_BYTES = 2**26
_MOST_PIXELS = 2**22
_MOST_SCANS = 32
_SOF = 0xC0, 0xC1, 0xC2
_DHT, _DQT, _DRI, _SOS, _EOI, _ADOBE = 0xC4, 0xDB, 0xDD, 0xDA, 0xD9, 0xEE
_OTHER_SOF = {0xC3, 0xC5, 0xC6, 0xC7, 0xC9, 0xCA, 0xCB, 0xCD, 0xCE, 0xCF}
_SCAN_END = re.compile(rb"\xff+[^\x00\xff\xd0-\xd7]")
_RESTART = re.compile(rb"\xff+[\xd0-\xd7]")


@dataclass
class _File:
    """What was read of a file so far."""

    sides: tuple[int, int] = (0, 0)
    components: list[Component] = field(default_factory=list)
    tables: dict[int, tuple[int, ...]] = field(default_factory=dict)
    codes: dict[int, list[int]] = field(default_factory=dict)
    restart: int = 0
    scans: int = 0
    is_progressive: bool = False
    is_rgb: bool = False


class _Segment(NamedTuple):
    """A segment: its marker, its content, and the place behind it."""

    marker: int
    body: bytes
    end: int


def observation_of(file: Path | str | bytes) -> Observation:
    """What a JPEG file says of the picture that it was made from.

    The pixels are those that are stored: neither an orientation in EXIF data nor a colour profile
    is applied.

    Args:
        file: The path of a file, or its bytes.

    Returns:
        The operator is the :class:`JPEG` of the file, and the noise that of its cells.

    Raises:
        DataError: The file is missing, damaged or no JPEG file, or of a kind that is not read.
    """
    name = "The bytes" if isinstance(file, bytes) else f"'{file}'"
    if not isinstance(file, bytes):
        require_regular(Path(file))
        with Path(file).open("rb") as opened:
            file = opened.read(_MOST_BYTES + 1)
    try:
        return _observation(_read(file))
    except (ValueError, IndexError, KeyError, OverflowError, struct.error) as error:
        known = isinstance(error, ValueError)
        raise DataError(
            f"{name} cannot be read as a JPEG file.",
            why=str(error) if known else "it is damaged or ends early",
            hint="save it again as a baseline JPEG file, or repair it.",
        ) from error


def jpeg_of(
    quality: int, sides: tuple[int, int], channels: int = 3, subsampling: str = "4:2:0"
) -> JPEG:
    """The operator of the files that Pillow writes with a quality.

    Args:
        quality: From 1 to 100.
        sides: Height and width of the pictures.
        channels: 1 for grey, 3 for colour.
        subsampling: ``4:4:4``, ``4:2:2`` or ``4:2:0``.
    """
    target = io.BytesIO()
    picture = Image.new("RGB" if channels == 3 else "L", (16, 16))
    picture.save(target, "JPEG", quality=quality, subsampling=subsampling)
    return _operator(_read(target.getvalue())).model_copy(update={"sides": sides})


def _observation(file: _File) -> Observation:
    operator = _operator(file)
    parts = []
    for component in file.components:
        rows, columns = component.blocks
        blocks = torch.frombuffer(component.values, dtype=torch.int32).double()
        blocks = blocks.reshape(-1, component.stride, 64)[:rows, :columns]
        parts.append(blocks.reshape(rows, columns, 8, 8).transpose(1, 2).flatten())
    values = torch.cat(parts)[None]
    values = values * operator.step(values) - operator.centre(values)
    return Observation(operator, values.float(), operator.deviation(values)[None].float())


def _operator(file: _File) -> JPEG:
    first, *others = file.components
    if len(others) not in (0, 2):
        raise ValueError(f"it has {len(file.components)} components, as CMYK pictures have")
    names = bytes(component.name for component in file.components)
    if others and (file.is_rgb or names == b"RGB"):
        raise ValueError("its components are red, green and blue instead of luma and chroma")
    if any(component.factors != (1, 1) for component in others):
        raise ValueError("its chroma is stored in an unusual way")
    factors: dict[int, Factor] = {1: 1, 2: 2, 4: 4}
    rows, columns = first.factors if others else (1, 1)
    if rows not in factors or columns not in factors:
        raise ValueError("its chroma is stored in an unusual way")
    tables = tuple(file.tables[component.table] for component in file.components)
    return JPEG(tables=tables, sides=file.sides, subsampling=(factors[rows], factors[columns]))


def _read(data: bytes) -> _File:
    """Read a file up to its end.

    Raises:
        ValueError: It is not a JPEG file, or of a kind that is not read.
        IndexError, KeyError, struct.error: It is damaged.
    """
    if len(data) > _MOST_BYTES:
        raise ValueError(f"it has more than {_MOST_BYTES:,} bytes")
    if not data.startswith(b"\xff\xd8"):
        raise ValueError("it does not begin as a JPEG file does")
    file = _File()
    for segment in _segments(data):
        marker, body = segment.marker, segment.body
        if marker in _OTHER_SOF:
            raise ValueError("it is lossless, hierarchical or arithmetically coded")
        if marker in _SOF:
            _read_frame(file, body, marker == _SOF[2])
        elif marker == _DQT:
            _read_tables(file, body)
        elif marker == _DHT:
            _read_codes(file, body)
        elif marker == _DRI:
            (file.restart,) = struct.unpack(">H", body)
        elif marker == _ADOBE and body.startswith(b"Adobe"):
            file.is_rgb = body[11] == 0
        elif marker == _SOS:
            _read_one_scan(file, body, data, segment.end)
    if not file.scans:
        raise ValueError("it holds no picture")
    return file


def _segments(data: bytes) -> Iterator[_Segment]:
    """The segments of a file up to its end; what is coded behind the head of a scan is skipped."""
    place = 2
    while place + 4 <= len(data):
        if data[place] != 0xFF:
            raise ValueError("it is damaged: a marker is missing")
        marker = data[place + 1]
        if marker == _EOI:
            return
        if marker == 0xFF or marker == 0x01 or 0xD0 <= marker <= 0xD7:
            place += 1 if marker == 0xFF else 2
            continue
        (length,) = struct.unpack_from(">H", data, place + 2)
        end = place + 2 + length
        if length < 2 or end > len(data):
            raise ValueError("it ends early")
        yield _Segment(marker, data[place + 4 : end], end)
        place = _scan_end(data, end) if marker == _SOS else end


def _scan_end(data: bytes, begin: int) -> int:
    found = _SCAN_END.search(data, begin)
    return len(data) if found is None else found.start()


def _read_frame(file: _File, body: bytes, is_progressive: bool) -> None:
    bits, height, width, count = struct.unpack_from(">BHHB", body)
    if file.components:
        raise ValueError("it holds several pictures")
    if bits != 8:
        raise ValueError(f"its values have {bits} bits instead of 8")
    if not (0 < height <= LONGEST_SIDE and 0 < width <= LONGEST_SIDE):
        raise ValueError(f"it has {width} x {height} pixels, and a side has up to {LONGEST_SIDE}")
    if height * width > _MOST_PIXELS:
        raise ValueError(f"it has more than {_MOST_PIXELS:,} pixels")
    heads = [struct.unpack_from("3B", body, 6 + 3 * number) for number in range(count)]
    # Alone, a component is stored block after block, whatever its factors.
    factors = [(head[1] & 15, head[1] >> 4) if count > 1 else (1, 1) for head in heads]
    if not factors or not all(1 <= factor <= 4 for pair in factors for factor in pair):
        raise ValueError("its chroma is stored in an unusual way")
    tall, wide = (max(pair[axis] for pair in factors) for axis in (0, 1))
    units = -(-height // (8 * tall)), -(-width // (8 * wide))
    for head, (v, h) in zip(heads, factors, strict=True):
        blocks = -(-height * v // (8 * tall)), -(-width * h // (8 * wide))
        file.components.append(Component(head[0], (v, h), head[2], blocks, units))
    file.sides, file.is_progressive = (height, width), is_progressive


def _read_tables(file: _File, body: bytes) -> None:
    place = 0
    while place < len(body):
        wide, number = divmod(body[place], 16)
        steps = struct.unpack_from(">64H" if wide else "64B", body, place + 1)
        if 0 in steps:
            raise ValueError("it is damaged: a step is 0")
        table = [0] * 64
        for natural, step in zip(ZIGZAG, steps, strict=True):
            table[natural] = step
        file.tables[number] = tuple(table)
        place += 129 if wide else 65


def _read_codes(file: _File, body: bytes) -> None:
    """Codes by their number, to which 16 is added for those of coefficients other than means."""
    place = 0
    while place < len(body):
        counts = body[place + 1 : place + 17]
        symbols = body[place + 17 : place + 17 + sum(counts)]
        file.codes[body[place]] = huffman(counts, symbols)
        place += 17 + len(symbols)


def _read_one_scan(file: _File, body: bytes, data: bytes, begin: int) -> None:
    file.scans += 1
    if file.scans > _MOST_SCANS:
        raise ValueError(f"it has more than {_MOST_SCANS} scans")
    count = body[0]
    named = {component.name: component for component in file.components}
    heads = [struct.unpack_from("2B", body, 1 + 2 * number) for number in range(count)]
    first, last, bits = struct.unpack_from("3B", body, 1 + 2 * count)
    scan = Scan(
        [named[name] for name, _ in heads],
        [file.codes.get(codes >> 4, []) for _, codes in heads],
        [file.codes.get(16 + (codes & 15), []) for _, codes in heads],
        first,
        last,
        refines=bits >> 4 > 0,
        shift=bits & 15,
    )
    _require_meaning(scan, file.is_progressive)
    coded = data[begin : _scan_end(data, begin)]
    parts = [part.replace(b"\xff\x00", b"\xff") for part in _RESTART.split(coded)]
    read_scan(scan, parts, file.restart)


def _require_meaning(scan: Scan, is_progressive: bool) -> None:
    """Check the head of a scan (B.2.3, G.1.1.1)."""
    if is_progressive:
        fits = scan.last == 0 if scan.first == 0 else len(scan.components) == 1
    else:
        fits = (scan.first, scan.last, scan.shift, scan.refines) == (0, 63, 0, False)
    needed: list[list[int]] = []
    if scan.first == 0 and not scan.refines:
        needed += scan.means
    if scan.last > 0:
        needed += scan.others
    if not (fits and scan.first <= scan.last <= 63 and scan.shift <= 13 and scan.components):
        raise ValueError("it is damaged: the head of a scan has no meaning")
    if not all(needed):
        raise ValueError("it is damaged: a scan has no code")
