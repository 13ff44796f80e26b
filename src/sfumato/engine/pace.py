"""Time in a run: how fast it goes, when it will end, and what is due every so often.

All of it is measured on a monotonic clock, so a clock set back harms nothing.
"""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from sfumato.engine.settings import Budget

Clock = Callable[[], float]

WINDOW = 30.0
"""Seconds over which the recent rate is measured."""


class Pace:
    """Time trained, recent throughput and expected time to the end.

    Args:
        step: Steps done before this session.
        samples: Samples seen before this session.
        elapsed: Seconds trained before this session.
        clock: A monotonic clock in seconds.
    """

    def __init__(
        self, step: int, samples: int, elapsed: float, clock: Clock = time.monotonic
    ) -> None:
        self._clock = clock
        self._origin = clock() - elapsed
        self._marks = deque([(elapsed, step, samples, 0.0)])

    @property
    def elapsed(self) -> float:
        """Seconds trained, over all sessions."""
        return self._clock() - self._origin

    def tick(self, step: int, samples: int, waited: float) -> float:
        """Note that a step has ended.

        Args:
            step: Steps done.
            samples: Samples seen.
            waited: Seconds that this session has waited for batches in all.

        Returns:
            Seconds trained, over all sessions.
        """
        now = self.elapsed
        # About sixty marks describe the window, however short the steps.
        if len(self._marks) > 1 and now - self._marks[-2][0] < WINDOW / 60:
            self._marks.pop()
        self._marks.append((now, step, samples, waited))
        while len(self._marks) > 2 and now - self._marks[1][0] > WINDOW:
            self._marks.popleft()
        return now

    @property
    def samples_per_second(self) -> float:
        """Recent throughput; 0 before the first step."""
        (then, _, few, _), (now, _, many, _) = self._marks[0], self._marks[-1]
        return (many - few) / (now - then) if now > then else 0.0

    @property
    def waiting(self) -> float:
        """Share of recent time, in [0, 1], in which steps waited for their batches."""
        (then, _, _, before), (now, _, _, waited) = self._marks[0], self._marks[-1]
        return min(1.0, (waited - before) / (now - then)) if now > then else 0.0

    def eta(self, budget: Budget) -> float:
        """Seconds until the budget is spent; infinity while the rate is unknown."""
        (then, early, _, _), (now, step, _, _) = self._marks[0], self._marks[-1]
        ends = [math.inf]
        if budget.minutes is not None:
            ends.append(60.0 * budget.minutes - now)
        if budget.steps is not None and step > early:
            ends.append((budget.steps - step) * (now - then) / (step - early))
        return max(0.0, min(ends))


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
        """Whether the next turn is due."""
        return self._clock() >= self._next

    @contextmanager
    def turn(self) -> Iterator[None]:
        """A context around a turn that was due; its duration is measured."""
        began = self._clock()
        yield
        duration = self._clock() - began
        self._next = began + max(self._seconds, duration / self._share)


def every(minutes: float | None) -> float:
    """Minutes as seconds; None is never."""
    return math.inf if minutes is None else 60.0 * minutes
