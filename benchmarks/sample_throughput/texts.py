"""Texts of a small run: our sampler beside the loop of masked diffusion language models."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import torch

import sfumato
from sfumato.engine.precision import NumberFormat, autocast, choose_precision
from sfumato.evaluation.real import pieces_of
from sfumato.media.text.medium import TextData
from sfumato.media.text.tokens import Tokenizer
from sfumato.model.options import SampleOptions
from sfumato.model.provenance import Made
from sfumato.model.tokens import TokenModel
from sfumato.run import Run
from sfumato.training.data import reopen

BATCH = 4


def run_in(folder: Path, steps: int, tokens: int) -> Run:
    """A run on Shakespeare from the cache, or trained now."""
    name = f"verses-{steps}-{tokens}"
    if not (folder / name / "model.safetensors").exists():
        settings = [f"medium.context={tokens}"]
        sfumato.train("shakespeare", name=name, steps=steps, settings=settings, root=folder)
    return sfumato.open(folder / name)


def model_of(run: Run) -> TokenModel:
    """Of text, or nothing."""
    if not isinstance(run.model, TokenModel):
        raise TypeError(f"'{run.name}' is no run on text")
    return run.model


def held_out(run: Run, most: int) -> list[str]:
    """Real texts as long as a row."""
    events = reopen(run.directory, run.spec.data, run.spec.recipe)
    (data,) = [event for event in events if isinstance(event, TextData)]
    rows = data.held_out.fixed(min(most, len(data.held_out)))
    tokenizer: Tokenizer = model_of(run).tokenizer
    return [tokenizer.decode(piece) for piece in pieces_of(rows)]


def ours(run: Run, form: NumberFormat, steps: int, n: int) -> list[str]:
    """As a user makes them, all as long as a row."""
    model = model_of(run)
    asked = model.request(
        SampleOptions(n, steps=steps, precision=form, length=run.spec.data.longest)
    )
    made = [event for event in model.sample(asked) if isinstance(event, Made)]
    return [text for batch in made for text in batch.items]


def theirs(run: Run, form: NumberFormat, n: int) -> list[str]:
    """Ancestral sampling with as many evaluations as tokens, batch by batch."""
    return [text for low in range(0, n, BATCH) for text in _batch(run, form, low)][:n]


@torch.no_grad()
def _batch(run: Run, form: NumberFormat, seed: int) -> Iterator[str]:
    """The update of Sahoo et al. 2024 (``_ddpm_update``), in float64 where theirs is in float32."""
    model, size = model_of(run), run.spec.data.longest
    mask = model.denoiser.process.size
    generator = torch.Generator().manual_seed(seed)
    x = torch.full((BATCH, size), mask)
    times = torch.linspace(1, 0, size + 1, dtype=torch.float64)
    for t, s in pairwise(times):
        with autocast(choose_precision(form, model.device), model.device):
            logits = model.denoiser.predict(x, t)
        probabilities = logits.double().softmax(-1) * (t - s)
        stay = s.expand(BATCH, size, 1)
        choices = torch.cat([probabilities, stay], -1)
        exponential = -torch.rand(choices.shape, generator=generator, dtype=torch.float64).log()
        drawn = (choices / exponential).argmax(-1)
        x = torch.where(x == mask, drawn, x)
    for row in x:
        yield model.tokenizer.decode(row.numpy())
