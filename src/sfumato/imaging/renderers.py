"""The processes that render drawings: a few that wait for work, and a new one for each that died.

A renderer is a large program written by others. What it does to a drawing that nobody foresaw, an
endless loop, a crash, all the memory, happens in a process of its own, which has limits and can
open no file (:mod:`sfumato.imaging.svg_child`), and costs that drawing alone.
"""

from __future__ import annotations

import atexit
import errno
import os
import select
import signal
import struct
import subprocess
import sys
import threading
import time
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path

from sfumato.errors import MissingExtra

MEMORY = 768 << 20
"""Bytes of memory that a renderer may have."""

SECONDS = 10.0
"""Seconds of a processor that a drawing may take."""

# On a machine that is busy or asleep, those seconds may take long to pass.
_PATIENCE = 12.0
_CHUNK = 1 << 16
_ANSWER_LIMIT = 1 << 30
_ENDED = 0
_HANGUP = getattr(signal, "SIGHUP", signal.SIGTERM)
# An interpreter that is not in the system's usual place may need these to find its libraries.
_ENVIRONMENT = ("LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "SYSTEMROOT")


class _Died(Exception):
    """A renderer ended before it answered.

    Args:
        code: Its exit code, or minus the number of the signal that ended it.
        words: The last that it wrote to its standard error.
    """

    def __init__(self, code: int, words: str) -> None:
        super().__init__(code)
        self.code, self.words = code, words

    @property
    def from_outside(self) -> bool:
        """Whether a signal ended it that no program sends to itself by accident."""
        return -self.code in (signal.SIGKILL, signal.SIGTERM, signal.SIGINT, _HANGUP)


def renderer() -> str:
    """The folder of the package that renders drawings.

    Raises:
        MissingExtra: The package is not installed.
    """
    spec = find_spec("resvg_py")
    if spec is None or spec.origin is None:
        raise MissingExtra("resvg-py", "svg", "Reading SVG drawings")
    place = Path(spec.origin).resolve().parent
    return str(place.parent if spec.submodule_search_locations else place)


def render(
    text: str, width: int, height: int, memory: int = MEMORY, seconds: float = SECONDS
) -> bytes:
    """Render a drawing in another process.

    Args:
        text: The drawing; it may not refer to anything outside itself.
        width, height: Size of the picture in pixels.
        memory: Bytes of memory that the renderer may have.
        seconds: Seconds of a processor that it may take.

    Returns:
        The picture as PNG.

    Raises:
        MissingExtra: The package is not installed.
        ValueError: The drawing cannot be rendered; the message is the reason.
        OSError: The machine, not the drawing, is the reason; it may pass.
    """
    request = text.encode()
    request = struct.pack(">III", width, height, len(request)) + request
    for attempt in (0, 1):
        process = _POOL.take(memory, seconds) if attempt == 0 else _Renderer(memory, seconds)
        fresh = process.fresh
        try:
            kind, content = process.ask(request)
        except _Died as death:
            # What earlier drawings left behind, or another program, may have ended it.
            again = death.code != -signal.SIGPROF and (not fresh or death.from_outside)
            if again and not attempt:
                continue
            raise _verdict(death, memory, seconds) from death
        except BaseException:
            process.close()
            raise
        if kind == b"M" and not fresh and not attempt:
            process.close()
            continue
        _POOL.give(process)
        return _content(kind, content, memory)
    raise RuntimeError("a drawing was tried twice without a verdict")


def _content(kind: bytes, content: bytes, memory: int) -> bytes:
    if kind == b"P":
        return content
    if kind == b"M":
        raise ValueError(_out_of_memory(memory))
    reason = content.decode(errors="replace")
    if kind == b"I":
        raise MissingExtra("resvg-py", "svg", "Reading SVG drawings") from ImportError(reason)
    raise ValueError(reason)


def _out_of_memory(memory: int) -> str:
    return f"the renderer ran out of memory ({memory >> 20} MiB)"


def _verdict(death: _Died, memory: int, seconds: float) -> Exception:
    """Why there is no picture, from how a renderer ended."""
    if death.code == -signal.SIGPROF:
        return ValueError(f"rendering took longer than {seconds:g} s")
    if "memory allocation" in death.words or "MemoryError" in death.words:
        return ValueError(_out_of_memory(memory))
    if death.from_outside:
        return OSError(errno.EAGAIN, "the renderer was ended from outside")
    try:
        how = signal.Signals(-death.code).name
    except ValueError:
        how = f"exit code {death.code}"
    return ValueError(f"the renderer crashed on it ({how})")


class _Renderer:
    """One process that renders drawings, used by one thread at a time."""

    def __init__(self, memory: int, seconds: float) -> None:
        if not sys.executable:
            raise OSError(errno.ENOEXEC, "no Python interpreter is known to start a renderer with")
        self.limits = memory, seconds
        self.fresh = True
        self._process = subprocess.Popen(  # noqa: S603
            [
                sys.executable, "-I", "-S", str(Path(__file__).with_name("svg_child.py")),
                renderer(), str(memory), str(seconds),
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            bufsize=0,
            # It gets none of the user's variables, which may hold secrets.
            env={name: os.environ[name] for name in _ENVIRONMENT if name in os.environ},
            cwd=os.sep,
            # Ctrl-C goes to every process of a session, and would look like a crash.
            start_new_session=True,
        )  # fmt: skip
        pipes = (self._process.stdin, self._process.stdout, self._process.stderr)
        self._pipes = [pipe for pipe in pipes if pipe is not None]
        self._input, self._output, self._errors = (pipe.fileno() for pipe in self._pipes)
        for file in (self._input, self._output, self._errors):
            os.set_blocking(file, False)

    @property
    def alive(self) -> bool:
        """Whether the process still runs."""
        return self._process.poll() is None

    def ask(self, request: bytes) -> tuple[bytes, bytes]:
        """Send a request and wait for the answer: its kind and content.

        Raises:
            _Died: The process ended.
            OSError: It did not answer for very long.
        """
        self.fresh = False
        deadline = time.monotonic() + self.limits[1] * _PATIENCE
        self._write(request, deadline)
        head = self._read(5, deadline)
        length = struct.unpack(">I", head[1:])[0]
        if length > _ANSWER_LIMIT:
            raise ValueError("the renderer gave an answer that is too long")
        answer = self._read(length, deadline)
        self._words()
        return head[:1], answer

    def close(self) -> None:
        """End the process."""
        with suppress(OSError):
            self._process.kill()
        self._process.wait()
        self._close_pipes()

    def forget(self) -> None:
        """Let go of a process that belongs to the parent of this one."""
        self._close_pipes()
        # It is not a child of this process, and no end of it is to be waited for.
        self._process.returncode = _ENDED

    def _write(self, request: bytes, deadline: float) -> None:
        left = memoryview(request)
        while left:
            self._wait(self._input, select.POLLOUT, deadline)
            try:
                left = left[os.write(self._input, left[:_CHUNK]) :]
            except BlockingIOError:
                continue
            except BrokenPipeError:
                raise self._death() from None

    def _read(self, count: int, deadline: float) -> bytes:
        pieces, left = [], count
        while left:
            self._wait(self._output, select.POLLIN, deadline)
            try:
                piece = os.read(self._output, min(left, 1 << 20))
            except BlockingIOError:
                continue
            if not piece:
                raise self._death()
            pieces.append(piece)
            left -= len(piece)
        return b"".join(pieces)

    def _wait(self, file: int, event: int, deadline: float) -> None:
        poll = select.poll()
        poll.register(file, event)
        if not poll.poll(max(0.0, deadline - time.monotonic()) * 1000):
            raise OSError(errno.ETIMEDOUT, "the renderer did not answer; the machine is very busy")

    def _words(self) -> str:
        """What the process wrote to its standard error since the last call."""
        words = b""
        with suppress(OSError):
            while piece := os.read(self._errors, _CHUNK):
                words = (words + piece)[-4000:]
        return words.decode(errors="replace")

    def _death(self) -> _Died:
        code = self._process.wait()
        words = self._words()
        self._close_pipes()
        return _Died(code, words)

    def _close_pipes(self) -> None:
        for pipe in self._pipes:
            with suppress(OSError):
                pipe.close()


class _Pool:
    """Renderers that wait for work. A forked process does not use those of its parent."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: list[_Renderer] = []
        self._registered = False

    def take(self, memory: int, seconds: float) -> _Renderer:
        """A renderer with these limits, a new one if none waits."""
        while True:
            with self._lock:
                process = self._waiting.pop() if self._waiting else None
            if process is None:
                return _Renderer(memory, seconds)
            if process.alive and process.limits == (memory, seconds):
                return process
            process.close()

    def give(self, process: _Renderer) -> None:
        """Let a renderer wait for more work."""
        with self._lock:
            self._waiting.append(process)
            registered, self._registered = self._registered, True
        if not registered:
            atexit.register(self.close)
            if hasattr(os, "register_at_fork"):
                os.register_at_fork(after_in_child=self._forget)

    def close(self) -> None:
        """End all that wait."""
        with self._lock:
            waiting, self._waiting = self._waiting, []
        for process in waiting:
            process.close()

    def _forget(self) -> None:
        self._lock = threading.Lock()
        waiting, self._waiting = self._waiting, []
        for process in waiting:
            process.forget()


_POOL = _Pool()
