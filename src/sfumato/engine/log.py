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
from sfumato.storage import is_own_file, open_own, own_stream, read_own, to_json, write_bytes


class JsonLog:
    """Appends events to a file as lines of JSON, and flushes each line.

    A resumed session appends to the same file. Its ``started`` line states the step from which it
    resumed; earlier lines of later steps belong to work that was lost in a crash.

    Args:
        path: Usually ``runs/NAME/log.jsonl``.

    Raises:
        DamagedFile: The file is a link or a pipe.
    """

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        if is_own_file(path) and path.lstat().st_nlink > 1:
            write_bytes(path, read_own(path))  # A backup of hard links would be changed too.
        handle = open_own(path, os.O_RDWR | os.O_CREAT | os.O_APPEND)
        torn = _ends_in_half_a_line(handle)
        self._stream = os.fdopen(handle, "a", encoding="utf-8")
        if torn:  # A killed process may leave half a line, which must not merge with the next one.
            self._stream.write("\n")

    def write(self, event: Event) -> None:
        """Append one event with the time of day (UTC)."""
        at = datetime.now(UTC).isoformat(timespec="milliseconds")
        line = {"at": at, **{key: _plain(value) for key, value in as_json(event).items()}}
        self._stream.write(to_json(line) + "\n")
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
    """The lines of a JSON log, oldest first; a line torn by a crash is left out.

    Raises:
        RunError: There is no such file.
        DamagedFile: The file is a link or a pipe.
    """
    with own_stream(path) as stream:
        for line in stream:
            try:
                record = json.loads(line.decode("utf-8", "replace"))
            except (ValueError, RecursionError):
                continue
            if isinstance(record, dict):
                yield record


def _ends_in_half_a_line(handle: int) -> bool:
    size = os.fstat(handle).st_size
    return size > 0 and os.pread(handle, 1, size - 1) != b"\n"


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
