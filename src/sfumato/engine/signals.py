"""Ctrl-C, SIGTERM and SIGHUP: the first signal requests a stop, the second ends the process.

After the first signal the present step is finished and saved. The original handlers are restored at
that moment, so a second signal has its usual effect. SIGHUP comes when a terminal is closed; where
it is ignored, as under ``nohup``, it stays ignored.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import TypeVar

from sfumato.errors import Interrupted

SIGNALS = (signal.SIGINT, signal.SIGTERM)
_HANGUP = getattr(signal, "SIGHUP", None)  # Windows has none.
EventT = TypeVar("EventT")


class StopRequest:
    """A request to stop, and its signal.

    A server that trains in a thread calls :meth:`ask` itself; a command-line program uses
    :func:`stop_on_signals`.
    """

    def __init__(self) -> None:
        self._signum: int | None = None

    @property
    def signum(self) -> int | None:
        """The signal of the request; None without a request."""
        return self._signum

    def ask(self, signum: int = signal.SIGINT) -> None:
        """Request a stop; only the first request counts."""
        if self._signum is None:
            self._signum = int(signum)


@contextmanager
def stop_on_signals() -> Iterator[StopRequest]:
    """Turn the first SIGINT, SIGTERM or SIGHUP inside the block into a stop request.

    Outside the main thread no handler can be installed; the request is then only set by its method
    ``ask``.

    Yields:
        The request.
    """
    request = StopRequest()
    if threading.current_thread() is not threading.main_thread():
        yield request
        return
    signals = [*SIGNALS]
    if _HANGUP is not None and signal.getsignal(_HANGUP) is not signal.SIG_IGN:
        signals.append(_HANGUP)
    before = {signum: signal.getsignal(signum) for signum in signals}

    def restore() -> None:
        for signum, handler in before.items():
            signal.signal(signum, handler)

    def on_signal(signum: int, frame: FrameType | None) -> None:
        request.ask(signum)
        restore()

    for signum in signals:
        signal.signal(signum, on_signal)
    try:
        yield request
    finally:
        restore()


def until_stopped(events: Iterator[EventT]) -> Iterator[EventT]:
    """Yield events until the first SIGINT, SIGTERM or SIGHUP.

    A KeyboardInterrupt can be raised anywhere, and is lost if a library clears all errors at that
    moment, so that a Ctrl-C sometimes has no effect.

    Raises:
        Interrupted: A signal arrived; raised between two events, so that written files are intact.
    """
    with stop_on_signals() as stop:
        try:
            for event in events:
                yield event
                if stop.signum is not None:
                    raise Interrupted(
                        "The command was stopped; every file that it wrote is whole.",
                        stop.signum,
                        hint="run the same command again.",
                    )
        finally:
            if isinstance(events, Generator):
                events.close()  # Its locks and drafts end with it, and not some time later.
