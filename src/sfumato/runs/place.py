"""Where the data of a run are: the place that the spec names, and the one relative to the run."""

from __future__ import annotations

import os
from pathlib import Path

from sfumato.media.facts import DataFacts
from sfumato.media.medium import Source


def placed(facts: DataFacts, source: Source, root: Path) -> DataFacts:
    """The facts about the data of a run with another place of the same data.

    Args:
        facts: The facts of the run.
        source: Where the data are.
        root: The folder of the run.
    """
    name = source.name or str(source.path.resolve())
    found = facts.model_copy(update={"source": name, "catalogued": source.name is not None})
    return seen_from(root, found)


def seen_from(root: Path, facts: DataFacts) -> DataFacts:
    """The facts about data with their place relative to the folder of a run."""
    relative = "" if facts.catalogued else _relative(Path(facts.source), root)
    return facts.model_copy(update={"relative": relative})


def known_places(facts: DataFacts, root: Path) -> list[Path]:
    """The places where a run expects its own data, the stored one first.

    The second one is that relative to the run. It differs from the first if the project was copied
    or moved as a whole.

    Args:
        facts: The facts of the run, about data that are not of the catalogue.
        root: The folder of the run.
    """
    places = [Path(facts.source)]
    if facts.relative:
        places.append(Path(os.path.normpath(root.resolve() / facts.relative)))
    return list(dict.fromkeys(places))


def _relative(path: Path, root: Path) -> str:
    try:
        return os.path.relpath(path, root.resolve())
    except ValueError:  # Another drive of Windows.
        return ""
