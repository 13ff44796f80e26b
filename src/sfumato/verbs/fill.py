"""From what a user asks to be filled to filled texts."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from sfumato.errors import DataError, SettingError
from sfumato.run import Run
from sfumato.runs.weights import LATEST
from sfumato.verbs.filling import Filled, Gaps

_LARGEST = 1 << 20


def fill_text(
    run: str,
    text: str | None,
    file: Path | None,
    *,
    length: str | None = None,
    snapshot: str = LATEST,
    **asked: Any,
) -> list[Filled]:
    """Fill the gaps of a text, the likeliest candidate first.

    Args:
        run: Name or path of a run on text.
        text: The text, unless a file is named.
        file: Holds the text.
        length: Tokens of a gap, as a number or as least-greatest.
        snapshot: Which weights, ``latest`` or ``best``.
        **asked: See :class:`~sfumato.verbs.filling.Gaps`.

    Raises:
        SettingError: Neither or both of text and file are given, or a value is out of range.
        DataError: The file cannot be read, or see :func:`~sfumato.verbs.filling.fill`.
        RunError: There is no such run, or it is not one on text.
    """
    if (text is None) == (file is None):
        raise SettingError(
            "One text is needed.",
            why="none was given" if text is None else "both a text and a file were given",
            hint='sfumato fill RUN "to be ____ not to be", or sfumato fill RUN --file FILE',
        )
    gaps = Gaps(_read(file) if file is not None else str(text), **asked)
    if length is not None:
        gaps = replace(gaps, length=_range(length))
    return Run.open(run, snapshot).fill(**vars(gaps))


def _read(path: Path) -> str:
    try:
        with path.open("rb") as file:
            content = file.read(_LARGEST + 1)
    except OSError as error:
        raise DataError(f"'{path}' cannot be read.", why=error.strerror or str(error)) from error
    if len(content) > _LARGEST:
        raise DataError(f"'{path}' is larger than 1 MiB.", hint="give the part around the gaps.")
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


def _range(length: str) -> tuple[int, int]:
    low, dash, high = length.partition("-")
    try:
        return int(low), int(high) if dash else int(low)
    except ValueError:
        raise SettingError(
            f"length cannot be '{length}'.",
            hint="give one number, or the least and the greatest: --length 3-8",
        ) from None
