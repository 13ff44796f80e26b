"""Preparing the next batch while the present one trains."""

from __future__ import annotations

import itertools
import queue
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Generic, Self, TypeVar

import torch

from sfumato.errors import DataError

Item = TypeVar("Item")


class Prefetcher(Generic[Item]):
    """Calls ``load(step)`` for consecutive steps on a thread, ahead of the consumer.

    Args:
        load: Gives the item of a step; a pure function of it.
        start: First step.
        stop: Step before which to stop loading; None never stops.
        timeout: Seconds that :meth:`next` waits before it gives up.
    """

    def __init__(
        self, load: Callable[[int], Item], start: int, stop: int | None, timeout: float
    ) -> None:
        self._load = load
        self._steps = iter(range(start, stop)) if stop is not None else itertools.count(start)
        self._timeout = timeout
        self._ready: queue.Queue[tuple[Item | None, BaseException | None]] = queue.Queue(1)
        self._closing = threading.Event()
        self._taken = start
        # A daemon, so that a reader stuck in the system cannot keep the process alive.
        self._thread = threading.Thread(target=self._work, name="sfumato-batches", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._closing.set()
        while self._thread.is_alive() and not self._ready.empty():
            self._ready.get_nowait()
        self._thread.join(timeout=2.0)

    def next(self) -> Item:
        """The item of the next step.

        Raises:
            DataError: It did not arrive in time.
            BaseException: Whatever ``load`` raised, with its own traceback and the step noted.
        """
        try:
            item, error = self._ready.get(timeout=self._timeout)
        except queue.Empty:
            raise DataError(
                f"The batch of step {self._taken} did not arrive within {self._timeout:g} s.",
                why="reading the data hangs, or is far slower than training",
                hint="Check the disk that holds the data, or raise batch_timeout.",
            ) from None
        if error is not None:
            raise error
        self._taken += 1
        return item  # type: ignore[return-value]  # None only beside an error

    @torch.no_grad()
    def _work(self) -> None:
        for step in self._steps:
            try:
                self._ready.put((self._load(step), None))
            except BaseException as error:  # handed to the consumer, whatever it is
                error.add_note(f"while preparing the batch of step {step}")
                self._ready.put((None, error))
                return
            if self._closing.is_set():
                return
