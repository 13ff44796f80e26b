"""The data of a run on images, audio or other numbers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from sfumato.conditioning.condition import Condition
from sfumato.conditioning.registry import examples_of, settled
from sfumato.data.dataset import Dataset
from sfumato.data.digests import Entry, write_digests
from sfumato.media.coding import Coding
from sfumato.media.editing import thinned
from sfumato.media.facts import MOST_EXAMPLES, DataFacts
from sfumato.media.medium import DIGESTS, Data, Source
from sfumato.media.pairs import Pairs, shaped
from sfumato.media.report import Contents, items_in_words
from sfumato.recipes import GaussianRecipe
from sfumato.restoration.covariance import Covariance

_MEASURED = 2048  # Number of items, evenly spaced, on which settings are measured.


@dataclass(frozen=True)
class NumberData(Data):
    """Items of a medium of numbers as a run uses them.

    Attributes:
        recipe: The recipe before it is settled on the data.
        dataset: All items.
        medium: The medium, with all settings resolved.
        training: Indices of the training items.
        held_out: Indices of the held-out items.
        facts: The facts about the data for the spec.
        conditions: See :class:`Data`.
        pairs: The decoded pairs of the items, by the names of their conditions.
    """

    recipe: GaussianRecipe
    dataset: Dataset
    medium: Coding
    training: NDArray[np.int64]
    held_out: NDArray[np.int64]
    facts: DataFacts
    conditions: Mapping[str, Condition] = field(default_factory=dict)
    pairs: Mapping[str, Pairs] = field(default_factory=dict)

    def store(self, folder: Path) -> None:
        """See :meth:`Data.store`: the digests of the items; the spec has all the rest."""
        write_digests(folder / DIGESTS, self.entries())

    def with_facts(self, facts: DataFacts) -> Self:
        """See :meth:`Data.with_facts`."""
        return replace(self, facts=facts)

    def entries(self) -> Iterator[Entry]:
        """See :meth:`Data.entries`."""
        return self.dataset.entries()

    def summary(self) -> Iterator[tuple[str, str]]:
        """See :meth:`Data.summary`."""
        medium = self.medium
        counted = Contents.counted(self.dataset, self.held_out, medium.unread, self.conditions)
        contents = Contents(**counted)
        yield medium.plural, items_in_words(contents.count, contents.groups)
        yield from medium.reading(self.dataset)
        yield from contents.rows(most=3, source=self.facts.source)

    def settled(self) -> GaussianRecipe:
        """The recipe with the settings of the medium and the deviation of the data."""
        return self.recipe.settled(self.medium.settings, self.sigma(), self.conditions)

    def covariance(self) -> Covariance:
        """See :meth:`Data.covariance`; measured on some hundred evenly spaced items."""
        items = thinned(_typical(self.dataset, self.training), self.medium.signal_shape)
        return Covariance.measured(self.medium.examples(items).x0)

    def sigma(self) -> float:
        """Standard deviation of the encoded data, over at most 2,048 evenly spaced items."""
        items = _typical(self.dataset, self.training)
        return round(float(self.medium.examples(items).x0.std()), 4) or 0.5


def _typical(dataset: Dataset, training: NDArray[np.int64]) -> NDArray[Any]:
    items, _ = dataset.gather(training[:: -(-len(training) // _MEASURED)])
    return items


def number_data(
    dataset: Dataset,
    medium: Coding,
    source: Source,
    recipe: GaussianRecipe,
    pairs: Mapping[str, Pairs] = MappingProxyType({}),
) -> NumberData:
    """The data of a run: divided, and with all settings resolved that depend on them.

    Args:
        dataset: The items, with the paths of their pairs among their fields.
        medium: Their medium.
        source: Their place.
        recipe: The recipe of the run.
        pairs: See :class:`NumberData`.

    Raises:
        DataError: There is too little to learn from.
    """
    training, held_out = dataset.split(recipe.data.held_out)
    dataset = dataset.with_used_labels(training, recipe.data.labels)
    medium.require_enough(dataset, source.path)
    medium = medium.settled(_typical(dataset, training))
    conditions = settled_with(pairs, recipe, medium, dataset, training)
    quantiles = medium.quantiles(dataset, training, dataset.labels)
    facts = source.facts(
        fingerprint=dataset.fingerprint,
        content=dataset.content,
        count=len(dataset),
        classes=dataset.classes,
        frequencies=dataset.frequencies(training),
        seconds=quantiles,
        examples=examples_of(
            conditions,
            dataset.items,
            training.tolist(),
            MOST_EXAMPLES,
            dataset.classes,
            partial(medium.seconds_of, dataset) if quantiles else None,
        ),
    )
    return NumberData(recipe, dataset, medium, training, held_out, facts, conditions, pairs)


def settled_with(
    pairs: Mapping[str, Pairs],
    recipe: GaussianRecipe,
    medium: Coding,
    dataset: Dataset,
    training: NDArray[np.int64],
) -> dict[str, Condition]:
    """The conditions of a recipe, settled on items and their pairs."""
    contents = {name: each.content for name, each in pairs.items()}
    shapes = shaped(recipe.conditions, medium)
    return settled(shapes, dataset.items, training.tolist(), contents)
