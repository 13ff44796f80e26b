"""What a demonstration says while it goes."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

from sfumato.runs.directory import RunDirectory


@dataclass(frozen=True)
class Note:
    """A line for the person watching."""

    text: str


@dataclass(frozen=True)
class Finished(ABC):
    """The demonstration is over.

    Attributes:
        directory: The run.
    """

    directory: RunDirectory

    @abstractmethod
    def lines(self) -> list[str]:
        """What to look at, and what to try next."""
