"""Work that tests run in processes of their own, to be killed.

Run as a script it is a small server: it imports torch once, then forks a child for each line of
the form ``start JOB DIRECTORY`` and answers with its process id; ``wait PID`` answers with its
exit code, negative for a signal.
"""

from __future__ import annotations

import itertools
import os
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from torch import Tensor, nn

from sfumato.engine.checkpoint import CheckpointStore
from sfumato.engine.events import Saved
from sfumato.engine.lock import RunLock
from sfumato.engine.loop import Trainer
from sfumato.engine.optim import AdamWSpec, MuonSpec
from sfumato.engine.settings import Budget, EngineSettings
from sfumato.engine.signals import stop_on_signals
from sfumato.errors import SfumatoError

SPECS = {"adamw": AdamWSpec(lr=3e-3, weight_decay=0.01), "muon": MuonSpec(lr=3e-3)}
EPOCH = 5
"""Batches in one pass over the toy data."""


def contents(step: int) -> dict[str, dict[str, Tensor]]:
    """What the checkpoint of a step holds: several files, so that a kill can fall between them."""
    value = torch.full((200, 1000), float(step))
    return {"weights": {"w": value}, "ema": {"w": value + 0.5}, "optimizer": {"w/m": -value}}


def make_trainer(
    directory: Path, kind: str = "adamw", **settings: object
) -> Trainer[tuple[Tensor, Tensor]]:
    """A small convolutional regression with a buffer, a vector and a channels-last kernel."""
    generator = torch.Generator().manual_seed(7)
    images = torch.randn(EPOCH * 8, 2, 6, 6, generator=generator)
    targets = images.sin().mean((1, 2, 3))
    first = nn.Conv2d(2, 8, 3)
    module = nn.Sequential(first, nn.BatchNorm2d(8), nn.SiLU(), nn.Flatten(), nn.Linear(128, 1))
    with torch.no_grad():
        for p in module.parameters():
            p.copy_(torch.randn(p.shape, generator=generator) * 0.1)
    first.weight.data = first.weight.data.contiguous(memory_format=torch.channels_last)

    def batches(step: int) -> tuple[Tensor, Tensor]:
        epoch, place = divmod(step, EPOCH)
        order = torch.randperm(len(images), generator=torch.Generator().manual_seed(epoch))
        rows = order[place * 8 : place * 8 + 8]
        noise = torch.randn(8, 2, 6, 6, generator=torch.Generator().manual_seed(step))
        return images[rows] + 0.1 * noise, targets[rows]

    def loss(batch: tuple[Tensor, Tensor]) -> Tensor:
        x, y = batch
        predicted: Tensor = module(x)[:, 0]
        return (predicted - y).square()

    asked = {
        "batch": 8,
        "optimizer": SPECS[kind],
        "learning_rate": {"warmup": 80, "cooldown": 0.3},
        "precision": "fp32",
        "threads": 1,
        "save_steps": 3,
        "preview_minutes": None,
        **settings,
    }
    store = CheckpointStore(directory / "checkpoints")
    return Trainer(module, loss, batches, EngineSettings.model_validate(asked), store)


def save_forever(directory: Path) -> None:
    store = CheckpointStore(directory)
    store.sweep()
    for step in itertools.count(1):
        store.save(step, contents(step), {"third": step / 3})


def train_forever(directory: Path) -> None:
    """Train with an endless pause once step 14 is reached, so that the kill falls after it."""
    for event in make_trainer(directory, progress_seconds=0).run(Budget(steps=40)):
        if event.step == 14:
            (directory / "reached").touch()
            time.sleep(60)


def train_until_told(directory: Path) -> None:
    with stop_on_signals() as stop:
        for event in make_trainer(directory).run(Budget(minutes=1), stop):
            if isinstance(event, Saved):
                (directory / "reached").touch()


def ignore_the_stop(directory: Path) -> None:
    with stop_on_signals() as stop:
        (directory / "reached").touch()
        while True:
            time.sleep(0.01)
            if stop.signum is not None:
                (directory / "asked").touch()


def hold_lock(directory: Path) -> None:
    with RunLock(directory):
        (directory / "reached").touch()
        time.sleep(60)


@contextmanager
def exit_code_of_errors() -> Iterator[None]:
    try:
        yield
    except SfumatoError as error:
        os._exit(error.exit_code)
    except KeyboardInterrupt:
        os._exit(99)
    os._exit(0)


def serve() -> None:
    for line in sys.stdin:
        command, *rest = line.rstrip("\n").split(" ", 2)
        if command == "wait":
            answer = os.waitstatus_to_exitcode(os.waitpid(int(rest[0]), 0)[1])
        else:
            answer = os.fork()
            if answer == 0:
                with exit_code_of_errors():
                    globals()[rest[0]](Path(rest[1]))
        print(answer, flush=True)


if __name__ == "__main__":
    torch.set_num_threads(1)
    # A shell that starts tests in the background has them ignore Ctrl-C.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    serve()
