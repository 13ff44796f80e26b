"""Many inputs to one reader, in processes that may crash without taking the tests with them."""

from __future__ import annotations

import json
import os
import random
import resource
import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import astuple, dataclass
from functools import partial
from pathlib import Path

from sfumato.errors import SfumatoError
from tests.faults.mutate import mutated

_AT_ONCE = 500
_SLOW = 10.0


@dataclass(frozen=True)
class Blow:
    """What came of some inputs.

    Attributes:
        inputs: How many there were.
        refused: How many raised an error of ours.
        failures: Other errors, crashes and inputs that took too long, in words.
        megabytes: Memory that reading added at most.
        seconds: All of them took.
    """

    inputs: int
    refused: int
    failures: tuple[str, ...]
    megabytes: float
    seconds: float


def hammer(
    read: Callable[[Path], object], path: Path, seeds: Sequence[bytes], trials: int, seed: int
) -> list[Blow]:
    """Read so many mutations of some files.

    Args:
        read: The reader.
        path: Where each input is written to.
        seeds: Sound files.
        trials: Inputs.
        seed: Of the mutations.
    """
    for content in seeds:
        path.write_bytes(content)
        read(path)  # They are sound, and whatever the reader imports is imported.
    parts = [range(low, min(low + _AT_ONCE, trials)) for low in range(0, trials, _AT_ONCE)]
    return [_in_a_child(partial(_blow, read, path, seeds, part, seed)) for part in parts]


def _blow(
    read: Callable[[Path], object],
    path: Path,
    seeds: Sequence[bytes],
    numbers: range,
    seed: int,
) -> Blow:
    before, refused, failures = _peak(), 0, []
    started = time.monotonic()
    for number in numbers:
        content = mutated(seeds, random.Random(f"{seed}:{number}"))
        path.write_bytes(content)
        began = time.monotonic()
        try:
            read(path)
        except SfumatoError:
            refused += 1
        except BaseException:
            failures.append(f"input {number}: {traceback.format_exc(limit=-3)}")
        if time.monotonic() - began > _SLOW:
            failures.append(f"input {number} took {time.monotonic() - began:.0f} s")
    seconds = time.monotonic() - started
    return Blow(len(numbers), refused, tuple(failures[:3]), _peak() - before, seconds)


def measured(work: Callable[[], str]) -> tuple[str, float, float]:
    """What some work in a child says, the MiB that it took, and the seconds."""
    before, began = _peak(), time.monotonic()
    told = _child(lambda: json.dumps([work(), _peak() - before, time.monotonic() - began]))
    assert told is not None, "the process crashed"
    said, megabytes, seconds = json.loads(told)
    return said, megabytes, seconds


def _peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _in_a_child(work: Callable[[], Blow]) -> Blow:
    told = _child(lambda: json.dumps(astuple(work())))
    if told is None:
        return Blow(0, 0, ("the process crashed",), 0.0, 0.0)
    inputs, refused, failures, megabytes, seconds = json.loads(told)
    return Blow(inputs, refused, tuple(failures), megabytes, seconds)


def _child(work: Callable[[], str]) -> str | None:
    """What some work in a forked process answers; None if the process did not live to do so."""
    receive, send = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(receive)
        with os.fdopen(send, "w") as pipe:
            pipe.write(work())
        os._exit(0)
    os.close(send)
    with os.fdopen(receive) as pipe:
        told = pipe.read()
    return told if os.waitpid(pid, 0)[1] == 0 else None
