"""A look at a data set before training on it: what is there, what is wrong, what a run would see.

Checking decodes everything, and the cache it fills is the one a run with the same settings uses.
"""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from sfumato.errors import DataError
from sfumato.media.data.building import Progress, entries_now, open_or_build
from sfumato.media.data.dataset import Dataset
from sfumato.media.data.digests import Changes, Entry
from sfumato.media.data.index import scan
from sfumato.media.data.walk import Rejected
from sfumato.media.image.medium import ImageMedium, ImageSettings
from sfumato.media.image.open import IMAGES, picture_header

_SHOWN = 64


@dataclass(frozen=True)
class Spread:
    """The least, the middle and the greatest of some sizes, in pixels."""

    least: int
    median: int
    most: int


@dataclass(frozen=True)
class DataReport:
    """What :func:`check` found.

    Attributes:
        root: The folder.
        settings: As a run would use them, with ``channels`` settled.
        count: Pictures that can be used.
        widths, heights: Of the stored pictures; ``None`` if all are drawings without pixels.
        modes: How many pictures are stored in each of Pillow's modes, and how many as SVG.
        labels: How many pictures each class has; empty without labels.
        captions: How many pictures have one.
        groups: How many items are independent: groups of near-duplicates count as one.
        duplicates: Pairs of paths whose content is the same as the run sees it.
        rejected: What was set aside, and why.
        changes: Files that differ from those that were read before, if they were.
        fingerprint: Of the data.
        contact_sheet: Up to 64 pictures, evenly spaced, as the run would see them.
    """

    root: Path
    settings: ImageSettings
    count: int
    widths: Spread | None
    heights: Spread | None
    modes: dict[str, int]
    labels: dict[str, int]
    captions: int
    groups: int
    duplicates: tuple[tuple[str, str], ...]
    rejected: tuple[Rejected, ...]
    changes: Changes
    fingerprint: str
    contact_sheet: Image.Image

    def to_json(self) -> dict[str, Any]:
        """Everything but the contact sheet, as plain JSON values."""
        return {
            "root": str(self.root),
            "settings": self.settings.model_dump(),
            "count": self.count,
            "widths": None if self.widths is None else vars(self.widths),
            "heights": None if self.heights is None else vars(self.heights),
            "modes": self.modes,
            "labels": self.labels,
            "captions": self.captions,
            "groups": self.groups,
            "duplicates": [list(pair) for pair in self.duplicates],
            "rejected": [rejected._asdict() for rejected in self.rejected],
            "changes": self.changes.to_json(),
            "fingerprint": self.fingerprint,
        }


def check(
    path: Path,
    settings: ImageSettings,
    cache_dir: Path | None = None,
    progress: Callable[[Progress], None] | None = None,
) -> DataReport:
    """Read a folder of pictures as a run would, and report.

    Raises:
        DataError: There is nothing that can be used.
        DiskFull: There is no room for the cache.
    """
    index = scan(path, IMAGES)
    settings = settings.resolve(index)
    medium = ImageMedium(settings)
    data = open_or_build(index, medium, cache_dir, progress)
    widths, heights, modes = _stored(data, index.root)
    shown = np.unique(np.linspace(0, len(data) - 1, _SHOWN).round().astype(np.int64))
    return DataReport(
        root=index.root,
        settings=settings,
        count=len(data),
        widths=widths,
        heights=heights,
        modes=modes,
        labels=data.label_counts,
        captions=sum(item.caption is not None for item in data.items),
        groups=len({item.group or item.path for item in data.items}),
        duplicates=data.duplicates,
        rejected=data.rejected,
        changes=data.changes,
        fingerprint=data.fingerprint,
        contact_sheet=medium.sheet(data.gather(shown)[0].transpose(0, 2, 3, 1)),
    )


def entries(folder: Path, settings: ImageSettings) -> Iterator[Entry]:
    """The identity of every image of a folder as it is now; files that changed are read.

    Raises:
        DataError: There is nothing that can be used.
    """
    return entries_now(scan(folder, IMAGES), ImageMedium(settings))


def _stored(data: Dataset, root: Path) -> tuple[Spread | None, Spread | None, dict[str, int]]:
    sizes: list[tuple[int, int]] = []
    modes: Counter[str] = Counter()
    for item in data.items:
        try:
            width, height, mode = picture_header(root / item.path)
        except DataError:
            # It was decoded a moment ago: only a drawing has no raster header.
            modes["SVG"] += 1
            continue
        sizes.append((width, height))
        modes[mode] += 1
    return (
        _spread([width for width, _ in sizes]),
        _spread([height for _, height in sizes]),
        dict(modes.most_common()),
    )


def _spread(values: list[int]) -> Spread | None:
    if not values:
        return None
    return Spread(min(values), int(statistics.median(values)), max(values))
