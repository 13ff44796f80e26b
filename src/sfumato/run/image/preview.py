"""Previews: the same few samples again and again while a model learns."""

from __future__ import annotations

import torch

from sfumato import storage
from sfumato.denoiser import NetworkDenoiser
from sfumato.media.image import ImageMedium
from sfumato.run.directory import RunDirectory
from sfumato.run.spec import Spec
from sfumato.sampling import Adams, KeyedNoise, sample

# Few evaluations and no noise on the way: quick, and steady from one preview to the next.
_COUNT = 16
_STEPS = 12


def write(directory: RunDirectory, spec: Spec, denoiser: NetworkDenoiser, step: int) -> None:
    """Write ``previews/step-N.png`` and ``previews/latest.png``: sixteen samples of seed 0."""
    denoiser.train(False)
    medium = ImageMedium(spec.image.medium)
    device = next(denoiser.parameters()).device
    noise = KeyedNoise(0, range(_COUNT), device)
    cond = {}
    if spec.classes:
        cond["label"] = torch.arange(_COUNT, device=device) % spec.classes
    x0 = sample(denoiser, Adams(), noise, medium.shape, _STEPS, cond)
    picture = medium.sheet(medium.decode(x0))
    for name in (f"step-{step:07d}.png", "latest.png"):
        with storage.replacing(directory.previews / name) as draft:
            picture.save(draft, format="PNG")
