"""Items with captions, and a judge of how well items agree with captions."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from sfumato.catalogue import asset_here
from sfumato.conditioning.condition import Value
from sfumato.evaluation.features import Features, evenly_spaced
from sfumato.metrics.alignment import Alignment
from sfumato.metrics.efficientnet import EfficientNet
from sfumato.metrics.extractor import Extractor
from sfumato.metrics.retrieval import Retrieval, retrieval
from sfumato.metrics.text_features import NgramFeatures, SentenceEmbedding
from sfumato.process.rng import Stream, uniform

AMONG = 16
"""Different captions that the right one is searched among."""
# The alignment hardly improves with more pairs, and its cost grows with their number.
_PAIRS = 4000
# Step 1 of this stream is the division of real items.
_SHUFFLE_STEP = 2


class Captioned(NamedTuple):
    """Items of a set that have a caption.

    Attributes:
        places: Indices of the items in their set, int64, shape (n,).
        captions: Their captions, n strings; of an item with several captions the first one.
    """

    places: Tensor
    captions: tuple[str, ...]

    @classmethod
    def of(cls, values: Sequence[Mapping[str, Value]], name: str) -> Captioned:
        """The items that have a caption, among items with these values of their conditions."""
        every = [(place, _first(each.get(name))) for place, each in enumerate(values)]
        found = [(place, caption) for place, caption in every if caption]
        places = torch.tensor([place for place, _ in found], dtype=torch.int64)
        return cls(places, tuple(caption for _, caption in found))

    @property
    def different(self) -> int:
        """Number of different captions."""
        return len(set(map(plain, self.captions)))

    def some(self, most: int) -> Captioned:
        """At most ``most`` of them, evenly spaced."""
        return self.at(evenly_spaced(len(self.captions), most))

    def at(self, chosen: Tensor) -> Captioned:
        """Those at some places among them, int64, shape (k,)."""
        return Captioned(self.places[chosen], tuple(self.captions[at] for at in chosen.tolist()))

    def without(self, groups: Sequence[str], others: Captioned) -> Captioned:
        """Those that share no group with others of the same set.

        Args:
            groups: Group of each item of the set.
            others: Items of the set.
        """
        left_out = {groups[place] for place in others.places.tolist()}
        usable = [groups[place] not in left_out for place in self.places.tolist()]
        return self.at(torch.tensor(usable, dtype=torch.bool).nonzero()[:, 0])


@dataclass(frozen=True)
class Judge:
    """Says how well items agree with captions.

    Attributes:
        items: Name of the extractor of items.
        number: Place of this extractor among those of the evaluation.
        identity: Identity of both extractors together.
        words: Extractor of captions.
        alignment: The common space of the features of both.
    """

    items: str
    number: int
    identity: str
    words: Extractor[Sequence[str]]
    alignment: Alignment

    @classmethod
    def fit(
        cls, features: Sequence[Features], known: Captioned, groups: Sequence[str], seed: int
    ) -> Judge:
        """Learn from training items: by a trained network where there is one.

        Args:
            features: Features by each extractor of items.
            known: Training items with captions; of more than 4000, 4000 evenly spaced ones are
                used.
            groups: Group of each training item.
            seed: Seed of the division in the cross-validation.

        Raises:
            DataError: There are too few of them.
        """
        names = [one.name for one in features]
        number = names.index(EfficientNet.name) if EfficientNet.name in names else 0
        words, one, known = _texts(), features[number], known.some(_PAIRS)
        alignment = Alignment.fit(
            one.training[known.places],
            words([plain(caption) for caption in known.captions]),
            [groups[place] for place in known.places.tolist()],
            seed,
        )
        return cls(one.name, number, f"{one.identity} {words.identity}", words, alignment)

    def __call__(self, items: Tensor, captions: Sequence[str]) -> Retrieval:
        """Retrieve the caption of each item among all these captions, whatever their case.

        Args:
            items: Features of n items, shape (n, d).
            captions: The caption of each, at least two different ones.
        """
        texts = [plain(caption) for caption in captions]
        return retrieval(self.alignment.similarity(items, self.words(texts)), texts, AMONG)


def plain(caption: str) -> str:
    """A caption in lower case, with single spaces: captions that differ otherwise are different."""
    return " ".join(caption.casefold().split())


def others(count: int, seed: int) -> Tensor:
    """For each of some items another one, a permutation in one circle, int64, shape (count,)."""
    order = uniform(seed, Stream.DIVISION, range(1), (count,), step=_SHUFFLE_STEP)[0].argsort()
    found = torch.empty_like(order)
    found[order] = order.roll(1)
    return found


def shuffled(captions: Sequence[str], seed: int) -> tuple[Tensor, tuple[str, ...]]:
    """Give each item the caption of another item, and leave out those that get an equal one.

    Returns:
        Indices of the items, int64, shape (k,), k <= n, and their wrong captions.
    """
    wrong = others(len(captions), seed).tolist()
    usable = [at for at, one in enumerate(captions) if plain(captions[wrong[at]]) != plain(one)]
    return torch.tensor(usable, dtype=torch.int64), tuple(captions[wrong[at]] for at in usable)


def _texts() -> Extractor[Sequence[str]]:
    """The sentence embedding if it was fetched before, else n-grams."""
    folder = asset_here(SentenceEmbedding.name)
    if folder is None or importlib.util.find_spec("tokenizers") is None:
        return NgramFeatures()
    return SentenceEmbedding(folder)


def _first(value: Value | None) -> str:
    if isinstance(value, tuple):
        value = value[0] if value else None
    return "" if value is None else str(value).strip()
