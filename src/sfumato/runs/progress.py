"""The progress of a long measurement."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Progress:
    """The state of a measurement that takes long.

    Attributes:
        what: What is being done, with the noun of what is counted.
        done: Number of things that are done.
        total: Number of things to do.
    """

    what: str
    done: int
    total: int
