"""Previews: the same few texts again and again while a model learns."""

from __future__ import annotations

import torch

from sfumato import storage
from sfumato.denoiser import TokenDenoiser
from sfumato.media.text.tokens import Tokenizer
from sfumato.model.layout import layout, lengths_of
from sfumato.runs.directory import RunDirectory
from sfumato.runs.spec import Spec
from sfumato.sampling import KeyedUniform, integrate, last
from sfumato.sampling.tempering import Tempered
from sfumato.sampling.tokens import Bridge

# Few evaluations: quick, and enough to see what is being learnt.
_COUNT = 4
_STEPS = 32


def write(
    directory: RunDirectory, spec: Spec, denoiser: TokenDenoiser, tokenizer: Tokenizer, step: int
) -> None:
    """Write ``previews/step-N.txt`` and ``previews/latest.txt``: four texts of seed 0."""
    denoiser.train(False)
    device = next(denoiser.parameters()).device
    noise = KeyedUniform(0, range(_COUNT), device)
    rows = layout(spec, denoiser.process, noise, lengths_of(spec, 0, range(_COUNT), None))
    label = torch.arange(_COUNT, device=device) % spec.classes if spec.classes else None
    cond = rows.cond | {"label": label}
    sampler = Bridge()
    times = sampler.grid.times(_STEPS, denoiser.process.keep, rows.x_1.shape[1])
    careful = Tempered(denoiser, forbidden=rows.forbidden(tokenizer))
    states = integrate(careful, sampler, rows.x_1, times, noise, _STEPS, cond, rows.free)
    texts = rows.texts(last(states), tokenizer)
    page = "\n\n".join(f"--- {number} ---\n{text}" for number, text in enumerate(texts)) + "\n"
    for name in (f"step-{step:07d}.txt", "latest.txt"):
        storage.write_text(directory.previews / name, page)
