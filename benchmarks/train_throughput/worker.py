"""One contestant in its own process, idle until it is told to train for some seconds.

Started by the benchmark. Reads numbers of seconds, a line each, and answers each with a line of
JSON; the first line says what it is.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import time
import warnings
from pathlib import Path
from typing import TextIO

sys.path.insert(0, str(Path(__file__).parents[1]))

import torch
from contest import find

from training import Work, work

_FEWEST = 2


def main() -> None:
    """Serve turns until the input ends."""
    key, folder, batch, threads = sys.argv[1:]
    answers = _own_output()
    warnings.filterwarnings("ignore")
    torch.set_num_threads(int(threads))
    ready = work(find(key), Path(folder), int(batch), int(threads))
    _answer(answers, parameters=ready.parameters, flops=ready.flops)
    for line in sys.stdin:
        rate = _turn(ready, float(line))
        _answer(answers, rate=rate, megabytes=_megabytes())
    # Threads and processes that load batches have no end of their own.
    os._exit(0)


def _turn(of: Work, seconds: float) -> float:
    """Samples a second over a turn of at least two steps."""
    start = time.perf_counter()
    done = 0
    while done < _FEWEST or time.perf_counter() - start < seconds:
        next(of.steps)
        done += 1
    return done * of.samples / (time.perf_counter() - start)


def _own_output() -> TextIO:
    """The output for answers; whatever else is printed goes nowhere."""
    answers = os.fdopen(os.dup(1), "w")
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    return answers


def _answer(to: TextIO, **facts: float) -> None:
    print(json.dumps(facts), file=to, flush=True)


def _megabytes() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    main()
