"""What a catalogue set is written from: files, each holding one or more items of the set."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple, Protocol


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


class LabelledFile(NamedTuple):
    """One picture or sound of a set, ready to be written.

    Attributes:
        path: Relative; its first part is the folder of the label.
        data: The bytes of the file.
        label: Its class.
        caption: What it is, in words.
        group: Shared by near-duplicates.
    """

    path: str
    data: bytes
    label: str
    caption: str
    group: str

    @property
    def items(self) -> int:
        """One a file."""
        return 1

    @property
    def note(self) -> dict[str, str]:
        """Its line in ``metadata.jsonl``."""
        return {
            "file_name": self.path,
            "label": self.label,
            "text": self.caption,
            "group": self.group,
        }
