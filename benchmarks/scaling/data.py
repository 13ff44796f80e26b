"""Time and memory of a data set, by the number of its files.

As its own process, with a folder and its number of files as arguments, this file prints the rows of
one size as JSON.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

sys.path.insert(0, str(Path(__file__).parents[1]))

import memory
from files import FIRST, SIDE, inodes, pictures
from tables import Row

from sfumato.media.data.building import build, open_or_build
from sfumato.media.data.dataset import Dataset
from sfumato.media.data.index import scan
from sfumato.media.data.split import batch_indices
from sfumato.media.image.medium import ImageMedium
from sfumato.media.image.settings import ImageSettings

_COUNTS, _QUICK = (10, 1_000, 100_000, 1_000_000), (10, 1_000, 10_000)
_BATCH, _BATCHES = 64, 300
Result = TypeVar("Result")


def data(quick: bool) -> list[Row]:
    """The rows of all sizes."""
    rows: list[Row] = []
    for count in _QUICK if quick else _COUNTS:
        began = time.perf_counter()
        with pictures(count) as root:
            made = time.perf_counter() - began
            rows += _rows_of(root, count)
            began = time.perf_counter()
        gone = time.perf_counter() - began
        say = f"{count:,} files, {inodes(count):,} inodes: made in {made:.0f} s, gone in {gone:.0f}"
        print(say, file=sys.stderr, flush=True)
    return rows


def _rows_of(root: Path, count: int) -> list[Row]:
    command = [sys.executable, __file__, str(root), str(count)]
    rows: list[Row] = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)
    return rows


class Stages:
    """Times what it is given, and looks at the memory.

    Args:
        count: Of the files.
    """

    def __init__(self, count: int) -> None:
        self.rows: list[Row] = []
        self._count = count
        self._before = memory.resident(), memory.own()

    def __call__(self, name: str, work: Callable[[], Result], times: int = 1) -> Result:
        """Do one thing, which is many times another; memory is that above the start."""
        memory.forget_peak()
        processor, began = time.process_time(), time.perf_counter()
        result = work()
        seconds = time.perf_counter() - began
        resident, own = self._before
        self.rows.append(
            {
                "files": self._count,
                "what": name,
                "seconds": f"{seconds / times:.3g}",
                "processor seconds": f"{(time.process_time() - processor) / times:.3g}",
                "peak, MiB": f"{max(0.0, memory.peak() - resident):.1f}",
                "kept, MiB": f"{max(0.0, memory.own() - own):.1f}",
            }
        )
        return result


def _measure(root: Path, count: int) -> list[Row]:
    medium = ImageMedium(ImageSettings(size=SIDE, channels="grey"))
    folder, cache = root / "data", root / "cache"
    _warm(folder / FIRST, medium, root)
    stages = Stages(count)
    index = stages("index", lambda: scan(folder, ImageMedium.kind))
    stages("build the cache", lambda: _exhaust(build(index, medium, cache)))
    opened = stages("open the cache", lambda: Dataset.open(index, medium, cache))
    if opened is None:
        raise RuntimeError("the cache that was built cannot be opened")
    training, _ = stages("split", lambda: opened.split(0.02))

    def batch(step: int) -> None:
        opened.gather(training[batch_indices(len(training), _BATCH, step, seed=0)])

    stages("first batch", lambda: batch(0))
    steady = range(1, _BATCHES + 1)
    stages("batch", lambda: [batch(step) for step in steady], _BATCHES)
    return stages.rows


def _warm(picture: Path, medium: ImageMedium, root: Path) -> None:
    """Have everything imported and Pillow's tables made, which belong to no size."""
    few = root / "few"
    few.mkdir()
    shutil.copy(picture, few)
    index = scan(few, ImageMedium.kind)
    open_or_build(index, medium, root / "few-cache").split(0.02)


def _exhaust(events: Iterator[object]) -> None:
    for _ in events:
        pass


if __name__ == "__main__":
    print(json.dumps(_measure(Path(sys.argv[1]), int(sys.argv[2]))))
