"""Reports on sets of images: as they are stored, and as a run would read them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from sfumato.data.dataset import Dataset
from sfumato.data.metadata import NAMED_ONLY
from sfumato.data.walk import suffix_of
from sfumato.imaging import samples
from sfumato.media.image.open import IMAGES
from sfumato.media.image.settings import ImageSettings
from sfumato.media.image.sheet import sheet
from sfumato.media.image.survey import Survey, survey
from sfumato.media.report import NumberReport, items_in_words

_SHOWN = 64
_PROFILES = 3


@dataclass(frozen=True)
class ImageReport(NumberReport):
    """A report on a folder of images.

    Attributes:
        survey: What the files are.
        contact_sheet: Up to 64 images, evenly spaced, as a run would read them.
    """

    settings: ImageSettings
    survey: Survey
    contact_sheet: Image.Image

    def to_json(self) -> dict[str, Any]:
        """See :meth:`NumberReport.to_json`."""
        plain = super().to_json()
        del plain["contact_sheet"], plain["survey"]
        return {**plain, **self.survey.model_dump()}

    def _own_rows(self) -> Iterator[tuple[str, str]]:
        yield "images", items_in_words(self.count, self.groups)
        there = (one.path for one in self.rejected if not one.reason.startswith(NAMED_ONLY))
        files = self.count + sum(suffix_of(path) in IMAGES.suffixes for path in there)
        yield "pictures", f"{self.count:,} of {files:,} files can be used"
        yield "read as", read_as(self.settings)
        survey = self.survey
        for name, spread in (("widths", survey.widths), ("heights", survey.heights)):
            if spread is not None:
                yield name, f"{spread.least} to {spread.most}, median {spread.median}"
        yield "stored as", ", ".join(f"{mode} {count:,}" for mode, count in survey.modes.items())
        yield from notices(survey, self.settings)


def read_as(settings: ImageSettings) -> str:
    """How images are read, for a row of a report."""
    nearest = ", nearest pixels" if settings.resample == "nearest" else ""
    return f"{settings.in_words} {settings.channels}, fit by {settings.fit}{nearest}"


def notices(found: Survey, settings: ImageSettings) -> Iterator[tuple[str, str]]:
    """Rows about what was converted, and what is to be noticed."""
    if found.profiles or found.unusable:
        lines = []
        if found.profiles:
            words = [f"{name} {count:,}" for name, count in found.profiles.items()]
            shown = ", ".join(words[:_PROFILES]) + (", ..." if len(words) > _PROFILES else "")
            lines.append(f"{sum(found.profiles.values()):,} converted to sRGB: {shown}")
        if found.unusable:
            lines.append(f"{found.unusable:,} ignored: damaged, or not for such pictures")
        yield "colour profiles", "\n".join(lines)
    if found.deep:
        white = settings.white or samples.WHITE
        lines = [f"in {found.deep:,} files, up to {found.highest:,}; white is {white:,}"]
        if settings.white is None and found.fewer_bits is not None:
            bits = found.fewer_bits.bit_length()
            lines.append(f"if they have {bits} bits: --settings medium.white={found.fewer_bits}")
        yield "16-bit samples", "\n".join(lines)


def report(root: Path, dataset: Dataset, settings: ImageSettings) -> ImageReport:
    """Describe a set of images.

    Args:
        root: The folder.
        dataset: Its images.
        settings: Settings with which they were read.
    """
    shown = np.unique(np.linspace(0, len(dataset) - 1, _SHOWN).round().astype(np.int64))
    return ImageReport.of(
        root,
        settings,
        dataset,
        survey=survey(root, dataset, settings),
        contact_sheet=sheet(dataset.gather(shown)[0].transpose(0, 2, 3, 1)),
    )
