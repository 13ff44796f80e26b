from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from sfumato.engine.checkpoint import CheckpointStore
from sfumato.run.directory import RunDirectory


class Commands:
    """Starts ``sfumato`` in processes that can be killed."""

    def __init__(self) -> None:
        self._server = subprocess.Popen(
            [sys.executable, str(Path(__file__).with_name("server.py"))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
        )

    def start(self, folder: Path, *arguments: str) -> int:
        errors = str(folder / "stderr.txt")
        return self._ask(start=arguments, cwd=str(folder), stderr=errors)

    def end(self, pid: int, signum: signal.Signals) -> int:
        os.kill(pid, signum)
        return self._ask(wait=pid)

    def close(self) -> None:
        assert self._server.stdin is not None
        self._server.stdin.close()
        self._server.wait(10)

    def _ask(self, **request: object) -> int:
        assert self._server.stdin is not None
        assert self._server.stdout is not None
        self._server.stdin.write(json.dumps(request) + "\n")
        self._server.stdin.flush()
        return int(self._server.stdout.readline())


@pytest.fixture(scope="module")
def commands() -> Iterator[Commands]:
    server = Commands()
    yield server
    server.close()


@pytest.fixture
def wait_for() -> Callable[[Path], None]:
    def wait(path: Path, seconds: float = 90) -> None:
        deadline = time.monotonic() + seconds
        while not path.exists():
            assert time.monotonic() < deadline, f"{path.name} never came"
            time.sleep(0.002)

    return wait


@pytest.fixture
def state_of() -> Callable[[Path], dict[str, str]]:
    """Digests of all that a run has learnt: the published file, and every saved tensor."""

    def digests(root: Path) -> dict[str, str]:
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
        return found

    return digests
