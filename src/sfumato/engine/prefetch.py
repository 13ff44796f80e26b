"""Preparing the next batches while the present one trains."""

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

    The steps are dealt out in turn, so that items come in order however long each takes.

    Torch uses one core for the operations of each of these threads. With teams of their own there
    would be more threads than cores, and OpenMP then puts every thread to sleep between two
    operations, those of the consumer too: a training step took 5 to 20 % longer.

    Args:
        load: Gives the item of a step; a pure function of it, safe to call from several threads.
        start: First step.
        stop: Step before which to stop loading; None never stops.
        timeout: Seconds that :meth:`next` waits before it gives up.
        threads: How many load at once; each is at most two items ahead.

    Attributes:
        waited: Seconds that :meth:`next` has waited in all for items that were not ready.
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
        self._narrowed = threading.Barrier(threads + 1)
        self._start = self._taken = start
        self._hands = [_Hand(_steps(start + k, stop, threads)) for k in range(threads)]
        # Daemons, so that a reader stuck in the system cannot keep the process alive.
        self._threads = [
            threading.Thread(target=self._work, args=(hand,), name="sfumato-batches", daemon=True)
            for hand in self._hands
        ]

    def __enter__(self) -> Self:
        cores = torch.get_num_threads()
        for thread in self._threads:
            thread.start()
        self._narrowed.wait()
        torch.set_num_threads(cores)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._closing.set()
        for hand in self._hands:
            hand.empty()  # Whoever waits to hand over an item can then see that we close.
        until = time.monotonic() + _PATIENCE
        for thread in self._threads:
            thread.join(timeout=max(0.0, until - time.monotonic()))

    def next(self) -> Item:
        """The item of the next step.

        Raises:
            LateBatch: It did not arrive in time.
            BaseException: Whatever ``load`` raised, with its own traceback and the step noted.
        """
        hand = self._hands[(self._taken - self._start) % len(self._hands)]
        began = time.monotonic()
        try:
            item, error = hand.ready.get(timeout=self._timeout)
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
        return item  # type: ignore[no-any-return]  # None only beside an error

    def _narrow(self) -> None:
        """One core for this thread."""
        # Each thread has a number of its own, which it takes from the process's when it is first
        # read. Setting it sets the process's as well, so the consumer sets that back.
        torch.get_num_threads()
        torch.set_num_threads(1)
        self._narrowed.wait()

    @torch.no_grad()
    def _work(self, hand: _Hand) -> None:
        self._narrow()
        for step in hand.steps:
            if self._closing.is_set():
                return
            try:
                hand.ready.put((self._load(step), None))
            except BaseException as error:  # handed to the consumer, whatever it is
                error.add_note(f"while preparing the batch of step {step}")
                hand.ready.put((None, error))
                return


class _Hand:
    """What one thread loads, and where it puts it."""

    def __init__(self, steps: Iterator[int]) -> None:
        self.steps = steps
        self.ready: queue.Queue[tuple[Any, BaseException | None]] = queue.Queue(1)

    def empty(self) -> None:
        """Throw away what waits to be taken."""
        with contextlib.suppress(queue.Empty):
            self.ready.get_nowait()


def _steps(first: int, stop: int | None, stride: int) -> Iterator[int]:
    return itertools.count(first, stride) if stop is None else iter(range(first, stop, stride))
