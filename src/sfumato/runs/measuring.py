"""How far a long measurement is."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Measuring:
    """Something is being measured.

    Attributes:
        what: Is done now.
        done: So many things are done.
        total: Of how many.
    """

    what: str
    done: int
    total: int
