"""Finding the run that made a stored sample, also after the run was renamed or moved."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

from sfumato.model.provenance import origin_in
from sfumato.regular import irregular
from sfumato.runs.directory import ROOT, RunDirectory
from sfumato.runs.weights import BEST, LATEST, SNAPSHOTS


def maker_of(path: Path, snapshot: str = LATEST, root: Path = ROOT) -> tuple[str | Path, str]:
    """The run that made a stored sample, and the snapshot of its weights.

    A run is recognised by its weights. The run of the name that the sample states is looked at
    first, then the run that the file lies in, then all others.

    Args:
        path: The file of the sample; for a text ``FILE.jsonl:LINE``.
        snapshot: The snapshot to prefer.
        root: Folder of all runs.

    Returns:
        The run; the stated name and ``snapshot`` if no run has the weights.

    Raises:
        DataError: The file carries no provenance.
    """
    name, fingerprint = origin_in(path)
    for directory in _candidates(name, path, root):
        for choice in dict.fromkeys((snapshot, *SNAPSHOTS)):
            if _fingerprint(directory, choice) == fingerprint:
                return directory.root, choice
    return name, snapshot


def _candidates(name: str, path: Path, root: Path) -> Iterator[RunDirectory]:
    places = [root / name, *path.absolute().parents, *sorted(root.glob("*"))]
    seen: set[Path] = set()
    for place in places:
        real = place.resolve()
        if real not in seen and (place / "spec.json").is_file():
            seen.add(real)
            yield RunDirectory(place)


def _fingerprint(directory: RunDirectory, snapshot: str) -> str | None:
    """The fingerprint of a snapshot; None if there is none."""
    files = {LATEST: directory.model, BEST: directory.best}
    path = files.get(snapshot)
    if path is None or irregular(path) is not None:
        return None
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:16]
