"""Threads that read files, each within a limit of time.

The threads of ``concurrent.futures`` are waited for when the process ends, so one file on a share
that no longer answers would hold it for ever. These are not: a thread that takes too long is left
to itself, and another one takes its place.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from queue import SimpleQueue
from typing import Generic, TypeVar

ItemT = TypeVar("ItemT")
ResultT = TypeVar("ResultT")

SECONDS = 120.0
"""Limit of time for reading an item, in seconds: far more than that takes, on any machine."""

_POLL_SECONDS = 0.5
_CLOSING_SECONDS = 1.0


class TookTooLong(Exception):
    """A call did not end within its limit of time."""


class Job(Generic[ItemT, ResultT]):
    """A call that a thread makes.

    Args:
        item: Its argument.
    """

    def __init__(self, item: ItemT) -> None:
        self.item = item
        self.began: float | None = None
        self.abandoned = False
        self.done = threading.Event()
        self.result: ResultT
        self.error: BaseException | None = None


class Workers(Generic[ItemT, ResultT]):
    """Threads that call a function on items, in the order in which these are submitted.

    Args:
        function: The function.
        count: Number of threads.
        seconds: Limit of time of a call in seconds.
    """

    def __init__(self, function: Callable[[ItemT], ResultT], count: int, seconds: float) -> None:
        self._function = function
        self._seconds = seconds
        self._jobs: SimpleQueue[Job[ItemT, ResultT] | None] = SimpleQueue()
        self._threads: list[threading.Thread] = []
        self._closed = False
        for _ in range(count):
            self._start()

    def submit(self, item: ItemT) -> Job[ItemT, ResultT]:
        """Have the function called on an item."""
        job: Job[ItemT, ResultT] = Job(item)
        self._jobs.put(job)
        return job

    def result(self, job: Job[ItemT, ResultT]) -> ResultT:
        """The result of a call; to be requested in the order of submission.

        Raises:
            TookTooLong: The call has not ended within the limit of time.
            BaseException: Whatever the function raised.
        """
        while not job.done.wait(_POLL_SECONDS):
            if job.began is not None and time.monotonic() - job.began > self._seconds:
                job.abandoned = True
                self._start()
                raise TookTooLong
        if job.error is not None:
            raise job.error
        return job.result

    def close(self) -> None:
        """End the threads; those that are in a call are waited for a second and no longer."""
        self._closed = True
        for _ in self._threads:
            self._jobs.put(None)
        until = time.monotonic() + _CLOSING_SECONDS
        for thread in self._threads:
            # A generator that nobody holds any more can be closed in any thread, this one too.
            if thread is not threading.current_thread():
                thread.join(max(0.0, until - time.monotonic()))

    def _start(self) -> None:
        thread = threading.Thread(target=self._work, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            if self._closed:
                continue
            job.began = time.monotonic()
            try:
                job.result = self._function(job.item)
            except BaseException as error:
                job.error = error
            job.done.set()
            if job.abandoned:  # Another thread has taken this one's place.
                return


def call_within(seconds: float, function: Callable[[ItemT], ResultT], item: ItemT) -> ResultT:
    """Call a function on one item, in a thread of its own.

    Raises:
        TookTooLong: The call has not ended within the limit of time.
        BaseException: Whatever the function raised.
    """
    workers = Workers(function, 1, seconds)
    try:
        return workers.result(workers.submit(item))
    finally:
        workers.close()
