"""Samples and real items as one extractor sees them, and what they are compared with."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Generic, NamedTuple, TypeVar

import torch
from torch import Tensor

from sfumato.metrics.extractor import Extractor
from sfumato.metrics.kernel_distance import GaussianKernel
from sfumato.process.rng import Stream, uniform
from sfumato.runs.measuring import Measuring

ItemsT = TypeVar("ItemsT")
FormT = TypeVar("FormT")
# Of larger sets, comparisons that need all pairs look at so many.
MOST_PAIRED = 5000
_MOST_RIVALS = 2000


@dataclass(frozen=True)
class Seen:
    """Features of samples, training items and held-out items.

    Attributes:
        name: Of the extractor.
        identity: Of the extractor.
        samples: Shape (n, d).
        training: Shape (M, d).
        held_out: Shape (m, d); m may be 0.
    """

    name: str
    identity: str
    samples: Tensor
    training: Tensor
    held_out: Tensor

    @cached_property
    def real(self) -> Tensor:
        """All real items, training first, shape (M + m, d)."""
        return torch.cat([self.training, self.held_out])

    @cached_property
    def kernel(self) -> GaussianKernel:
        """As wide as training items are apart: one for all that is measured through an extractor.

        Raises:
            DataError: Most training items are equal.
        """
        return GaussianKernel.of(self.training)

    @cached_property
    def known(self) -> Tensor:
        """Training items for what takes all pairs: at most 5,000, evenly spaced."""
        return self.training[spaced(len(self.training), MOST_PAIRED)]


class Sets(NamedTuple, Generic[ItemsT]):
    """Samples, training items and held-out items."""

    samples: ItemsT
    training: ItemsT
    held_out: ItemsT


def see(extractor: Extractor[FormT], sets: Sets[ItemsT], form: Callable[[ItemsT], FormT]) -> Seen:
    """Look at three sets through an extractor; ``form`` turns each into what it takes."""
    return Seen(extractor.name, extractor.identity, *(extractor(form(items)) for items in sets))


def look(
    extractors: Sequence[Extractor[FormT]],
    sets: Sets[ItemsT],
    form: Callable[[ItemsT], FormT],
    n: int,
) -> Generator[Measuring, None, tuple[Seen, ...]]:
    """Look at three sets through one extractor after the other; yields progress.

    Args:
        extractors: The principal first.
        sets: What to look at.
        form: See :func:`see`.
        n: How many samples there are.
    """
    found = []
    for extractor in extractors:
        yield Measuring(f"looking at them through {extractor.name}: samples", 0, n)
        found.append(see(extractor, sets, form))
    return tuple(found)


def spaced(count: int, most: int) -> Tensor:
    """Up to so many indices of ``count`` items, evenly spaced, int64."""
    chosen = min(count, most)
    return torch.arange(chosen) * count // max(chosen, 1)


@dataclass(frozen=True)
class Rivals:
    """Real items in the place of samples, as many as are compared, and real items beside them.

    What depends on how many items there are, such as recall, is compared with the same of real
    items only where both have equally many and are held against the same others.

    Attributes:
        instead: Indices of real items that stand for samples, shape (q,); none of their groups is
            in ``beside``.
        beside: Indices of the real items that both are held against, shape (r,).
    """

    instead: Tensor
    beside: Tensor

    @classmethod
    def of(cls, groups: Sequence[str], n: int, seed: int) -> Rivals:
        """Divide real items so that up to ``n`` of them stand for samples, and at most half.

        Args:
            groups: Of the real items: those of one belong together.
            n: Samples.
            seed: Of the division.
        """
        names = sorted(set(groups))
        place = {name: number for number, name in enumerate(names)}
        rank = uniform(seed, Stream.DIVISION, range(1), (len(names),), step=1)[0].argsort()
        order = torch.empty_like(rank)
        order[rank] = torch.arange(len(names))
        keys = order[torch.tensor([place[group] for group in groups], dtype=torch.int64)]
        shuffled = keys.argsort(stable=True)
        wanted = min(n, len(groups) // 2, _MOST_RIVALS)
        instead = shuffled[:wanted]
        # The group that the cut went through belongs to neither side.
        last = keys[instead[-1]] if wanted else -1
        beside = shuffled[keys[shuffled] > last]
        return cls(instead, beside[spaced(len(beside), _MOST_RIVALS)])
