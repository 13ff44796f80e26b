"""What a catalogue set is written from: files, each holding one or more items of the set."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol


class Part(Protocol):
    """One file of a set, ready to be written."""

    @property
    def path(self) -> str:
        """Relative to the folder of the set, with ``/`` between parts."""

    @property
    def data(self) -> bytes:
        """The bytes of the file."""

    @property
    def items(self) -> int:
        """How many items of the set the file holds."""

    @property
    def note(self) -> Mapping[str, str] | None:
        """Its line in ``metadata.jsonl``, if it needs one."""
