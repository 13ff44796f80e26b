"""Reading a small file of text."""

from __future__ import annotations

from pathlib import Path

from sfumato.errors import DataError
from sfumato.regular import require_regular


def text_of(path: Path, most: int, hint: str) -> str:
    """The text of a file, with line feeds between its lines.

    Args:
        path: The file.
        most: The largest size in bytes, a number of MiB.
        hint: What to do with a larger file.

    Raises:
        DataError: The file cannot be read, is larger, or is not UTF-8.
    """
    require_regular(path)
    try:
        with path.open("rb") as file:
            content = file.read(most + 1)
    except OSError as error:
        raise DataError(f"'{path}' cannot be read.", why=error.strerror or str(error)) from error
    if len(content) > most:
        raise DataError(f"'{path}' is larger than {most >> 20} MiB.", hint=hint)
    try:
        return content.decode("utf-8-sig").replace("\r\n", "\n").replace("\r", "\n")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        column = error.start - content.rfind(b"\n", 0, error.start)
        raise DataError(
            f"'{path}' is not UTF-8.",
            why=f"byte 0x{content[error.start]:02x} in line {line}, at byte {column} of the line",
            hint="save the file as UTF-8.",
        ) from error
