"""Doing something every so often without letting it eat the run."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

Clock = Callable[[], float]


class Cadence:
    """Due every ``seconds``, or more rarely if its turns take more than their share of the time.

    Args:
        seconds: Interval from the beginning of one turn to the next; infinity is never due.
        share: Largest share of the time that turns may take: after a turn of d seconds the next
            one begins at the earliest ``d / share`` after it began.
        clock: A monotonic clock in seconds.
    """

    def __init__(self, seconds: float, share: float = 0.1, clock: Clock = time.monotonic) -> None:
        self._seconds = seconds
        self._share = share
        self._clock = clock
        self._next = clock() + seconds

    def due(self) -> bool:
        """Whether it is time."""
        return self._clock() >= self._next

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Surround the thing that was due; its duration is measured."""
        began = self._clock()
        yield
        duration = self._clock() - began
        self._next = began + max(self._seconds, duration / self._share)


def every(minutes: float | None) -> float:
    """Minutes as seconds; None is never."""
    return math.inf if minutes is None else 60.0 * minutes
