"""Preparing the next batches on other threads while the present one trains."""

from __future__ import annotations

import contextlib
import itertools
import queue
import threading
import time
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import Any, Generic, Self, TypeVar

import torch

from sfumato.errors import LateBatch

Item = TypeVar("Item")
_PATIENCE = 2.0


class Prefetcher(Generic[Item]):
    """Calls ``load(step)`` for consecutive steps on threads, ahead of the consumer.

    The steps are assigned to threads in turn, so that items arrive in order.

    Torch uses one core for the operations of each of these threads. With several cores each there
    would be more threads than cores, and OpenMP would then put every thread to sleep between two
    operations, also those of the consumer: a training step took 5 to 20 % longer.

    Args:
        load: A pure function from a step to its item, safe to call from several threads.
        start: First step.
        stop: Step before which loading stops; None never stops.
        timeout: Seconds that :meth:`next` waits before it gives up.
        threads: Number of threads; each is at most two items ahead.

    Attributes:
        waited: Total seconds that :meth:`next` has waited for items that were not ready.
    """

    def __init__(
        self,
        load: Callable[[int], Item],
        start: int,
        stop: int | None,
        timeout: float,
        threads: int = 1,
    ) -> None:
        self.waited = 0.0
        self._load = load
        self._timeout = timeout
        self._closing = threading.Event()
        self._limited = threading.Barrier(threads + 1)
        self._start = self._taken = start
        self._lanes = [_Lane(_steps(start + k, stop, threads)) for k in range(threads)]
        # Daemon threads, so that a blocked read cannot keep the process alive.
        self._threads = [
            threading.Thread(target=self._work, args=(lane,), name="sfumato-batches", daemon=True)
            for lane in self._lanes
        ]

    def __enter__(self) -> Self:
        cores = torch.get_num_threads()
        for thread in self._threads:
            thread.start()
        self._limited.wait()
        torch.set_num_threads(cores)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._closing.set()
        for lane in self._lanes:
            lane.empty()  # A thread that waits to deliver an item then sees the closing.
        until = time.monotonic() + _PATIENCE
        for thread in self._threads:
            thread.join(timeout=max(0.0, until - time.monotonic()))

    def next(self) -> Item:
        """The item of the next step.

        Raises:
            LateBatch: The item did not arrive in time.
            BaseException: The error of ``load``, with its traceback and a note of the step.
        """
        lane = self._lanes[(self._taken - self._start) % len(self._lanes)]
        began = time.monotonic()
        try:
            item, error = lane.ready.get(timeout=self._timeout)
        except queue.Empty:
            raise LateBatch(
                f"The batch of step {self._taken} did not arrive within {self._timeout:g} s.",
                why="reading the data hangs, or is far slower than training",
                hint="Check the disk that holds the data, or raise engine.batch_timeout.",
                step=self._taken,
            ) from None
        if error is not None:
            raise error
        self.waited += time.monotonic() - began
        self._taken += 1
        return item  # type: ignore[no-any-return]  # None only together with an error.

    def _use_one_core(self) -> None:
        """Limit torch to one core on this thread."""
        # Each thread has its own number of cores, which is copied from the process's when it is
        # first read. Setting it also sets the process's, so the consumer restores that.
        torch.get_num_threads()
        torch.set_num_threads(1)
        self._limited.wait()

    @torch.no_grad()
    def _work(self, lane: _Lane) -> None:
        self._use_one_core()
        for step in lane.steps:
            if self._closing.is_set():
                return
            try:
                lane.ready.put((self._load(step), None))
            except BaseException as error:  # Passed on to the consumer.
                error.add_note(f"while preparing the batch of step {step}")
                lane.ready.put((None, error))
                return


class _Lane:
    """The steps that one thread loads, and the queue of its items."""

    def __init__(self, steps: Iterator[int]) -> None:
        self.steps = steps
        self.ready: queue.Queue[tuple[Any, BaseException | None]] = queue.Queue(1)

    def empty(self) -> None:
        """Discard the item in the queue."""
        with contextlib.suppress(queue.Empty):
            self.ready.get_nowait()


def _steps(first: int, stop: int | None, stride: int) -> Iterator[int]:
    return itertools.count(first, stride) if stop is None else iter(range(first, stop, stride))
