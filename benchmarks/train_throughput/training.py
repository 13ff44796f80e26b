"""Contestants at work: each becomes an iterator that takes one optimiser step at a time."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from contest import BARE, DIFFUSERS, LUCIDRAINS, OURS, Contestant
from networks import CHANNELS, SIZE, Plain, foreign, own
from peer_training.pictures import data_of, loader
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from torch.utils.flop_counter import FlopCounterMode

import sfumato
from sfumato.denoiser import NetworkDenoiser
from sfumato.engine.batch import split
from sfumato.engine.checkpoint import CheckpointStore
from sfumato.engine.events import Progress
from sfumato.engine.loop import Trainer
from sfumato.engine.settings import Budget, EngineSettings
from sfumato.model.options import TrainOptions
from sfumato.process.gaussian import Gaussian
from sfumato.recipes import GaussianRecipe
from sfumato.runs.spec import Spec
from sfumato.training.data import task_for
from sfumato.training.train import planned_for

_NEVER = 10**9
_COUNTED = 2


@dataclass(frozen=True)
class Work:
    """A contestant that is ready.

    Attributes:
        parameters: Weights that it trains.
        flops: Of one training step, a sample: forward and backward products.
        samples: A step.
        steps: Takes a step at each `next`.
    """

    parameters: int
    flops: float
    samples: int
    steps: Iterator[Any]


def work(of: Contestant, folder: Path, batch: int, threads: int) -> Work:
    """Make a contestant ready.

    Args:
        of: Which.
        folder: The training pictures as PNG files.
        batch: Samples a step.
        threads: Of each operation.
    """
    torch.manual_seed(0)
    if of.who == OURS:
        return _ours(of, batch, threads)
    if of.who == BARE:
        return _bare(of, folder, batch)
    if of.who == DIFFUSERS:
        return _diffusers(of, folder, batch)
    if of.who == LUCIDRAINS:
        return _lucidrains(of, folder, batch)
    return _product()


def _ours(of: Contestant, batch: int, threads: int) -> Work:
    settings = EngineSettings(
        batch=batch,
        precision=of.precision,
        compile="on" if of.compiled else "off",
        preview_minutes=None,
        save_minutes=float(_NEVER),
        evaluate_samples=_NEVER,
        progress_seconds=0.0,
        threads=threads,
    )
    options = TrainOptions(recipe="image", steps=_NEVER, settings=["data.labels=false"])
    plan = planned_for("openmoji", options)
    data = data_of("openmoji", plan.model_copy(update={"engine": settings}))
    spec = Spec(version=sfumato.__version__, recipe=data.settled(), data=data.facts)
    recipe = spec.recipe
    assert isinstance(recipe, GaussianRecipe)
    ours = own(of.network)
    backbone = ours.build(CHANNELS, (SIZE, SIZE)) if ours else Plain(foreign(of.network))
    denoiser = NetworkDenoiser(
        backbone, Gaussian(recipe.schedule), recipe.prediction, recipe.sigma_data or 0.5
    )
    task = task_for(data, spec, denoiser)
    few = split(task.batch(0), batch // _COUNTED)[0]
    flops = _flops(lambda: task.loss(few))
    checkpoints = CheckpointStore(Path(tempfile.mkdtemp(prefix="throughput-")))
    trainer = Trainer(backbone, task.loss, task.batch, settings, checkpoints)
    events = trainer.run(Budget(steps=_NEVER))
    steps = (event for event in events if isinstance(event, Progress))
    return Work(_parameters(backbone), flops, batch, steps)


def _bare(of: Contestant, folder: Path, batch: int) -> Work:
    network = Plain(foreign(of.network))
    flops = _flops(lambda: network(*_few()))
    if of.compiled:
        network.compile()
    steps = _bare_steps(network, folder, batch, of.precision == "bf16")
    return Work(_parameters(network), flops, batch, steps)


def _bare_steps(network: nn.Module, folder: Path, batch: int, bf16: bool) -> Iterator[float]:
    """The loop that one writes in half an hour: noise predicted, AdamW, EMA, clipping."""
    signal = (1 - torch.linspace(1e-4, 0.02, 1000)).cumprod(0)
    optimizer = torch.optim.AdamW(network.parameters(), lr=1e-4)
    ema = AveragedModel(network, multi_avg_fn=get_ema_multi_avg_fn(0.999))
    while True:
        for clean in loader(folder, CHANNELS, batch):
            t = torch.randint(0, 1000, (len(clean),))
            eps = torch.randn_like(clean)
            share = signal[t][:, None, None, None]
            noisy = share.sqrt() * clean + (1 - share).sqrt() * eps
            with torch.autocast("cpu", torch.bfloat16) if bf16 else nullcontext():
                loss = (network(noisy, t) - eps).square().mean()
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(network.parameters(), 1.0)
            optimizer.step()
            ema.update_parameters(network)
            yield loss.item()


def _diffusers(of: Contestant, folder: Path, batch: int) -> Work:
    from peer_training.diffusers_example import Example

    network = foreign(of.network)
    flops = _flops(lambda: network(*_few()).sample)
    precision = "bf16" if of.precision == "bf16" else "fp32"
    example = Example(network, folder, CHANNELS, batch, precision, planned=100_000)
    return Work(_parameters(network), flops, batch, example.steps())


def _lucidrains(of: Contestant, folder: Path, batch: int) -> Work:
    # diffusers first: it must not take the stand-in for torchvision for the real one.
    theirs = None if of.network == "its-own-unet" else foreign(of.network)
    from peer_training import lucidrains

    network = (
        lucidrains.own_unet(CHANNELS) if theirs is None else lucidrains.AsItsUnet(theirs, CHANNELS)
    )
    flops = _flops(lambda: network(*_few()))
    out = Path(tempfile.mkdtemp(prefix="throughput-"))
    bf16 = of.precision == "bf16"
    trainer = lucidrains.trainer(network, folder, out, bf16, flip=True, batch=batch)
    return Work(_parameters(network), flops, batch, lucidrains.steps(trainer))


def _product() -> Work:
    """What the machine can do at most: products of large matrices in bfloat16."""
    size = 2048
    x = torch.randn(size, size, dtype=torch.bfloat16)

    def steps() -> Iterator[None]:
        out = torch.empty_like(x)
        while True:
            torch.mm(x, x, out=out)
            yield

    return Work(0, 2.0 * size**3, 1, steps())


def _few() -> tuple[Tensor, Tensor]:
    return torch.randn(_COUNTED, CHANNELS, SIZE, SIZE), torch.randint(0, 1000, (_COUNTED,))


def _flops(run: Callable[[], Tensor]) -> float:
    """Floating-point operations of products, forward and backward, for each of the few samples."""
    # The fused kernels are not counted; explicit products are, and they are the same.
    with sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as counter:
        run().float().sum().backward()
    return counter.get_total_flops() / _COUNTED


def _parameters(network: nn.Module) -> int:
    network.zero_grad(set_to_none=True)
    return sum(p.numel() for p in network.parameters() if p.requires_grad)
