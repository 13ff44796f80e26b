"""The lines of a stream. A line is never read beyond a limit, so no file can fill the memory."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Line:
    """A line without its end.

    Attributes:
        number: Its number, from 1.
        text: Its text; empty if it is too long.
        problem: Why it cannot be used; empty if it can.
    """

    number: int
    text: str
    problem: str = ""


def lines_of(chunks: Iterable[bytes], limit: int) -> Iterator[Line]:
    r"""The lines of chunks of UTF-8; they end in ``\n``, ``\r\n`` or ``\r``.

    Args:
        chunks: The bytes.
        limit: The largest number of bytes of a line; longer ones are skipped unread.
    """
    number, parts, size = 1, list[bytes](), 0
    for piece in _pieces(chunks):
        ended = piece.endswith((b"\n", b"\r"))
        size += len(piece)
        if size <= limit + 2:
            parts.append(piece)
        else:
            parts.clear()
        if ended:
            yield _line(number, b"".join(parts), size, limit)
            number, parts, size = number + 1, [], 0
    if size:
        yield _line(number, b"".join(parts), size, limit)


def _pieces(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Whole lines with their ends, and parts of lines that go on in the next chunk."""
    rest = b""
    for chunk in chunks:
        data = rest + chunk
        # The next chunk may begin with the line feed that belongs to it.
        rest = b"\r" if data.endswith(b"\r") else b""
        yield from data[: len(data) - len(rest)].splitlines(keepends=True)
    if rest:
        yield rest


def _line(number: int, data: bytes, size: int, limit: int) -> Line:
    end = len(data) - len(data.rstrip(b"\r\n")) if data else 0
    if size - end > limit:
        amount = f"{limit >> 20} MiB" if limit >= 1 << 20 else f"{limit} bytes"
        return Line(number, "", f"is longer than {amount}")
    data = data[: len(data) - end]
    try:
        return Line(number, data.decode())
    except UnicodeDecodeError as error:
        reason = f"byte {error.start + 1} of the line, 0x{data[error.start]:02X}, is not UTF-8"
        return Line(number, data.decode(errors="replace"), reason)
