"""Where texts are put: one line of JSON each, with its recipe beside it."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sfumato.errors import SettingError
from sfumato.runs.directory import require_writable


@dataclass
class TextFolder:
    """Writes texts into a folder and never over anything.

    Attributes:
        folder: Where.
        texts: What was written so far.
    """

    folder: Path
    texts: list[str] = field(default_factory=list)

    @property
    def samples(self) -> Path:
        """One text a line."""
        return self.folder / "samples.jsonl"

    @property
    def trajectory(self) -> Path:
        """One text a line with its states."""
        return self.folder / "trajectory.jsonl"

    def require_free(self) -> None:
        """Create the folder, and refuse before any work is done if it cannot take the texts.

        Raises:
            SettingError: It cannot be written, or a file would be overwritten.
        """
        require_writable(self.folder)
        for path in (self.samples, self.trajectory):
            if path.exists():
                raise SettingError(
                    f"'{path}' exists already, and nothing is overwritten.",
                    hint="choose another --out, or move the files away.",
                )

    def add(self, texts: Iterable[str], recipes: Iterable[dict[str, Any]]) -> None:
        """Append texts; those that came before are safe whatever happens next."""
        pairs = list(zip(texts, recipes, strict=True))
        self._append(self.samples, ({"text": text, "recipe": recipe} for text, recipe in pairs))
        self.texts += [text for text, _ in pairs]

    def add_states(self, indices: Iterable[int], states: Iterable[list[dict[str, Any]]]) -> None:
        """Append the way of each text, as a list of ``{"t": ..., "text": ...}``."""
        pairs = zip(indices, states, strict=True)
        self._append(self.trajectory, ({"index": i, "states": way} for i, way in pairs))

    def _append(self, path: Path, values: Iterable[dict[str, Any]]) -> None:
        with path.open("a", encoding="utf-8") as file:
            for value in values:
                file.write(json.dumps(value, ensure_ascii=False) + "\n")
