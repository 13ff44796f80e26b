"""Diffusers' pipeline and our sampler on the same weights: the same noise, and the same clock."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache

import torch
from diffusers import DDIMPipeline, DDIMScheduler, UNet2DModel
from network import CPU, SHAPE, denoiser
from torch import Tensor

from sfumato.engine.precision import NumberFormat, autocast, choose_precision
from sfumato.sampling import KeyedNoise, Wiener, sample
from sfumato.sampling.tiles import Tiled

BATCH = 16
TILE = 16
SEED = 0


def batches(n: int) -> Iterator[range]:
    """Indices of samples, a batch at a time."""
    for low in range(0, n, BATCH):
        yield range(low, min(low + BATCH, n))


@torch.no_grad()
def theirs(network: UNet2DModel, form: NumberFormat, steps: int, indices: Sequence[int]) -> Tensor:
    """What the pipeline does from our noise, in [-1, 1]."""
    scheduler = DDIMScheduler()
    scheduler.set_timesteps(steps)
    x = KeyedNoise(SEED, indices, CPU).prior(SHAPE)
    for t in scheduler.timesteps:
        with autocast(choose_precision(form, CPU), CPU):
            found = network(x, t).sample
        x = scheduler.step(found.float(), t, x).prev_sample
    return x.clamp(-1, 1)


def pipeline(network: UNet2DModel, form: NumberFormat, steps: int) -> None:
    """A batch as a user of theirs makes it; for the clock."""
    made = _shipped(network)
    with autocast(choose_precision(form, CPU), CPU):
        made(batch_size=BATCH, num_inference_steps=steps, output_type="np")


def ours(network: UNet2DModel, form: NumberFormat, steps: int, indices: Sequence[int]) -> Tensor:
    """The default sampler, in [-1, 1]."""
    tiled = Tiled(denoiser(network, form), TILE, indices[0])
    return sample(tiled, Wiener(), KeyedNoise(SEED, indices, CPU), SHAPE, steps).clamp(-1, 1)


@cache
def _shipped(network: UNet2DModel) -> DDIMPipeline:
    made = DDIMPipeline(network, DDIMScheduler())
    made.set_progress_bar_config(disable=True)
    return made
