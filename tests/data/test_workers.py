from __future__ import annotations

import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from sfumato.data import dataset, decoding
from sfumato.data import workers as workers_module
from sfumato.data.building import open_or_build
from sfumato.data.index import scan
from sfumato.data.workers import TookTooLong, Workers
from sfumato.media.image import ImageMedium, ImageSettings


def test_results_come_in_the_order_of_submission() -> None:
    workers: Workers[int, int] = Workers(lambda n: n * n, 3, 60.0)
    jobs = [workers.submit(number) for number in range(50)]
    assert [workers.result(job) for job in jobs] == [number**2 for number in range(50)]
    workers.close()


def test_an_error_is_raised_where_the_result_is_requested() -> None:
    workers: Workers[int, float] = Workers(lambda n: 1 / n, 2, 60.0)
    jobs = [workers.submit(number) for number in (1, 0, 2)]
    assert workers.result(jobs[0]) == 1.0
    with pytest.raises(ZeroDivisionError):
        workers.result(jobs[1])
    assert workers.result(jobs[2]) == 0.5
    workers.close()


def test_calls_without_an_end_cost_themselves_alone() -> None:
    hold = threading.Event()
    workers: Workers[int, int] = Workers(lambda n: n if n % 3 else hold.wait(), 2, 0.2)
    jobs = [workers.submit(number) for number in range(9)]
    found: list[int | None] = []
    for job in jobs:
        try:
            found.append(workers.result(job))
        except TookTooLong:
            found.append(None)
    assert found == [None, 1, 2, None, 4, 5, None, 7, 8]
    began = time.monotonic()
    workers.close()
    assert time.monotonic() - began < 10
    hold.set()


def test_a_process_ends_although_a_call_does_not() -> None:
    code = (
        "import threading; from sfumato.data.workers import Workers, TookTooLong\n"
        "workers = Workers(lambda n: threading.Event().wait(), 1, 0.1)\n"
        "try: workers.result(workers.submit(1))\n"
        "except TookTooLong: print('too long')\n"
        "workers.close()\n"
    )
    ended = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True
    )
    assert ended.stdout == "too long\n"


def test_a_thread_can_close_its_own_workers() -> None:
    """As where the garbage collector ends a generator while a thread of it allocates memory."""
    workers: Workers[int, int] = Workers(lambda n: workers.close() or n, 2, 60.0)
    assert workers.result(workers.submit(5)) == 5


class Slow(ImageMedium):
    """Images of which one never comes."""

    hold = threading.Event()

    def read(self, path: Path, part: int = 0) -> NDArray[np.uint8]:
        """See :meth:`ImageMedium.read`."""
        if path.name == "b.png":
            self.hold.wait()
        return super().read(path, part)


def test_a_file_that_never_comes_is_set_aside_and_read_again_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(decoding, "SECONDS", 0.2)
    monkeypatch.setattr(dataset, "SECONDS", 0.2)
    monkeypatch.setattr(workers_module, "_CLOSING_SECONDS", 0.1)
    (tmp_path / "data").mkdir()
    for name in "abc":
        Image.new("RGB", (8, 8), "red").save(tmp_path / "data" / f"{name}.png")
    settings = ImageSettings(size=8, channels="rgb")
    index = scan(tmp_path / "data", ImageMedium.kind)
    slow = open_or_build(index, Slow(settings), tmp_path / "cache")
    assert [tuple(one) for one in slow.rejected] == [("b.png", "reading took longer than 0.2 s")]
    assert len(open_or_build(index, Slow(settings), tmp_path / "cache")) == 2
    again = open_or_build(index, ImageMedium(settings), tmp_path / "cache")
    assert len(again) == 3
    Slow.hold.set()
