"""The length of a sound that is made from words: that of training sounds of similar captions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sfumato.conditioning.condition import Value
from sfumato.conditioning.vocabulary import pieces
from sfumato.media.facts import DataFacts
from sfumato.process.rng import Stream, uniform

SECONDS = "seconds"
"""The name of the length among the values of an example."""


def seconds_like(
    facts: DataFacts, values: Sequence[Mapping[str, Value]], seed: int, indices: Sequence[int]
) -> list[float | None]:
    """A length for each sample, as training items have them whose values are the most similar.

    Two sets of values are as similar as the share of their words that they have in common. Among
    equally similar items one is drawn by the seed and the index of the sample.

    Args:
        facts: The facts about the data of the run, whose examples have lengths.
        values: The values of the conditions of B samples.
        seed: Seed of the samples.
        indices: Indices of the samples.

    Returns:
        Seconds; None for a sample that has no word in common with any example.
    """
    examples = [
        (_words(one), length)
        for one in facts.examples
        if isinstance(length := one.get(SECONDS), float)
    ]
    found: list[float | None] = []
    for own, u in zip(values, uniform(seed, Stream.LENGTH, indices).tolist(), strict=True):
        wanted = _words(own)
        shares = [_likeness(wanted, words) for words, _ in examples]
        best = max(shares, default=0.0)
        if best == 0:
            found.append(None)
            continue
        near = [each for (_, each), share in zip(examples, shares, strict=True) if share == best]
        found.append(near[int(u * len(near))])
    return found


def _words(values: Mapping[str, Value]) -> frozenset[str]:
    """The words of all values, and the names of conditions with their values."""
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
