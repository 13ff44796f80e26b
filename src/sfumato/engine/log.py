"""The logs of a run: one line of JSON per event, and optionally TensorBoard."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sfumato.engine.events import Event, Metric, Progress, as_json
from sfumato.errors import MissingExtra


class JsonLog:
    """Appends events to a file as lines of JSON, and flushes each line.

    A resumed session appends to the same file. Its ``started`` line states the step from which it
    resumed; earlier lines of later steps belong to work that was lost in a crash.

    Args:
        path: Usually ``runs/NAME/log.jsonl``.
    """

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        torn = _ends_in_half_a_line(path)
        self._stream = path.open("a", encoding="utf-8")
        if torn:  # A killed process may leave half a line, which must not merge with the next one.
            self._stream.write("\n")

    def write(self, event: Event) -> None:
        """Append one event with the time of day (UTC)."""
        at = datetime.now(UTC).isoformat(timespec="milliseconds")
        line = {"at": at, **{key: _plain(value) for key, value in as_json(event).items()}}
        self._stream.write(json.dumps(line, allow_nan=False, ensure_ascii=False) + "\n")
        self._stream.flush()

    def close(self) -> None:
        """Close the file."""
        self._stream.close()


class TensorBoardLog:
    """Writes the curves of a run for TensorBoard.

    Args:
        directory: The folder to open in TensorBoard.

    Raises:
        MissingExtra: The package is not installed.
    """

    def __init__(self, directory: Path) -> None:
        self._writer: Any = self.require()(str(directory))

    @staticmethod
    def require() -> Any:
        """Import the writer; raises :class:`MissingExtra` if the package is not installed."""
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError as error:
            raise MissingExtra("tensorboard", "tensorboard", "A TensorBoard log") from error
        return SummaryWriter

    def write(self, event: Event) -> None:
        """Add the numbers of a Progress or Metric event; other events are ignored."""
        for name, value in _curves(event).items():
            self._writer.add_scalar(name, value, event.step)

    def close(self) -> None:
        """Flush and close the files."""
        self._writer.close()


def read_log(path: Path) -> Iterator[dict[str, Any]]:
    """The lines of a JSON log, oldest first; a line torn by a crash is left out."""
    with path.open(encoding="utf-8", errors="replace") as stream:
        for line in stream:
            try:
                record = json.loads(line)
            except ValueError:
                continue
            if isinstance(record, dict):
                yield record


def _ends_in_half_a_line(path: Path) -> bool:
    if not path.exists() or path.stat().st_size == 0:
        return False
    with path.open("rb") as stream:
        stream.seek(-1, os.SEEK_END)
        return stream.read(1) != b"\n"


def _curves(event: Event) -> dict[str, float]:
    if isinstance(event, Progress):
        names = ("loss", "lr", "grad_norm", "samples_per_second", "waiting")
        return {f"train/{name}": getattr(event, name) for name in names}
    if isinstance(event, Metric):
        return {f"metric/{event.name}": event.value}
    return {}


def _plain(value: object) -> object:
    """Replace infinity (an unknown ETA) and NaN, which JSON does not have, by null."""
    return None if isinstance(value, float) and not math.isfinite(value) else value
