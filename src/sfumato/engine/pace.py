"""Time in a run: throughput, expected end, and recurring turns.

All times are from a monotonic clock, which is not affected by changes of the system clock.
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
        step: Number of steps before this session.
        samples: Number of samples before this session.
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
        """Record the end of a step.

        Args:
            step: Number of steps so far.
            samples: Number of samples so far.
            waited: Total seconds that this session has waited for batches.

        Returns:
            Seconds trained, over all sessions.
        """
        now = self.elapsed
        # The window has about sixty marks, however short the steps are.
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
        """Share of the recent time, in [0, 1], that steps waited for their batches."""
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
    """A turn every ``seconds``, or less often if turns take more than their share of the time.

    Args:
        seconds: Interval between the starts of two turns; infinity means never.
        share: Largest share of the time for turns: after a turn of d seconds the next one starts
            at the earliest ``d / share`` after its start.
        first: Seconds until the first turn, if it comes earlier than by the interval.
        clock: A monotonic clock in seconds.
    """

    def __init__(
        self,
        seconds: float,
        share: float = 0.1,
        first: float = math.inf,
        clock: Clock = time.monotonic,
    ) -> None:
        self._seconds = seconds
        self._share = share
        self._clock = clock
        self._next = clock() + min(first, seconds)

    def due(self) -> bool:
        """Whether the next turn is due."""
        return self._clock() >= self._next

    @contextmanager
    def turn(self) -> Iterator[None]:
        """A context around a turn, whose duration is measured."""
        began = self._clock()
        yield
        duration = self._clock() - began
        self._next = began + max(self._seconds, duration / self._share)


def every(minutes: float | None) -> float:
    """Minutes in seconds; None means never."""
    return math.inf if minutes is None else 60.0 * minutes
