"""Measures of generated text that need no second model.

A token is an element of the sequences: a character of a ``str``, or a word of a list.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Collection, Hashable, Iterable, Iterator, Sequence
from typing import NamedTuple

from sfumato.errors import DataError

# Letters, possibly with apostrophes inside.
_WORD = re.compile(r"[^\W\d_]+(?:'[^\W\d_]+)*")


class TokenEntropy(NamedTuple):
    """Unigram entropy in bits per token.

    Attributes:
        mean: The entropy of the tokens of each text, averaged over the texts.
        pooled: The entropy of the tokens of all texts together.
    """

    mean: float
    pooled: float


def ngram_distance(
    a: Iterable[Sequence[Hashable]], b: Iterable[Sequence[Hashable]], n: int
) -> float:
    """Jensen-Shannon divergence between the n-gram distributions of two sets of texts.

    The plug-in estimate, which is biased upward: it is positive for two samples of one
    distribution, the more so the smaller they are. Compare it with :func:`ngram_floor` at the same
    sample size.

    Args:
        a, b: Texts; n-grams do not cross from one text into the next.
        n: The number of tokens of an n-gram, at least 1.

    Returns:
        Bits in [0, 1]; 0 for equal distributions, 1 for disjoint ones (Lin 1991, with
        equal weights).

    Raises:
        DataError: One of the sets has no n-gram of ``n`` tokens.
    """
    first, second = _ngrams(a, n), _ngrams(b, n)
    of_first, of_second = 1 / first.total(), 1 / second.total()
    parts = []
    for gram in first.keys() | second.keys():
        p, q = first[gram] * of_first, second[gram] * of_second
        parts += [share * math.log2(2 * share / (p + q)) for share in (p, q) if share]
    return min(max(math.fsum(parts) / 2, 0.0), 1.0)


def ngram_floor(texts: Sequence[Sequence[Hashable]], n: int, size: int) -> float:
    """The :func:`ngram_distance` between two samples of the same real text.

    Args:
        texts: Real texts, as long as the generated ones, in any order; evenly spaced ones are
            chosen and assigned to two halves alternately.
        n: The number of tokens of an n-gram.
        size: The number of texts in each half: that of the generated texts.

    Raises:
        DataError: There are fewer than ``2 * size`` texts, or none with ``n`` tokens.
    """
    if len(texts) < 2 * size:
        raise DataError(
            f"Two halves of {size:,} texts need {2 * size:,} texts, and there are {len(texts):,}.",
            hint="compare smaller samples, or cut the real text into more pieces.",
        )
    chosen = [texts[index * len(texts) // (2 * size)] for index in range(2 * size)]
    return ngram_distance(chosen[0::2], chosen[1::2], n)


def token_entropy(texts: Iterable[Sequence[Hashable]]) -> TokenEntropy:
    """The variety of the tokens: repetitive text has a low entropy, whatever its perplexity.

    Report it beside a perplexity under another model, which rewards repetition (Zheng et al. 2024,
    arXiv:2409.02908). An empty text has entropy 0.

    Raises:
        DataError: There are no texts.
    """
    pooled: Counter[Hashable] = Counter()
    entropies = []
    for text in texts:
        counts = Counter(text)
        entropies.append(_entropy(counts))
        pooled.update(counts)
    if not entropies:
        raise DataError("There are no texts to measure.")
    return TokenEntropy(math.fsum(entropies) / len(entropies), _entropy(pooled))


def vocabulary_of(texts: Iterable[str]) -> frozenset[str]:
    """The words of the texts: runs of letters with apostrophes inside, in lower case."""
    return frozenset(word for text in texts for word in _words(text))


def known_words(texts: Iterable[str], vocabulary: Collection[str]) -> float:
    """The share of the words, repetitions counted, that are in a vocabulary.

    Args:
        texts: Generated texts.
        vocabulary: The :func:`vocabulary_of` real text.

    Returns:
        In [0, 1]; 0 where there are no words.
    """
    counts = Counter(word for text in texts for word in _words(text))
    known = sum(count for word, count in counts.items() if word in vocabulary)
    return known / max(counts.total(), 1)


def duplicate_share(texts: Collection[str]) -> float:
    """The share of the texts that are equal to an earlier one; 0 where there are no texts."""
    return (len(texts) - len(set(texts))) / max(len(texts), 1)


def _ngrams(texts: Iterable[Sequence[Hashable]], n: int) -> Counter[tuple[Hashable, ...]]:
    counts: Counter[tuple[Hashable, ...]] = Counter()
    for text in texts:
        counts.update(zip(*(text[start:] for start in range(n)), strict=False))
    if not counts:
        raise DataError(f"The texts have no n-gram of {n} tokens.")
    return counts


def _entropy(counts: Counter[Hashable]) -> float:
    total = counts.total()
    return math.fsum(count / total * math.log2(total / count) for count in counts.values())


def _words(text: str) -> Iterator[str]:
    for match in _WORD.finditer(text.lower().replace("’", "'")):
        yield match.group()
