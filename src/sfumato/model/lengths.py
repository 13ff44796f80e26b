"""The length of a sound that is made from words: that of training sounds of similar captions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sfumato.conditioning.condition import Value
from sfumato.conditioning.vocabulary import pieces
from sfumato.media.facts import DataFacts
from sfumato.process.rng import Stream, uniform

SECONDS = "seconds"
"""The name of the length among the values of an example."""


class CaptionLengths:
    """Draws the length of a sample from training items whose values are the most similar.

    Two sets of values are as similar as the share of their words that they have in common. Among
    equally similar items one is drawn by the seed and the index of the sample.

    Args:
        facts: The facts about the data of the run, whose examples have lengths.
    """

    def __init__(self, facts: DataFacts) -> None:
        self._examples = [
            (_words(one), length)
            for one in facts.examples
            if isinstance(length := one.get(SECONDS), float)
        ]

    def __call__(
        self, values: Sequence[Mapping[str, Value]], seed: int, indices: Sequence[int]
    ) -> list[float | None]:
        """Lengths of samples in seconds; None for one without a word in common with any example.

        Args:
            values: The values of the conditions of B samples.
            seed: Seed of the samples.
            indices: Indices of the samples.
        """
        places = uniform(seed, Stream.LENGTH, indices).tolist()
        return [self._drawn(_words(own), u) for own, u in zip(values, places, strict=True)]

    def _drawn(self, wanted: frozenset[str], u: float) -> float | None:
        likenesses = [_likeness(wanted, words) for words, _ in self._examples]
        best = max(likenesses, default=0.0)
        if best == 0:
            return None
        pairs = zip(self._examples, likenesses, strict=True)
        nearest = [length for (_, length), likeness in pairs if likeness == best]
        return nearest[int(u * len(nearest))]


def _words(values: Mapping[str, Value]) -> frozenset[str]:
    """The words of all values that are text."""
    found: set[str] = set()
    for name, value in values.items():
        if name in (SECONDS, "label"):
            continue
        texts = value if isinstance(value, tuple) else (value,)
        for text in texts:
            if isinstance(text, str):
                found.update(pieces(text))
    return frozenset(found)


def _likeness(one: frozenset[str], other: frozenset[str]) -> float:
    return len(one & other) / len(one | other) if one or other else 0.0
