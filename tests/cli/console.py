"""The output of a command, and its exit code."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple


class Result(NamedTuple):
    """An exit code, and what was written to the two streams."""

    code: int
    out: str
    err: str


Command = Callable[..., Result]
