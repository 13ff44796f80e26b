"""Turns: one contestant trains, the others wait."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from contest import Contestant

WORKER = Path(__file__).parent / "worker.py"
_LINES = 4


@dataclass
class Entry:
    """A contestant and what was measured of it.

    Attributes:
        one: Who.
        parameters: Weights.
        flops: Of a training step, a sample.
        megabytes: The most memory it held.
        rates: Samples a second, one of each round.
    """

    one: Contestant
    parameters: int
    flops: float
    megabytes: float = 0.0
    rates: list[float] = field(default_factory=list)


@dataclass(frozen=True)
class Terms:
    """The same for all.

    Attributes:
        folder: The training pictures as PNG files.
        batch: Samples a step.
        threads: Of each operation.
        rounds: Turns of each.
        seconds: Of a turn, at least.
    """

    folder: Path
    batch: int
    threads: int
    rounds: int
    seconds: float


def held(these: list[Contestant], terms: Terms) -> list[Entry]:
    """Let contestants take turns; those that fail are left out, and it is said why."""
    entries: list[Entry] = []
    with _started() as workers:
        for one in these:
            worker = Worker(one, terms)
            workers.append(worker)
            try:
                facts = worker.answer()
                # Memory is first touched, and what is to be compiled is compiled, before the clock.
                worker.turn(terms.seconds)
            except ChildProcessError as error:
                _say(f"{one.key}: {error}")
                workers.pop().stop()
                continue
            entries.append(Entry(one, int(facts["parameters"]), facts["flops"]))
            _say(f"{one.key}: ready")
        for number in range(terms.rounds):
            for entry, worker in zip(entries, workers, strict=True):
                found = worker.turn(terms.seconds)
                entry.rates.append(found["rate"])
                entry.megabytes = found["megabytes"]
            _say(f"round {number + 1} of {terms.rounds}")
    return entries


@contextmanager
def _started() -> Iterator[list[Worker]]:
    workers: list[Worker] = []
    try:
        yield workers
    finally:
        for worker in workers:
            worker.stop()


class Worker:
    """A process that trains when it is told to."""

    def __init__(self, one: Contestant, terms: Terms) -> None:
        told = one.key, str(terms.folder), str(terms.batch), str(terms.threads)
        # Beside explicit settings of the allocator nobody would be as their users run them.
        environment = {k: v for k, v in os.environ.items() if not k.startswith("MALLOC_")}
        environment["OMP_NUM_THREADS"] = str(terms.threads)
        self._said = tempfile.TemporaryFile("w+")  # noqa: SIM115 - lives as long as the process
        self._process = subprocess.Popen(
            [sys.executable, str(WORKER), *told],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._said,
            text=True,
            env=environment,
        )

    def turn(self, seconds: float) -> dict[str, Any]:
        """Let it train."""
        assert self._process.stdin is not None
        print(seconds, file=self._process.stdin, flush=True)
        return self.answer()

    def answer(self) -> dict[str, Any]:
        """What it says next.

        Raises:
            ChildProcessError: It ended instead.
        """
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            self._said.seek(0)
            last = self._said.read().strip().splitlines()[-_LINES:]
            raise ChildProcessError("it failed:\n  " + "\n  ".join(last))
        answer: dict[str, Any] = json.loads(line)
        return answer

    def stop(self) -> None:
        """End it."""
        if self._process.stdin is not None:
            self._process.stdin.close()
        try:
            self._process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._said.close()


def _say(what: str) -> None:
    print(what, file=sys.stderr, flush=True)
