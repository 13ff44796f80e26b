"""The program of the processes that render drawings. It imports nothing of this package.

It is started as ``python -I -S svg_child.py FOLDER MEMORY SECONDS`` by
:mod:`sfumato.imaging.renderers`, with the folder of the package ``resvg_py``, the most bytes of
memory and the most seconds of a processor for one drawing. It reads requests from its standard
input and answers on its standard output, and ends when its input does.

Request: width, height and length, then the drawing as UTF-8. Answer: a kind of one byte and a
length, then the PNG (``P``), or the reason why there is none (``E``: the drawing, ``M``: memory,
``I``: the renderer cannot be imported).
"""

from __future__ import annotations

import contextlib
import select
import signal
import struct
import sys
from typing import Any, BinaryIO

_IDLE_SECONDS = 30.0
"""An idle process ends after so long."""


def _limit(memory: int) -> None:
    """Give up what a renderer does not need: files, sockets, processes, and more memory."""
    try:
        import resource
    except ImportError:  # Windows has no such limits.
        return
    # With as many files open as it may have, the process cannot open another one by any call.
    limits = {"NOFILE": 3, "FSIZE": 0, "CORE": 0, "NPROC": 0, "AS": memory, "DATA": memory}
    for name, most in limits.items():
        # macOS refuses some of them.
        with contextlib.suppress(ValueError, OSError, AttributeError):
            resource.setrlimit(getattr(resource, f"RLIMIT_{name}"), (most, most))


def _rendered(resvg: Any, text: str, width: int, height: int) -> tuple[bytes, bytes]:
    try:
        png = resvg.svg_to_bytes(
            svg_string=text, width=width, height=height, skip_system_fonts=True
        )
    except MemoryError:
        return b"M", b""
    # A panic of the renderer is a BaseException of a class that cannot be imported.
    except BaseException as error:
        panic = type(error).__name__ == "PanicException"
        reason = f"the renderer gave up on it: {error}" if panic else str(error)
        return b"E", (reason or type(error).__name__).encode(errors="replace")[:2000]
    return b"P", bytes(png)


def _clock(seconds: float) -> None:
    """End this process after so many seconds of a processor; 0 stops the clock.

    The system does it, even while the renderer runs and when nobody waits for it any more.
    """
    if hasattr(signal, "setitimer"):
        signal.setitimer(signal.ITIMER_PROF, seconds)


def _answer(out: BinaryIO, kind: bytes, content: bytes) -> None:
    out.write(kind + struct.pack(">I", len(content)) + content)
    out.flush()


def main() -> None:
    """Answer requests until there are no more."""
    folder, memory, seconds = sys.argv[1], int(sys.argv[2]), float(sys.argv[3])
    # The parent decides what an interrupt means.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    given, out = sys.stdin.buffer, sys.stdout.buffer
    sys.path.append(folder)
    try:
        import resvg_py
    except Exception as error:
        _answer(out, b"I", str(error).encode(errors="replace")[:2000])
        return
    _limit(memory)
    while select.select([given], [], [], _IDLE_SECONDS)[0]:
        head = given.read(12)
        if len(head) < 12:
            return
        width, height, length = struct.unpack(">III", head)
        text = given.read(length).decode()
        _clock(seconds)
        kind, content = _rendered(resvg_py, text, width, height)
        _clock(0)
        _answer(out, kind, content)


if __name__ == "__main__":
    main()
