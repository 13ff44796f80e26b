"""Folders of sampled texts: a file with one JSON line for each text and its provenance."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

from sfumato.escaping import escape_line
from sfumato.media.folder import SampleFolder

_WIDEST = 100


@dataclass
class TextFolder(SampleFolder):
    """Writes texts into a folder.

    Attributes:
        texts: The texts written so far.
    """

    formats: ClassVar[tuple[str, ...]] = ("jsonl",)

    texts: list[str] = field(default_factory=list)

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

    def add(
        self, indices: Sequence[int], items: Any, provenance: Sequence[Mapping[str, Any]]
    ) -> None:
        """See :meth:`SampleFolder.add`; texts are appended to one file."""
        pairs = list(zip(items, provenance, strict=True))
        _append(self.samples, ({"text": text, "recipe": origin} for text, origin in pairs))
        self.texts += items
        self.files = [self.samples]

    def add_trajectory(self, index: int, frames: Sequence[Mapping[str, Any]]) -> None:
        """Append the states of a text, each ``{"t": ..., "text": ...}``."""
        _append(self.trajectory, [{"index": index, "states": list(frames)}])
        self.trajectories = [self.trajectory]

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
        return [
            *lines,
            escape_line(f"{len(self.texts)} {noun} in {self.samples}, {seconds:.1f} s"),
            *(escape_line(f"from noise: {path}") for path in self.trajectories),
        ]


def _append(path: Path, values: Iterable[Mapping[str, Any]]) -> None:
    with path.open("a", encoding="utf-8") as file:
        for value in values:
            file.write(json.dumps(value, ensure_ascii=False) + "\n")
