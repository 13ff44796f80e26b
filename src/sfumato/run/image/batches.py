"""Training batches as a pure function of the step."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from sfumato.media.order import batch_indices
from sfumato.objective import drop_labels
from sfumato.process.rng import Stream, normal, uniform
from sfumato.recipes import Recipe

if TYPE_CHECKING:
    from sfumato.run.image.data import ImageData


@dataclass(frozen=True)
class Batch:
    """What one optimiser step learns from.

    Attributes:
        x0: Clean data, shape (B, C, H, W).
        t: Times, float64, shape (B,).
        noise: Standard normal, shaped like ``x0``.
        label: Class numbers with some replaced by the null label, shape (B,); None if
            unconditional.
        dropout_seed: For what the network itself draws.
    """

    x0: Tensor
    t: Tensor
    noise: Tensor
    label: Tensor | None
    dropout_seed: int

    @property
    def cond(self) -> dict[str, Tensor]:
        """The conditions as keyword arguments of a denoiser."""
        return {} if self.label is None else {"label": self.label}


@dataclass(frozen=True)
class Batches:
    """``batches(step)`` is the batch of that step: no state, so resuming needs no more.

    Attributes:
        data: What to draw from.
        recipe: How to draw.
        classes: Number of classes; 0 = unconditional.
    """

    data: ImageData
    recipe: Recipe
    classes: int

    def __call__(self, step: int) -> Batch:
        """The training batch of a step."""
        seed, size = self.recipe.seed, self.recipe.engine.batch
        ids = self.data.training[batch_indices(len(self.data.training), size, step, seed)]
        pixels, labels = self.data.dataset.gather(ids)
        slots = range(size)
        x0 = self.data.medium.augment(
            self.data.medium.encode(pixels), uniform(seed, Stream.AUGMENT, slots, (3,), step)
        )
        label = None
        if self.classes and labels is not None:
            dropped = uniform(seed, Stream.LABEL_DROP, slots, step=step)
            rate = self.recipe.data.label_drop
            label = drop_labels(torch.from_numpy(labels), dropped, rate, null=self.classes)
        return self._batch(x0, label, step)

    def held_out(self, count: int) -> Batch | None:
        """A fixed batch of held-out items with fixed times and noise; None if there are none."""
        ids = self.data.held_out[:count]
        if not len(ids):
            return None
        pixels, labels = self.data.dataset.gather(ids)
        x0 = self.data.medium.encode(pixels)
        label = torch.from_numpy(labels) if self.classes and labels is not None else None
        # A step that training never reaches, so that its noise is its own.
        return self._batch(x0, label, step=2**62)

    def _batch(self, x0: Tensor, label: Tensor | None, step: int) -> Batch:
        recipe, slots = self.recipe, range(len(x0))
        t = recipe.times.draw(recipe.schedule, recipe.seed, step, slots, len(x0))
        noise = normal(recipe.seed, Stream.TRAINING_NOISE, slots, x0.shape[1:], step)
        return Batch(x0, t, noise, label, dropout_seed(recipe.seed, step))


def dropout_seed(seed: int, step: int) -> int:
    """A seed for torch's generator that belongs to one step of one run."""
    (word,) = np.random.SeedSequence((seed, step)).generate_state(1, np.uint64)
    return int(word >> np.uint64(1))
