"""Folders of sampled texts: a file with one JSON line for each text and its provenance.

The file is always whole: it is written beside its place and put there at once, again and again
while texts are made, and once more when sampling ends, is stopped, or fails. A process that is
killed, or a disk that is full, leaves the last such state.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

from sfumato import storage
from sfumato.errors import DataError
from sfumato.escaping import escape_line
from sfumato.media.folder import Present, SampleFolder, in_the_way
from sfumato.regular import require_regular

_WIDEST = 100
# Writing takes at most this share of the time, however many lines there are.
_WRITING = 1 / 20


class LineFile:
    """A file of JSON lines, each about one sample, in the order of their indices.

    Args:
        path: The file. Lines that it holds already stay.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lines: dict[int, str] | None = None
        self._due = 0.0
        self._is_changed = False

    def add(self, values: Iterable[tuple[int, Mapping[str, Any]]]) -> None:
        """Add lines about samples of some indices; the file is written if that is due.

        Raises:
            DiskFull: There is no room; the file is as it was before.
        """
        if self._lines is None:
            self._lines = _numbered(self._path)
        for index, value in values:
            self._lines[index] = json.dumps(value, ensure_ascii=False) + "\n"
        self._is_changed = True
        if time.monotonic() >= self._due:
            self.write()

    def write(self) -> None:
        """Write the file, if lines were added since.

        Raises:
            DiskFull: There is no room; the file is as it was before.
        """
        if not self._is_changed or self._lines is None:
            return
        began = time.monotonic()
        storage.write_text(self._path, "".join(self._lines[index] for index in sorted(self._lines)))
        self._is_changed = False
        ended = time.monotonic()
        self._due = ended + (ended - began) / _WRITING


def _numbered(path: Path) -> dict[int, str]:
    """The lines of a file by the indices of their samples; other lines are left out."""
    lines: dict[int, str] = {}
    with suppress(FileNotFoundError), path.open(encoding="utf-8", newline="\n") as file:
        for line in file:
            with suppress(ValueError, KeyError, TypeError, RecursionError):
                value = json.loads(line)
                lines[int(value.get("recipe", value)["index"])] = line.rstrip("\n") + "\n"
    return lines


@dataclass
class TextFolder(SampleFolder):
    """Writes texts into a folder.

    Attributes:
        texts: The texts written so far.
    """

    formats: ClassVar[tuple[str, ...]] = ("jsonl",)

    texts: list[str] = field(default_factory=list)
    _files: dict[Path, LineFile] = field(default_factory=dict)

    @property
    def samples(self) -> Path:
        """The file with one text per line."""
        return self.path / "samples.jsonl"

    @property
    def trajectory(self) -> Path:
        """The file with the states of one text per line."""
        return self.path / "trajectory.jsonl"

    @property
    def sheet(self) -> None:
        """None: texts have no contact sheet."""
        return None

    def occupied(self, name: str, indices: Sequence[int]) -> bool:
        """See :meth:`SampleFolder.occupied`: all samples are in one file."""
        return name in (self.samples.name, self.trajectory.name)

    def present(self) -> Iterator[Present]:
        """See :meth:`SampleFolder.present`; the samples are the lines of one file."""
        if not self.samples.exists():
            return
        for number, line in enumerate(_lines(self.samples), start=1):
            place = self.samples.with_name(f"{self.samples.name}:{number}")
            try:
                text, origin = line["text"], line["recipe"]
                yield Present(int(origin["index"]), place, origin, str(text))
            except (KeyError, TypeError, ValueError) as error:
                why = f"line {number} is not a sample"
                raise in_the_way(self.samples, why) from error

    def with_trajectory(self) -> set[int]:
        """See :meth:`SampleFolder.with_trajectory`."""
        if not self.trajectory.exists():
            return set()
        found = [line.get("index") for line in _lines(self.trajectory) if isinstance(line, dict)]
        return {index for index in found if isinstance(index, int)}

    def keep(self, present: Present, requested: bool) -> None:
        """See :meth:`SampleFolder.keep`."""
        self.already += requested
        self.files = [self.samples]
        if requested:
            self.texts.append(present.item)

    def add(
        self, indices: Sequence[int], items: Any, provenance: Sequence[Mapping[str, Any]]
    ) -> None:
        """See :meth:`SampleFolder.add`; all texts are in one file."""
        rows = zip(indices, items, provenance, strict=True)
        lines = ((index, {"text": text, "recipe": origin}) for index, text, origin in rows)
        self._file(self.samples).add(lines)
        self.texts += items
        self.files = [self.samples]

    def add_trajectory(self, index: int, frames: Sequence[Mapping[str, Any]]) -> None:
        """Add the states of a text, each ``{"t": ..., "text": ...}``."""
        self._file(self.trajectory).add([(index, {"index": index, "states": list(frames)})])
        self.trajectories = [self.trajectory]

    def save(self) -> None:
        """See :meth:`SampleFolder.save`."""
        for file in self._files.values():
            file.write()

    def _file(self, path: Path) -> LineFile:
        return self._files.setdefault(path, LineFile(path))

    def to_json(self) -> dict[str, Any]:
        """See :meth:`SampleFolder.to_json`."""
        return {
            "folder": str(self.path),
            "file": str(self.samples),
            "trajectory": str(self.trajectory) if self.trajectories else None,
            "texts": self.texts,
        }

    def lines(self, noun: str, seconds: float) -> list[str]:
        """See :meth:`SampleFolder.lines`: the texts themselves, then their file."""
        lines: list[str] = []
        for number, text in enumerate(self.texts):
            if "\n" in text or len(text) > _WIDEST:
                lines += [f"--- {number} ---", text, ""]
            else:
                lines.append(text)
        there = f", {self.already} of them were there already" if self.already else ""
        return [
            *lines,
            escape_line(f"{len(self.texts)} {noun} in {self.samples}{there}, {seconds:.1f} s"),
            *(escape_line(f"from noise: {path}") for path in self.trajectories),
        ]


def _lines(path: Path) -> Iterator[Any]:
    """The values of the lines of a file; None for a line that is no JSON.

    Raises:
        SettingError: The file cannot be read.
    """
    try:
        require_regular(path)
        with path.open(encoding="utf-8") as file:
            for line in file:
                try:
                    yield json.loads(line)
                except (ValueError, RecursionError):
                    yield None
    except (DataError, UnicodeDecodeError) as error:
        raise in_the_way(path, getattr(error, "why", "it is not UTF-8")) from error
