"""Cost of a step of training and of an evaluation, of the networks of three recipes."""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from tables import Row
from torch import Tensor, nn

from sfumato.engine.attention import choose_attention
from sfumato.engine.ema import PowerEMA
from sfumato.engine.machine import keep_freed_memory
from sfumato.engine.precision import autocast, choose_precision
from sfumato.engine.state import TrainingState
from sfumato.engine.step import Stepper
from sfumato.media.image.recipes import ImageRecipe
from sfumato.media.registry import AnyRecipe, find
from sfumato.media.text.recipes import TextRecipe

_SIDES, _BATCHES = (16, 32, 64, 128), (1, 2, 4, 8, 16, 32, 64, 128)
_TOKENS = (64, 128, 256, 512, 1024, 2048, 4096)
_SIZE, _BATCH, _FEW = 32, 16, 2
_LEAST, _MOST, _SECONDS = 3, 9, 4.0
_CHARACTERS = 96
_CPU = torch.device("cpu")


@dataclass(frozen=True)
class Case:
    """A network and what goes in.

    Attributes:
        recipe: Whose network.
        axis: What grows.
        side: Of the pictures; 0 for texts.
        tokens: That attention sees at its widest; 0 where it sees none.
        batch: Samples.
    """

    recipe: str
    axis: str
    side: int
    tokens: int
    batch: int


def networks(quick: bool) -> list[Row]:
    """A row for every case; sizes of one axis take turns, so that a busy moment hits them all."""
    keep_freed_memory()  # As runs do.
    return [row for group in _groups(quick) for row in _measured(group, quick)]


def _groups(quick: bool) -> Iterator[list[Case]]:
    sides, batches, tokens = _SIDES, _BATCHES, _TOKENS
    if quick:
        sides, batches, tokens = sides[:2], (1, 8), tokens[:2]
    for recipe in ("image", "image-transformer"):
        yield [_picture(recipe, "side", side, _BATCH) for side in sides]
        yield [_picture(recipe, "batch", _SIZE, batch) for batch in batches]
    patched = [4 * math.isqrt(count) for count in tokens if math.isqrt(count) ** 2 == count]
    yield [_picture("image-transformer", "tokens", side, _FEW) for side in patched]
    yield [Case("text", "batch", 0, 256, batch) for batch in batches]
    yield [Case("text", "tokens", 0, count, _FEW) for count in tokens]


def _picture(recipe: str, axis: str, side: int, batch: int) -> Case:
    tokens = (side // 4) ** 2 if recipe == "image-transformer" else (side // 8) ** 2
    return Case(recipe, axis, side, tokens, batch)


def _measured(cases: list[Case], quick: bool) -> Iterator[Row]:
    works = [(case, *_works(case)) for case in cases]
    times: dict[Case, tuple[list[float], list[float]]] = {case: ([], []) for case in cases}
    for _, train, evaluate in works:
        train(), evaluate()  # The first call allocates, and is not counted.
    began = time.perf_counter()
    for number in range(1 if quick else _MOST):
        if number >= _LEAST and time.perf_counter() - began > _SECONDS * len(cases):
            break
        for case, train, evaluate in works:
            times[case][0].append(_seconds(train))
            times[case][1].append(_seconds(evaluate))
    for case, (training, evaluation) in times.items():
        step, asked = statistics.median(training), statistics.median(evaluation)
        yield {
            "recipe": case.recipe,
            "axis": case.axis,
            "side": case.side or "",
            "tokens": case.tokens,
            "batch": case.batch,
            "step, ms": f"{1e3 * step:.1f}",
            "trained, samples/s": f"{case.batch / step:.3g}",
            "evaluation, ms": f"{1e3 * asked:.1f}",
            "evaluated, samples/s": f"{case.batch / asked:.3g}",
            "rounds": len(training),
        }


def _works(case: Case) -> tuple[Callable[[], None], Callable[[], None]]:
    """A step of training as the engine takes it, and an evaluation as sampling makes it."""
    torch.manual_seed(0)
    recipe = find(case.recipe)
    network, inputs = _network(recipe, case)
    settings = recipe.engine
    state = TrainingState(
        network,
        PowerEMA(network, settings.ema_width),
        settings.optimizer.build(network.named_parameters()),
    )
    precision = choose_precision(settings.precision, _CPU)
    kernel = choose_attention(_CPU, precision)

    def loss(batch: tuple[Tensor, Tensor]) -> Tensor:
        made: Tensor = network(*batch)
        return made.float().square().flatten(1).mean(1)

    stepper = Stepper(state, loss, settings, precision, kernel)

    def train() -> None:
        network.train()
        stepper.apply(inputs)

    def evaluate() -> None:
        network.eval()
        with torch.inference_mode(), autocast(precision, _CPU):
            network(*inputs)

    return train, evaluate


def _network(recipe: AnyRecipe, case: Case) -> tuple[nn.Module, tuple[Tensor, Tensor]]:
    level = torch.randn(case.batch)
    if isinstance(recipe, ImageRecipe):
        sides = (case.side, case.side)
        return recipe.backbone.build(3, sides), (torch.randn(case.batch, 3, *sides), level)
    if isinstance(recipe, TextRecipe):
        tokens = torch.randint(_CHARACTERS, (case.batch, case.tokens))
        network = recipe.backbone.build(_CHARACTERS, _CHARACTERS + 1, case.tokens)
        return network, (tokens, level)
    raise TypeError(f"{case.recipe} is a recipe for neither pictures nor texts")


def _seconds(work: Callable[[], None]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began
