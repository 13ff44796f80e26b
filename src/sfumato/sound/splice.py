"""A file that is read behind a new header."""

from __future__ import annotations

import io
from pathlib import Path


class Spliced(io.RawIOBase):
    """A new header, and after it the samples of a file; read-only.

    Args:
        path: The file.
        header: The new header.
        begin: The place of the samples in the file.
        length: Number of bytes of the samples; nothing after them is read.
    """

    def __init__(self, path: Path, header: bytes, begin: int, length: int) -> None:
        super().__init__()
        self._file = io.FileIO(path)
        self._header = header
        self._begin = begin
        self._size = len(header) + length
        self._place = 0

    def readable(self) -> bool:
        """See :class:`io.RawIOBase`."""
        return True

    def seekable(self) -> bool:
        """See :class:`io.RawIOBase`."""
        return True

    def tell(self) -> int:
        """See :class:`io.RawIOBase`."""
        return self._place

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """See :class:`io.RawIOBase`."""
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._place, io.SEEK_END: self._size}[whence]
        if base + offset < 0:
            raise ValueError("a place before the start")
        self._place = base + offset
        return self._place

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        """See :class:`io.RawIOBase`."""
        view = memoryview(buffer).cast("B")
        count = max(0, min(len(view), self._size - self._place))
        in_header = len(self._header) - self._place
        if in_header > 0:
            content = self._header[self._place : self._place + count]
        else:
            self._file.seek(self._begin - in_header)
            content = self._file.read(count) or b""
        view[: len(content)] = content
        self._place += len(content)
        return len(content)

    def close(self) -> None:
        """See :class:`io.RawIOBase`."""
        self._file.close()
        super().close()
