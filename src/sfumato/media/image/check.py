"""Reports on sets of images: as they are stored, and as a run would read them."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from sfumato.data.dataset import Dataset
from sfumato.data.walk import suffix_of
from sfumato.errors import DataError
from sfumato.media.image.open import IMAGES, image_header
from sfumato.media.image.settings import ImageSettings
from sfumato.media.image.sheet import sheet
from sfumato.media.report import NumberReport, items_in_words

_SHOWN = 64


@dataclass(frozen=True)
class Spread:
    """The least, the median and the greatest of some sizes, in pixels."""

    least: int
    median: int
    most: int


@dataclass(frozen=True)
class ImageReport(NumberReport):
    """A report on a folder of images.

    Attributes:
        widths, heights: Sizes of the stored images; None if all are SVG drawings.
        modes: Number of images stored in each of Pillow's modes, and as SVG.
        contact_sheet: Up to 64 images, evenly spaced, as a run would read them.
    """

    settings: ImageSettings
    widths: Spread | None
    heights: Spread | None
    modes: dict[str, int]
    contact_sheet: Image.Image

    def to_json(self) -> dict[str, Any]:
        """See :meth:`NumberReport.to_json`."""
        plain = super().to_json()
        del plain["contact_sheet"]
        for name in ("widths", "heights"):
            plain[name] = None if plain[name] is None else vars(plain[name])
        return plain

    def _own_rows(self) -> Iterator[tuple[str, str]]:
        yield "images", items_in_words(self.count, self.groups)
        files = self.count + sum(suffix_of(one.path) in IMAGES.suffixes for one in self.rejected)
        yield "pictures", f"{self.count:,} of {files:,} files can be used"
        yield "read as", read_as(self.settings)
        for name, spread in (("widths", self.widths), ("heights", self.heights)):
            if spread is not None:
                yield name, f"{spread.least} to {spread.most}, median {spread.median}"
        yield "stored as", ", ".join(f"{mode} {count:,}" for mode, count in self.modes.items())


def read_as(settings: ImageSettings) -> str:
    """How images are read, for a row of a report."""
    return f"{settings.size} x {settings.size} {settings.channels}, fit by {settings.fit}"


def report(root: Path, dataset: Dataset, settings: ImageSettings) -> ImageReport:
    """Describe a set of images.

    Args:
        root: The folder.
        dataset: Its images.
        settings: Settings with which they were read.
    """
    widths, heights, modes = _stored(dataset, root)
    shown = np.unique(np.linspace(0, len(dataset) - 1, _SHOWN).round().astype(np.int64))
    return ImageReport.of(
        root,
        settings,
        dataset,
        widths=widths,
        heights=heights,
        modes=modes,
        contact_sheet=sheet(dataset.gather(shown)[0].transpose(0, 2, 3, 1)),
    )


def _stored(data: Dataset, root: Path) -> tuple[Spread | None, Spread | None, dict[str, int]]:
    sizes: list[tuple[int, int]] = []
    modes: Counter[str] = Counter()
    for item in data.items:
        try:
            width, height, mode = image_header(root / item.path)
        except DataError:
            # All items were decoded, so only an SVG drawing has no raster header.
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
