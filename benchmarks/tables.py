"""Tables of results: a CSV that says on what and by which command it was made, and Markdown."""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from peer_training.machine import described

Row = Mapping[str, object]


def write(path: Path, rows: Sequence[Row], threads: int) -> None:
    """Write rows, which have the same columns, below the machine and the command."""
    with path.open("w", encoding="utf-8", newline="") as file:
        file.write(f"# {described(threads)}\n# {command()}\n")
        writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def command() -> str:
    """The command line of this process, as it would be typed in the repository."""
    place = Path(sys.argv[0]).resolve()
    place = place.parent if place.name == "__main__.py" else place
    place = place.relative_to(Path(__file__).parents[1])
    return " ".join(["python", str(place), *sys.argv[1:]])


def markdown(rows: Iterable[Row]) -> str:
    """Rows as a table."""
    lines: list[str] = []
    for row in rows:
        if not lines:
            lines += ["| " + " | ".join(row) + " |", "|---" * len(row) + "|"]
        lines.append("| " + " | ".join(str(value) for value in row.values()) + " |")
    return "\n".join(lines)
