from __future__ import annotations

import importlib.util
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
import torch

JOBS = Path(__file__).with_name("jobs.py")


class Jobs:
    """Starts the jobs of ``jobs.py`` in processes that can be killed."""

    def __init__(self) -> None:
        self._server = subprocess.Popen(
            [sys.executable, str(JOBS)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
        )

    def start(self, job: str, directory: Path, until: str | None = None) -> int:
        pid = self._ask(f"start {job} {directory}")
        if until is not None:
            self.wait_for(directory / until)
        return pid

    def end(self, pid: int, signum: int = signal.SIGKILL) -> int:
        os.kill(pid, signum)
        return self.wait(pid)

    def wait(self, pid: int) -> int:
        return self._ask(f"wait {pid}")

    def wait_for(self, path: Path, seconds: float = 60) -> None:
        deadline = time.monotonic() + seconds
        while not path.exists():
            assert time.monotonic() < deadline, f"{path.name} never came"
            time.sleep(0.005)

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


@pytest.fixture(scope="session")
def jobs() -> Iterator[Jobs]:
    server = Jobs()
    yield server
    server.close()


@pytest.fixture(scope="session")
def job_code() -> ModuleType:
    spec = importlib.util.spec_from_file_location("engine_jobs", JOBS)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)
