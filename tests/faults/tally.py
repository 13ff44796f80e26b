"""How often each fault was injected, and what became of it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

BEGIN, END = "<!-- The table begins. -->", "<!-- The table ends. -->"


@dataclass
class Trial:
    """One injection of a fault.

    Attributes:
        counts: Whether the fault fell where it should. A trial that does not count proves nothing,
            and is left out of the table.
    """

    counts: bool = True


@dataclass
class Fault:
    """One kind of fault.

    Attributes:
        what: In words.
        survived: Trials that came out as they should.
        lost: Trials that did not.
        seconds: All of them took.
    """

    what: str
    survived: int = 0
    lost: int = 0
    seconds: float = 0.0

    @contextmanager
    def trial(self) -> Iterator[Trial]:
        """Inject it once; whatever is raised is a loss."""
        trial = Trial()
        began = time.monotonic()
        try:
            yield trial
        except BaseException:
            self.lost += 1
            raise
        else:
            self.survived += trial.counts
        finally:
            self.seconds += time.monotonic() - began


@dataclass
class Tally:
    """All faults, by the place that they have in the table."""

    faults: dict[str, Fault] = field(default_factory=dict)

    def fault(self, place: str, what: str) -> Fault:
        """The fault of a place; made when it is first asked for."""
        return self.faults.setdefault(place, Fault(what))

    def table(self) -> str:
        """In Markdown."""
        lines = ["| fault | trials | survived | lost | seconds |", "|---|---|---|---|---|"]
        for place in sorted(self.faults):
            one = self.faults[place]
            trials = one.survived + one.lost
            lines.append(
                f"| {one.what} | {trials:,} | {one.survived:,} | {one.lost:,} | {one.seconds:.0f} |"
            )
        return "\n".join(lines)

    def write(self, page: Path, heading: str) -> None:
        """Put the table between its marks on a page."""
        text = page.read_text(encoding="utf-8")
        before, rest = text.split(BEGIN)
        _, after = rest.split(END)
        table = f"{BEGIN}\n\n{heading}\n\n{self.table()}\n\n{END}"
        page.write_text(f"{before}{table}{after}", encoding="utf-8")
