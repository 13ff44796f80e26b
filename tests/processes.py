"""Processes that tests start, wait for and kill, and what they leave behind."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from sfumato.engine.checkpoint import CheckpointStore
from sfumato.runs.directory import RunDirectory


def wait_for(path: Path, seconds: float = 90) -> None:
    """Until a file is there."""
    deadline = time.monotonic() + seconds
    while not path.exists():
        assert time.monotonic() < deadline, f"{path.name} never came"
        time.sleep(0.002)


def options(changes: Sequence[str]) -> list[str]:
    """Settings as a command takes them."""
    return [word for change in changes for word in ("--settings", change)]


class _Server:
    """A process that has torch imported, and forks a child for whatever it is asked to start."""

    def __init__(self, script: str) -> None:
        self._server = subprocess.Popen(
            [sys.executable, str(Path(__file__).parent / script)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
        )

    def close(self) -> None:
        assert self._server.stdin is not None
        self._server.stdin.close()
        self._server.wait(10)

    def _ask(self, line: str) -> int:
        assert self._server.stdin is not None
        assert self._server.stdout is not None
        self._server.stdin.write(line + "\n")
        self._server.stdin.flush()
        return int(self._server.stdout.readline())


class Jobs(_Server):
    """Starts the jobs of ``engine/jobs.py`` in processes that can be killed."""

    def __init__(self) -> None:
        super().__init__("engine/jobs.py")

    def start(self, job: str, directory: Path, until: str | None = None) -> int:
        pid = self._ask(f"start {job} {directory}")
        if until is not None:
            wait_for(directory / until)
        return pid

    def end(self, pid: int, signum: int = signal.SIGKILL) -> int:
        """Send a signal; the exit code, negative for one that killed it."""
        os.kill(pid, signum)
        return self.wait(pid)

    def wait(self, pid: int) -> int:
        return self._ask(f"wait {pid}")


class Commands(_Server):
    """Starts ``sfumato`` in processes that can be killed."""

    def __init__(self) -> None:
        super().__init__("server.py")

    def start(self, folder: Path, *arguments: str) -> int:
        """Run a command in a folder; what it says of errors is in its ``stderr.txt``."""
        return self.start_saying(folder, folder / "stderr.txt", *arguments)

    def start_saying(self, folder: Path, errors: Path, *arguments: str) -> int:
        """Run a command in a folder; what it says of errors is in a file."""
        request = {"start": arguments, "cwd": str(folder), "stderr": str(errors)}
        return self._ask(json.dumps(request))

    def end(self, pid: int, signum: int = signal.SIGKILL) -> int:
        """Send a signal; the exit code, negative for one that killed it."""
        os.kill(pid, signum)
        return self.wait(pid)

    def wait(self, pid: int) -> int:
        return self._ask(json.dumps({"wait": pid}))


def state_of(root: Path) -> dict[str, str]:
    """Digests of all that a run has learnt: the published files, and every saved tensor."""
    directory = RunDirectory(root)
    checkpoint, warnings = CheckpointStore(directory.checkpoints).load_latest()
    assert checkpoint is not None
    assert not warnings
    found = {
        f"{group}/{name}": hashlib.sha256(tensor.numpy().tobytes()).hexdigest()
        for group, named in checkpoint.tensors.items()
        for name, tensor in named.items()
    }
    found["step"] = str(checkpoint.step)
    found["model"] = hashlib.sha256(directory.model.read_bytes()).hexdigest()
    if directory.best.exists():
        found["best"] = hashlib.sha256(directory.best.read_bytes()).hexdigest()
    for path in directory.early.glob("*"):
        found[path.name] = hashlib.sha256(path.read_bytes()).hexdigest()
    return found
