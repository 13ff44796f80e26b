from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sfumato.engine.checkpoint import CheckpointStore
from sfumato.engine.signals import stop_on_signals, until_stopped
from sfumato.errors import Interrupted
from tests.processes import wait_for


@pytest.fixture(autouse=True)
def _hangups_are_not_ignored() -> Iterator[None]:
    """As they are if the tests run under ``nohup``."""
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGHUP, before)


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM])
def test_the_first_signal_only_asks_and_handlers_come_back(signum: int) -> None:
    before = [signal.getsignal(s) for s in (signal.SIGINT, signal.SIGTERM)]
    with stop_on_signals() as stop:
        assert stop.signum is None
        os.kill(os.getpid(), signum)
        assert stop.signum == signum
    assert [signal.getsignal(s) for s in (signal.SIGINT, signal.SIGTERM)] == before


def test_outside_the_main_thread_it_can_still_be_asked() -> None:
    seen = []

    def work() -> None:
        with stop_on_signals() as stop:
            stop.ask()
            stop.ask(signal.SIGTERM)
            seen.append(stop.signum)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [signal.SIGINT]


@pytest.mark.parametrize(
    ("signum", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)]
)
def test_training_saves_and_exits_with_its_own_code(
    tmp_path: Path, jobs: Any, signum: int, code: int
) -> None:
    pid = jobs.start("train_until_told", tmp_path, until="reached")
    assert jobs.end(pid, signum) == code
    found, warnings = CheckpointStore(tmp_path / "checkpoints").load_latest()
    assert found is not None
    assert found.step >= 3
    assert warnings == []


@pytest.mark.parametrize(("signum", "code"), [(signal.SIGINT, 99), (signal.SIGTERM, -15)])
def test_the_second_signal_ends_the_process(
    tmp_path: Path, jobs: Any, signum: int, code: int
) -> None:
    pid = jobs.start("ignore_the_stop", tmp_path, until="reached")
    os.kill(pid, signum)
    wait_for(tmp_path / "asked")
    assert jobs.end(pid, signum) == code


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_events_end_between_two(signum: signal.Signals) -> None:
    before = signal.getsignal(signum)
    seen = []

    def events() -> Iterator[int]:
        for number in range(5):
            if number == 2:
                os.kill(os.getpid(), signum)
            yield number

    with pytest.raises(Interrupted) as caught:
        for number in until_stopped(events()):
            seen.append(number)
    assert seen == [0, 1, 2]
    assert caught.value.exit_code == 128 + signum
    assert signal.getsignal(signum) is before


def test_events_are_closed_at_once_when_their_reader_fails() -> None:
    closed = []

    def events() -> Iterator[int]:
        try:
            yield 1
            yield 2
        finally:
            closed.append(True)

    work = events()
    reader = until_stopped(work)
    next(reader)
    with pytest.raises(KeyError):
        reader.throw(KeyError("display"))
    assert closed


def test_a_hangup_that_is_ignored_stays_ignored() -> None:
    """As ``nohup`` wants it."""
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with stop_on_signals() as stop:
            os.kill(os.getpid(), signal.SIGHUP)
            assert stop.signum is None
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)
