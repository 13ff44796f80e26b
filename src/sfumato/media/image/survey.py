"""One look at every image file of a data set: sizes, modes, colours, samples of many bits.

Nothing is concluded from some of the files. Headers are read, and the pixels of those files alone
that have samples of more than eight bits, of which the greatest value is needed. What was found is
stored beside the decoded images, so files are looked at once for each change.
"""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple, Self

from pydantic import BaseModel, ConfigDict

from sfumato.data.dataset import Dataset
from sfumato.errors import SfumatoError
from sfumato.imaging import colour, samples
from sfumato.imaging.decode import Opened, Wanted, load, opened
from sfumato.imaging.limits import require_small
from sfumato.media.image.settings import ImageSettings
from sfumato.storage import read_sealed_json, write_sealed_json

_FOUND = "survey.json"
# Raise it when the same files give other facts.
_VERSION = 1
_NAMED = 1000
"""Profiles are counted by name up to this many names."""


class Spread(BaseModel):
    """The least, the median and the greatest of some sizes, in pixels."""

    model_config = ConfigDict(frozen=True)

    least: int
    median: int
    most: int

    @classmethod
    def of(cls, values: list[int]) -> Self | None:
        """The spread of some values; None if there are none."""
        if not values:
            return None
        return cls(least=min(values), median=int(statistics.median(values)), most=max(values))


class Survey(BaseModel):
    """What the files of a data set are.

    Attributes:
        widths, heights: Sizes of the stored images; None if all are SVG drawings.
        modes: Number of images stored in each of Pillow's modes, and as SVG.
        profiles: Number of files whose colours are converted to sRGB, by the name of their profile.
        unusable: Number of files with a colour profile that is damaged or does not fit, and is
            ignored.
        deep: Number of files with integer samples of more than 8 bits.
        highest: The greatest of these samples.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    widths: Spread | None
    heights: Spread | None
    modes: dict[str, int]
    profiles: dict[str, int]
    unusable: int
    deep: int
    highest: int

    @property
    def fewer_bits(self) -> int | None:
        """The value of white in deep samples if it is likely not 65535, such as 4095."""
        if not self.deep or not 255 < self.highest < 32768:
            return None
        return (1 << self.highest.bit_length()) - 1


class _File(NamedTuple):
    width: int
    height: int
    mode: str
    profile: str
    unusable: bool
    highest: int | None


def survey(root: Path, dataset: Dataset, settings: ImageSettings) -> Survey:
    """Look at every file of a data set, or read what an earlier look found.

    Args:
        root: The folder of the files.
        dataset: Its images.
        settings: How they were read.
    """
    found = stored_survey(dataset, settings)
    if found is None:
        found = _last(_looked(root, dataset, settings))
    return found


def survey_events(root: Path, dataset: Dataset, settings: ImageSettings) -> Iterator[int]:
    """Look at every file unless that was done; yields the number of files that were looked at."""
    if stored_survey(dataset, settings) is None:
        for event in _looked(root, dataset, settings):
            if isinstance(event, int):
                yield event


def stored_survey(dataset: Dataset, settings: ImageSettings) -> Survey | None:
    """What an earlier look at the files found; None if there was none."""
    with suppress(OSError, ValueError, SfumatoError):
        found = read_sealed_json(dataset.folder / _FOUND)
        if found.pop("version") == _VERSION:
            found.pop("sha256", None)
            return Survey.model_validate(found)
    return None


def _last(events: Iterator[int | Survey]) -> Survey:
    survey = None
    for event in events:
        survey = event
    if not isinstance(survey, Survey):
        raise RuntimeError("a survey ended without a result")
    return survey


def _looked(root: Path, dataset: Dataset, settings: ImageSettings) -> Iterator[int | Survey]:
    widths: list[int] = []
    heights: list[int] = []
    modes: Counter[str] = Counter()
    profiles: Counter[str] = Counter()
    unusable = deep = highest = 0
    for number, item in enumerate(dataset.items):
        yield number + 1
        path = root / item.path
        if path.suffix.lower() == ".svg":
            modes["SVG"] += 1
            continue
        # What cannot be read is set aside, with its reason, by those who read the files.
        with suppress(Exception):
            file = _look(path, settings)
            widths.append(file.width)
            heights.append(file.height)
            modes[file.mode] += 1
            unusable += file.unusable
            if file.profile:
                known = file.profile in profiles or len(profiles) < _NAMED
                profiles[file.profile if known else "others"] += 1
            if file.highest is not None:
                deep, highest = deep + 1, max(highest, file.highest)
    survey = Survey(
        widths=Spread.of(widths),
        heights=Spread.of(heights),
        modes=dict(modes.most_common()),
        profiles=dict(profiles.most_common()),
        unusable=unusable,
        deep=deep,
        highest=highest,
    )
    # It is a shortcut: without it the files are looked at again.
    with suppress(OSError, SfumatoError):
        write_sealed_json(dataset.folder / _FOUND, {"version": _VERSION, **survey.model_dump()})
    yield survey


def _look(path: Path, settings: ImageSettings) -> _File:
    wanted = Wanted(settings.max_pixels, truncated=settings.truncated)
    with opened(path, wanted) as file:
        image = file.image
        require_small(image, settings.max_pixels)
        size, mode = image.size, image.mode
        name, unusable = _profile(file)
        return _File(*size, mode, name, unusable, _highest(file, wanted))


def _profile(file: Opened) -> tuple[str, bool]:
    """The name of the profile that is converted, and whether there is one that cannot be."""
    stated = file.colours()
    if stated.profile is None:
        return "", stated.damaged
    transform = colour.transform_of(stated.profile)
    if transform is None or not colour.fits(transform, file.image.mode):
        return "", True
    return ("" if transform.change is None else transform.name), False


def _highest(file: Opened, wanted: Wanted) -> int | None:
    """The greatest sample of a file with integer samples of more than 8 bits; None for others."""
    if not samples.is_deep(file.image) or samples.white_of(file.image) != samples.WHITE:
        return None
    values: Any = samples.values_of(
        file.image, file.again, lambda image: load(image, wanted.truncated)
    )
    if values is None:
        return None
    colours = values[..., :-1] if values.ndim == 3 and values.shape[2] in (2, 4) else values
    return int(colours.max())
