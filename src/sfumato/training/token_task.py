"""The training task of models of text."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from sfumato import storage
from sfumato.conditions import Conditions
from sfumato.denoiser import TokenDenoiser
from sfumato.media.text.medium import TextData
from sfumato.media.text.rows import RowBatch
from sfumato.media.text.tokens import Tokenizer
from sfumato.model.layout import ends_whole, layout, lengths_of
from sfumato.model.tokens import bound_of_rows, class_numbers
from sfumato.objective import drop_labels
from sfumato.process.rng import Stream, uniform
from sfumato.runs.directory import RunDirectory
from sfumato.runs.spec import Spec
from sfumato.sampling import KeyedUniform, integrate, last
from sfumato.sampling.tempering import Tempered
from sfumato.sampling.tokens import Bridge
from sfumato.training.task import Measures, Task

_HELD_OUT = 64
_DRAWS = 4
_COUNT = 4
_STEPS = 32


@dataclass(frozen=True)
class TextBatch:
    """The batch of one optimiser step.

    Attributes:
        x0: Clean tokens, int64, shape (B, L).
        t: Times, float64, shape (B,).
        noise: Uniform in [0, 1), float64, shape (B, L).
        counted: The places that are text and not padding, bool, shape (B, L).
        segments: The segment of each token, int64, shape (B, L); None if there is one per row.
        label: Class numbers with some replaced by the null label, shape (B,); None if
            unconditional.
    """

    x0: Tensor
    t: Tensor
    noise: Tensor
    counted: Tensor
    segments: Tensor | None
    label: Tensor | None

    @property
    def cond(self) -> Conditions:
        """The conditions as keyword arguments of a denoiser."""
        return Conditions(segments=self.segments, label=self.label)


class TokenTask(Task[TextBatch]):
    """The objective of a recipe on text.

    Args:
        data: The data of the run.
        spec: The run's spec.
        denoiser: The denoiser to train, on its device.
    """

    def __init__(self, data: TextData, spec: Spec, denoiser: TokenDenoiser) -> None:
        self._data = data
        self._spec = spec
        self._recipe = data.recipe
        self._denoiser = denoiser
        self._held_out = data.held_out.fixed(_HELD_OUT) if len(data.held_out) else None

    def batch(self, step: int) -> TextBatch:
        """See :meth:`Task.batch`."""
        recipe = self._recipe
        size, seed = recipe.engine.batch, recipe.seed
        rows = self._data.training.training_batch(step, size, seed)
        slots = range(size)
        label = None
        if self._spec.classes and rows.labels is not None:
            u = uniform(seed, Stream.LABEL_DROP, slots, step=step)
            own = class_numbers(rows.labels, self._spec.classes)
            label = drop_labels(own, u, recipe.data.label_drop, null=self._spec.classes)
        t = recipe.times.draw(recipe.process.keep, seed, step, slots, size)
        return text_batch(rows, t, label, seed, slots, step)

    def names(self, step: int, places: Sequence[int]) -> list[str]:
        """See :meth:`Task.names`."""
        recipe = self._recipe
        return self._data.training.names(step, recipe.engine.batch, recipe.seed, places)

    def loss(self, batch: TextBatch) -> Tensor:
        """See :meth:`Task.loss`."""
        return self._recipe.objective(
            self._denoiser, batch.x0, batch.t, batch.noise, batch.counted, **batch.cond
        )

    def measures(self) -> Measures | None:
        """Bits per character, without the bits for the lengths of texts."""
        if self._held_out is None:
            return None
        self._denoiser.train(False)
        training = self._data.training.fixed(len(self._held_out.tokens))
        return Measures("bits per character", self._bits(self._held_out), self._bits(training))

    @torch.no_grad()
    def _bits(self, rows: RowBatch) -> Tensor:
        """Bits of each row over the mean characters per row; their mean is bits per character."""
        nats = bound_of_rows(self._denoiser, rows, _DRAWS, self._recipe.seed, self._spec.classes)
        characters = self._data.tokenizer.characters(rows.tokens[rows.segments >= 0])
        return nats.cpu() / math.log(2) / (characters / len(nats))

    def preview(self, directory: RunDirectory, step: int) -> None:
        """Write ``previews/step-N.txt`` and ``previews/latest.txt``: four texts of seed 0."""
        texts = _preview_texts(self._spec, self._denoiser, self._data.tokenizer)
        page = "\n\n".join(f"--- {number} ---\n{text}" for number, text in enumerate(texts)) + "\n"
        for name in (f"step-{step:07d}.txt", "latest.txt"):
            storage.write_text(directory.previews / name, page)


def text_batch(
    rows: RowBatch,
    t: Tensor,
    label: Tensor | None,
    seed: int,
    slots: Sequence[int],
    step: int,
) -> TextBatch:
    """Rows with their times and noise."""
    segments = torch.from_numpy(rows.segments)
    return TextBatch(
        x0=torch.from_numpy(rows.tokens),
        t=t,
        noise=uniform(seed, Stream.TRAINING_NOISE, slots, rows.tokens.shape[1:], step),
        counted=segments >= 0,
        segments=segments if np.any(rows.segments) else None,
        label=label,
    )


def _preview_texts(spec: Spec, denoiser: TokenDenoiser, tokenizer: Tokenizer) -> list[str]:
    """Sample a few texts with few evaluations."""
    denoiser.train(False)
    device = next(denoiser.parameters()).device
    noise = KeyedUniform(0, range(_COUNT), device)
    lengths = lengths_of(spec, 0, range(_COUNT), None)
    rows = layout(spec, denoiser.process, noise, lengths)
    label = torch.arange(_COUNT, device=device) % spec.classes if spec.classes else None
    cond = rows.cond | {"label": label}
    sampler = Bridge()
    times = sampler.grid.times(_STEPS, denoiser.process.keep, rows.x_1.shape[1])
    allowed = Tempered(denoiser, forbidden=tokenizer.forbidden)
    language = rows.language(tokenizer, ends_whole(spec, lengths, None))
    states = integrate(allowed, sampler, rows.x_1, times, noise, _STEPS, cond, rows.free, language)
    return rows.texts(last(states), tokenizer)
