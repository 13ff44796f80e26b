"""The peers as their users run them, for as many minutes, on the same pictures as PNG files."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from plan import Place, Plan
from safetensors.torch import load_file, save_file
from torch import Tensor

from sfumato.engine.machine import keep_freed_memory
from sfumato.engine.precision import choose_precision

_BATCH = 16  # Both examples' own.
_STEPS = 50
_FILE = "model.safetensors"
# Six levels, attention at the fifth, two blocks each, as in the example, in the proportions
# 1 : 1 : 2 : 2 : 3 : 3 rather than 128 to 512 wide (114 M): 4.8 M weights.
_WIDTHS, _ATTENTION, _LAYERS = (32, 32, 64, 64, 96, 96), (4,), 2
_PROBED, _WARMED = 8, 3

Kept = list[dict[str, float]]


@dataclass(frozen=True)
class Training:
    """A peer's training under way.

    Attributes:
        steps: Takes a step at each `next`.
        averaged: Copies the averaged weights.
    """

    steps: Iterator[Any]
    averaged: Callable[[], dict[str, Tensor]]


def trained(place: Place, plan: Plan, channels: int) -> Kept:
    """Train; keeps the averaged weights of each mark. Time counts while it steps, and only then."""
    torch.manual_seed(0)
    training = _begun(place, plan, channels)
    marks = list(plan.marks(place.name))
    found: Kept = []
    seconds, steps = 0.0, 0
    while marks:
        start = time.monotonic()
        next(training.steps)
        seconds += time.monotonic() - start
        steps += 1
        while marks and seconds >= 60 * marks[0]:
            mark = marks.pop(0)
            place.weights(mark).mkdir(parents=True, exist_ok=True)
            save_file(training.averaged(), place.weights(mark) / _FILE)
            found.append(
                {"mark": mark, "minutes": seconds / 60, "steps": steps, "samples": steps * _BATCH}
            )
    return found


def _begun(place: Place, plan: Plan, channels: int) -> Training:
    bf16 = place.name.endswith("-bf16")
    if not place.name.startswith("diffusers"):
        return _lucidrains(place, channels, bf16)
    steps = iter(_example(place, channels, bf16, planned=10**6).steps())
    for _ in range(_WARMED):
        next(steps)
    start = time.monotonic()
    for _ in range(_PROBED):
        next(steps)
    # The learning rate has to know how many steps there will be, and they are counted in minutes.
    planned = 60 * plan.minutes * _PROBED / (time.monotonic() - start)
    torch.manual_seed(0)
    example = _example(place, channels, bf16, round(planned))
    return Training(iter(example.steps()), example.averaged)


def _example(place: Place, channels: int, bf16: bool, planned: int) -> Any:
    from peer_training.diffusers_example import Example

    precision = "bf16" if bf16 else "fp32"
    return Example(_unet(channels), place.pictures, channels, _BATCH, precision, planned)


def _unet(channels: int) -> Any:
    from peer_training.diffusers_example import unet

    return unet(_WIDTHS, _ATTENTION, _LAYERS, channels)


def _lucidrains(place: Place, channels: int, bf16: bool) -> Training:
    from peer_training import lucidrains

    # Mirroring is its default, and nobody would mirror digits.
    flip = place.source != "mnist5k"
    out = place.root / "out"
    out.mkdir(parents=True, exist_ok=True)
    network = lucidrains.own_unet(channels)
    trainer = lucidrains.trainer(network, place.pictures, out, bf16, flip, _BATCH)
    return Training(lucidrains.steps(trainer), lambda: lucidrains.averaged(trainer))


Draw = Callable[[int, int], NDArray[np.uint8]]


def drawing(place: Place, mark: float, channels: int, batch: int) -> Draw:
    """Makes samples with 50 steps of DDIM, in bfloat16 and with freed memory kept, for speed."""
    keep_freed_memory()
    weights = load_file(place.weights(mark) / _FILE)
    at_once = _diffusers(weights, channels) if place.name.startswith("diffusers") else None
    at_once = at_once or _of_lucidrains(weights, channels)

    def draw(first: int, count: int) -> NDArray[np.uint8]:
        made = []
        for low in range(first, first + count, batch):
            with torch.inference_mode(), _fast():
                made.append(at_once(min(batch, first + count - low), low))
        return np.concatenate(made)

    return draw


def _diffusers(weights: dict[str, Tensor], channels: int) -> Draw:
    from peer_training.diffusers_example import sampled

    network = _unet(channels)
    network.load_state_dict(weights)
    return lambda count, seed: sampled(network.eval(), count, _STEPS, seed)


def _of_lucidrains(weights: dict[str, Tensor], channels: int) -> Draw:
    from peer_training import lucidrains

    diffusion = lucidrains.diffusion(lucidrains.own_unet(channels), _STEPS)
    diffusion.load_state_dict(weights)
    return lambda count, seed: lucidrains.sampled(diffusion.eval(), count, seed)


def _fast() -> AbstractContextManager[object]:
    choice = choose_precision("auto", torch.device("cpu")).choice
    return torch.autocast("cpu", torch.bfloat16) if choice == "bf16" else nullcontext()
