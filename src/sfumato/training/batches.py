"""Batches of images, audio and other numbers, as a pure function of the step."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from sfumato.conditioning.condition import Value
from sfumato.conditioning.registry import Sources, rows, values_of
from sfumato.conditions import Conditions, Null, drop, drop_labels
from sfumato.data.items import Encoded
from sfumato.data.split import batch_indices
from sfumato.media.number_data import NumberData
from sfumato.process.rng import Stream, normal, uniform
from sfumato.recipes import GaussianRecipe

# A step that training never reaches, so that the noise of fixed batches is independent.
_FIXED = 2**62


@dataclass(frozen=True)
class Batch:
    """The batch of one optimiser step.

    Attributes:
        x0: Clean data, shape (B, C, *sides).
        t: Times, float64, shape (B,).
        noise: Standard normal, shaped like ``x0``.
        label: Class numbers with some replaced by the null label, shape (B,); None if
            unconditional.
        length: The share of its extent that each item fills, shape (B,); None if all fill it.
        further: The other conditions, by name, with some values hidden.
        dropout_seed: Seed of the network's own random numbers.
    """

    x0: Tensor
    t: Tensor
    noise: Tensor
    label: Tensor | None
    length: Tensor | None
    further: Conditions
    dropout_seed: int

    @property
    def cond(self) -> Conditions:
        """The conditions as keyword arguments of a denoiser."""
        return self.further | {"label": self.label, "length": self.length}


@dataclass(frozen=True)
class Batches:
    """``batches(step)`` is the batch of that step; there is no state to resume.

    Attributes:
        data: The items, their medium and their conditions.
        recipe: The run's recipe.
        classes: Number of classes; 0 without a label.
        lengths: Whether the length of an item is a condition.
        sources: What the conditions need besides their settings.
    """

    data: NumberData
    recipe: GaussianRecipe
    classes: int
    lengths: bool
    sources: Sources = field(default_factory=dict)

    def __call__(self, step: int) -> Batch:
        """The training batch of a step."""
        seed, size = self.recipe.seed, self.recipe.engine.batch
        ids, slots = self._ids(step), range(size)
        items, labels = self.data.dataset.gather(ids)
        variations = uniform(seed, Stream.AUGMENT, slots, (self.data.medium.variations,), step)
        encoded = self.data.medium.examples(items, variations)
        label = None
        if self.classes and labels is not None:
            dropped = uniform(seed, Stream.LABEL_DROP, slots, step=step)
            rate = self.recipe.data.label_drop
            label = drop_labels(self._known(labels), dropped, rate, null=self.classes)
        cond = Conditions(label=label)
        if self.data.conditions:
            cond = self._hidden(cond | self._further(ids, step, variations), slots, step)
        return self._batch(encoded, cond, step)

    def names(self, step: int, places: Sequence[int]) -> list[str]:
        """Names of the items at some places of the batch of a step."""
        ids = self._ids(step)
        return [self.data.dataset.items[int(ids[place])].name for place in places]

    def _ids(self, step: int) -> NDArray[np.int64]:
        size, seed = self.recipe.engine.batch, self.recipe.seed
        return self.data.training[batch_indices(len(self.data.training), size, step, seed)]

    def held_out(self, count: int) -> Batch | None:
        """A fixed batch of held-out items with fixed times and noise; None if there are none."""
        ids = self.data.held_out[:count]
        return self._fixed(ids) if len(ids) else None

    def typical(self, count: int) -> Batch:
        """A fixed batch of training items, evenly spaced."""
        return self._fixed(self._typical(count))

    def typical_values(self, count: int) -> list[dict[str, Value]]:
        """The values of the further conditions of :meth:`typical`, by name."""
        return self._values(self._typical(count), _FIXED)

    def _typical(self, count: int) -> NDArray[np.int64]:
        places = np.linspace(0, len(self.data.training) - 1, count).round().astype(np.int64)
        return self.data.training[places]

    def _fixed(self, ids: NDArray[np.int64]) -> Batch:
        items, labels = self.data.dataset.gather(ids)
        label = self._known(labels) if self.classes and labels is not None else None
        cond = self._further(ids, _FIXED) | {"label": label}
        return self._batch(self.data.medium.examples(items), cond, _FIXED)

    def _known(self, labels: NDArray[np.int64]) -> Tensor:
        """Class numbers, with the null label for items without a label."""
        return torch.from_numpy(np.where(labels < 0, self.classes, labels))

    def _further(
        self, ids: NDArray[np.int64], step: int, variations: Tensor | None = None
    ) -> Conditions:
        """The further conditions of some items.

        Pairs are varied as their items are.
        """
        conditions = self.data.conditions
        if not conditions:
            return Conditions()
        medium, pairs = self.data.medium, self.data.pairs
        read = {name: each.source(medium, variations) for name, each in pairs.items()}
        return rows(conditions, self._values(ids, step), {**self.sources, **read})

    def _values(self, ids: NDArray[np.int64], step: int) -> list[dict[str, Value]]:
        """The values of the further conditions; one of several captions is drawn for each item."""
        conditions = self.data.conditions
        u = uniform(self.recipe.seed, Stream.CAPTION, range(len(ids)), step=step).tolist()
        items = self.data.dataset.items
        return [
            {
                name: conditions[name].one(value, place)
                for name, value in values_of(conditions, items[int(number)]).items()
            }
            for number, place in zip(ids, u, strict=True)
        ]

    def _hidden(self, cond: Conditions, slots: Sequence[int], step: int) -> Conditions:
        """The conditions with some hidden by address; labels of classes are hidden already."""
        own: dict[str, Null] = {"label": self.classes} if self.classes else {}
        nulls = own | dict.fromkeys(self.data.conditions, 0.0)
        rates = {name: each.drop for name, each in self.data.conditions.items()}
        # One condition alone is unknown together with all others whenever it is hidden.
        together = max(rates.values()) if len(nulls) > 1 else 0.0
        u = uniform(self.recipe.seed, Stream.CONDITION_DROP, slots, (1 + len(nulls),), step)
        return drop(cond, nulls, u, rates, together)

    def _batch(self, encoded: Encoded, cond: Conditions, step: int) -> Batch:
        recipe, x0 = self.recipe, encoded.x0
        slots = range(len(x0))
        t = recipe.times.draw(recipe.schedule, recipe.seed, step, slots, len(x0))
        noise = normal(recipe.seed, Stream.TRAINING_NOISE, slots, x0.shape[1:], step)
        length = encoded.filled if self.lengths else None
        label, seed = cond.get("label"), dropout_seed(recipe.seed, step)
        further = Conditions({name: value for name, value in cond.items() if name != "label"})
        return Batch(x0, t, noise, label, length, further, seed)


def dropout_seed(seed: int, step: int) -> int:
    """A seed for torch's generator that belongs to one step of one run."""
    (word,) = np.random.SeedSequence((seed, step)).generate_state(1, np.uint64)
    return int(word >> np.uint64(1))
