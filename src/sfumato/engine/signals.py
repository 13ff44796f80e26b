"""Ctrl-C and SIGTERM: the first signal requests a stop, the second ends the process.

After the first Ctrl-C or SIGTERM the step in hand is finished and saved. The handlers are put back
at that moment, so a second signal does what it would have done without this module.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import TypeVar

from sfumato.errors import Interrupted

SIGNALS = (signal.SIGINT, signal.SIGTERM)
EventT = TypeVar("EventT")


class StopRequest:
    """A request to stop: whether there is one, and by which signal.

    A server that runs training in a thread calls :meth:`ask` itself; a command-line program uses
    :func:`stop_on_signals`.
    """

    def __init__(self) -> None:
        self._signum: int | None = None

    @property
    def signum(self) -> int | None:
        """The signal of the request; None as long as there is none."""
        return self._signum

    def ask(self, signum: int = signal.SIGINT) -> None:
        """Request a stop; only the first request counts."""
        if self._signum is None:
            self._signum = int(signum)


@contextmanager
def stop_on_signals() -> Iterator[StopRequest]:
    """Turn the first SIGINT or SIGTERM inside the block into a stop request.

    Outside the main thread no handler can be installed; the request is then only ever set by
    calling its ``ask``.

    Yields:
        The request, to be handed to whatever does the work.
    """
    request = StopRequest()
    if threading.current_thread() is not threading.main_thread():
        yield request
        return
    before = {signum: signal.getsignal(signum) for signum in SIGNALS}

    def restore() -> None:
        for signum, handler in before.items():
            signal.signal(signum, handler)

    def on_signal(signum: int, frame: FrameType | None) -> None:
        request.ask(signum)
        restore()

    for signum in SIGNALS:
        signal.signal(signum, on_signal)
    try:
        yield request
    finally:
        restore()


def until_stopped(events: Iterator[EventT]) -> Iterator[EventT]:
    """Events of some work, until the first SIGINT or SIGTERM.

    Python's own KeyboardInterrupt can be raised anywhere, and is lost where a library clears all
    errors at that moment: now and then a Ctrl-C did nothing.

    Raises:
        Interrupted: A signal arrived; raised between two events, so that written files are whole.
    """
    with stop_on_signals() as stop:
        for event in events:
            yield event
            if stop.signum is not None:
                raise Interrupted("Stopped; everything written so far is whole.", stop.signum)
