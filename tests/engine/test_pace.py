from __future__ import annotations

import math
import time

import pytest

from sfumato.engine.pace import Cadence, Pace, every
from sfumato.engine.settings import Budget


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_the_end_is_foreseen_from_the_recent_rate() -> None:
    clock = Clock()
    pace = Pace(step=100, samples=800, elapsed=50.0, clock=clock)
    assert pace.eta(Budget(steps=1000)) == math.inf
    for step in range(101, 301):
        clock.now += 10.0 if step == 101 else 0.5  # a slow first step, soon forgotten
        pace.tick(step, step * 8, 0.0)
    assert pace.elapsed == pytest.approx(50 + 10 + 199 * 0.5)
    assert pace.samples_per_second == pytest.approx(16.0)
    assert pace.eta(Budget(steps=1000)) == pytest.approx(350.0)
    assert pace.eta(Budget(minutes=4)) == pytest.approx(240 - pace.elapsed)
    assert pace.eta(Budget(steps=1000, minutes=4)) == pytest.approx(240 - pace.elapsed)
    assert pace.eta(Budget(steps=10)) == 0.0


def test_waiting_is_a_share_of_recent_time() -> None:
    clock = Clock()
    pace = Pace(0, 0, 0.0, clock)
    assert pace.waiting == 0.0
    waited = 0.0
    for step in range(1, 201):
        clock.now += 1.0
        waited += 0.75 if step == 1 else 0.25  # a slow first batch, soon forgotten
        pace.tick(step, step, waited)
    assert pace.waiting == pytest.approx(0.25)


def test_many_short_steps_need_little_memory() -> None:
    clock = Clock()
    pace = Pace(0, 0, 0.0, clock)
    for step in range(1, 100_001):
        clock.now += 0.001
        pace.tick(step, step, 0.0)
    assert len(pace._marks) < 80
    assert pace.samples_per_second == pytest.approx(1000.0, rel=1e-3)


def test_a_clock_set_back_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    pace = Pace(0, 0, 0.0)
    pace.tick(1, 1, 0.0)
    monkeypatch.setattr(time, "time", lambda: 0.0)
    assert 0 <= pace.tick(2, 2, 0.0) < 5
    assert 0 <= pace.eta(Budget(steps=10)) < 60


def test_turns_come_every_so_often() -> None:
    clock = Clock()
    cadence = Cadence(10.0, clock=clock)
    assert not cadence.due()
    clock.now += 10.0
    assert cadence.due()
    with cadence.turn():
        clock.now += 0.5
    clock.now += 9.0
    assert not cadence.due()
    clock.now += 0.5
    assert cadence.due()


def test_long_turns_come_more_rarely() -> None:
    clock = Clock()
    cadence = Cadence(10.0, share=0.1, clock=clock)
    clock.now += 10.0
    with cadence.turn():
        clock.now += 6.0
    clock.now += 53.0
    assert not cadence.due()
    clock.now += 1.0
    assert cadence.due()


def test_the_first_turn_can_come_early() -> None:
    clock = Clock()
    for interval, first in ((300.0, 45.0), (10.0, 10.0), (every(None), 45.0)):
        cadence = Cadence(interval, first=45.0, clock=clock)
        clock.now += first - 1
        assert not cadence.due()
        clock.now += 1
        assert cadence.due()
        with cadence.turn():
            pass
        clock.now += min(interval, 1e9) - 1
        assert not cadence.due()


def test_never_is_never() -> None:
    clock = Clock()
    cadence = Cadence(every(None), clock=clock)
    clock.now += 1e12
    assert not cadence.due()
    assert every(2.0) == 120.0
