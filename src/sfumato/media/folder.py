"""Folders that samples are written to, without ever overwriting a file.

Samples that a folder has already are recognised by the provenance in their files, so that a
sampling that was stopped can go on.
"""

from __future__ import annotations

import os
import re
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

from numpy.typing import NDArray
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from sfumato import storage
from sfumato.data.marks import OUTPUT
from sfumato.errors import DataError, SettingError, suggest
from sfumato.escaping import escape_line
from sfumato.regular import require_regular

Items = NDArray[Any] | Sequence[str]
"""A batch of samples as a medium decodes it: an array (B, ...), or a list of texts."""

NOTES = "fit.json"
"""Name of the file of notes on the samples of a folder."""

SHOWN = 256
"""Largest number of samples on a contact sheet."""


@dataclass(frozen=True)
class Present:
    """A sample that is in a folder already.

    Attributes:
        index: Index of the sample.
        path: Its file; for a text ``FILE:LINE``.
        provenance: What its file says about how it was made.
        item: The text itself; None for other media, which read the file when it is needed.
    """

    index: int
    path: Path
    provenance: Mapping[str, Any]
    item: Any = None


@dataclass
class SampleFolder(ABC):
    """Writes samples into a folder.

    Attributes:
        path: The folder.
        format: Format of the files, a suffix without its dot.
        files: The files of the samples so far.
        trajectories: The files written so far that show how samples emerged from noise.
        already: Number of the samples that were in the folder before.
        notes: What is worth knowing about samples, by their index; written to ``fit.json``.
        original: The file that the samples are edits of, as an item; None for other samples.
        observed: What is known of that file, as an item; None if it is all of it.
    """

    formats: ClassVar[tuple[str, ...]]
    """The possible formats, the default first."""

    path: Path
    format: str = ""
    files: list[Path] = field(default_factory=list)
    trajectories: list[Path] = field(default_factory=list)
    already: int = 0
    notes: dict[int, Mapping[str, Any]] = field(default_factory=dict)
    original: NDArray[Any] | None = None
    observed: NDArray[Any] | None = None

    def __post_init__(self) -> None:
        self.format = self.format or self.formats[0]
        if self.format not in self.formats:
            raise SettingError(
                f"Samples cannot be written as '{self.format}'.",
                why=f"the formats are {', '.join(self.formats)}",
                hint=suggest(self.format, self.formats),
            )

    def occupied(self, name: str, indices: Sequence[int]) -> bool:
        """Whether samples of these indices are written to a file of this name."""
        match = re.fullmatch(rf"(\d+)(-from-noise)?\.({'|'.join(self.formats)})", name)
        return match is not None and int(match[1]) in indices

    @staticmethod
    def provenance_of(path: Path) -> Mapping[str, Any] | None:
        """The provenance in the file of a sample; None if the medium cannot add samples later.

        Raises:
            DataError: The file has none.
        """
        return None

    def present(self) -> Iterator[Present]:
        """The samples that are in the folder, in the order of their names.

        Raises:
            SettingError: A file has the name of a sample and is none.
        """
        for path in sorted(self.path.iterdir()):
            match = re.fullmatch(rf"(\d+)\.({'|'.join(self.formats)})", path.name)
            if match is None:
                continue
            try:
                require_regular(path)
                provenance = self.provenance_of(path)
            except DataError as error:
                raise in_the_way(path, error.why) from error
            if provenance is not None:
                yield Present(int(match[1]), path, provenance)

    def with_trajectory(self) -> set[int]:
        """Indices of the samples in the folder whose way from noise is there too."""
        names = [re.fullmatch(r"(\d+)-from-noise\..*", path.name) for path in self.path.iterdir()]
        return {int(match[1]) for match in names if match is not None}

    def keep(self, present: Present, requested: bool) -> None:
        """Note a sample that is in the folder already.

        Args:
            present: The sample.
            requested: Whether it is one of those that are asked for now.
        """
        self.already += requested
        if requested:
            self.files.append(present.path)

    @abstractmethod
    def add(
        self, indices: Sequence[int], items: Items, provenance: Sequence[Mapping[str, Any]]
    ) -> None:
        """Write a batch of samples, each with its provenance."""

    @abstractmethod
    def add_trajectory(self, index: int, frames: Any) -> None:
        """Write some states of one sample, in order from noise to data."""

    def save(self) -> None:  # noqa: B027 - most media write each sample when it is added
        """Write the samples that were added and are in no file yet.

        Raises:
            DiskFull: There is no room.
        """

    def save_notes(self) -> None:
        """Write the notes on the samples to ``fit.json``, beside those of earlier sessions."""
        path = self.path / NOTES
        if not self.notes:
            return
        earlier = storage.read_json(path) if storage.is_own_file(path) else {}
        own = {f"{index:05d}": dict(note) for index, note in self.notes.items()}
        storage.write_json(path, {**(earlier if isinstance(earlier, dict) else {}), **own})

    def finish(self) -> None:  # noqa: B027 - most media have nothing to do
        """Write the contact sheet, or whatever a medium makes of all samples together."""

    @property
    def sheet(self) -> Path | None:
        """Path of the contact sheet; None for media without contact sheets."""
        return self.path / "sheet.png"

    def require_free(self, indices: Sequence[int]) -> None:
        """Create the folder, and check that it can take the samples before any work is done.

        Raises:
            SettingError: The folder cannot be written, or a file would be overwritten.
        """
        require_writable(self.path)
        for present in self.path.iterdir():
            if present == self.sheet or self.occupied(present.name, indices):
                raise in_the_way(present, "")

    def to_json(self) -> dict[str, Any]:
        """The written files as plain data."""
        return {
            "folder": str(self.path),
            "files": [str(path) for path in self.files],
            "sheet": str(self.sheet),
            "strips": [str(path) for path in self.trajectories],
        }

    def lines(self, noun: str, seconds: float) -> list[str]:
        """The written files in lines to print.

        Args:
            noun: Noun of the samples.
            seconds: Duration of sampling in seconds.
        """
        there = f", {self.already} of them were there already" if self.already else ""
        return [
            escape_line(f"{len(self.files)} {noun} in {self.path}{there}, {seconds:.1f} s"),
            escape_line(f"sheet: {self.sheet}"),
            *(escape_line(f"from noise: {path}") for path in self.trajectories[:1]),
        ]


def save_png(image: Image.Image, path: Path) -> None:
    """Write an output that is no sample as PNG, atomically; it is marked as made by Sfumato."""
    info = PngInfo()
    info.add_itxt(OUTPUT, "sheet")
    with storage.replacing(path) as draft:
        image.save(draft, format="PNG", pnginfo=info)


def in_the_way(path: Path, why: str) -> SettingError:
    """The error for a file that would be overwritten."""
    return SettingError(
        f"'{path}' exists already, and nothing is overwritten.",
        why=why,
        hint="choose another --out, or move the files away.",
    )


def require_writable(folder: Path) -> None:
    """Create a folder for outputs, and check that it is writable before any work is done.

    Raises:
        SettingError: The folder cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except FileExistsError as error:
        raise _unwritable(folder, "there is a file of that name") from error
    except OSError as error:
        raise _unwritable(folder, error.strerror or str(error)) from error
    if not os.access(folder, os.W_OK):
        raise _unwritable(folder, "permission denied")


def _unwritable(folder: Path, why: str) -> SettingError:
    return SettingError(
        f"The folder '{folder}' cannot be written.", why=why, hint="choose another --out."
    )
