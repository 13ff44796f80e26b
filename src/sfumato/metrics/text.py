"""Measures of generated text that need no second model.

A token is whatever the sequences hold: the characters of a ``str``, or the words of a list.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Collection, Hashable, Iterable, Iterator, Sequence
from typing import NamedTuple

from sfumato.errors import DataError

# Letters, with apostrophes inside.
_WORD = re.compile(r"[^\W\d_]+(?:'[^\W\d_]+)*")


class TokenEntropy(NamedTuple):
    """Unigram entropy in bits per token.

    Attributes:
        mean: Of the tokens of each text, averaged over the texts.
        pooled: Of the tokens of all texts together.
    """

    mean: float
    pooled: float


def ngram_distance(
    a: Iterable[Sequence[Hashable]], b: Iterable[Sequence[Hashable]], n: int
) -> float:
    """Jensen-Shannon divergence between the n-gram distributions of two sets of texts.

    The natural estimate, which is biased upward: two samples of one distribution are apart, the
    more so the smaller they are. Compare it with :func:`ngram_floor` of the same sample size.

    Args:
        a, b: Texts; n-grams do not reach from one text into the next.
        n: Tokens in a run, at least 1.

    Returns:
        Bits in [0, 1]; 0 for equal distributions, 1 for disjoint ones (Lin 1991, with
        equal weights).

    Raises:
        DataError: One of the sets has no run of ``n`` tokens.
    """
    first, second = _ngrams(a, n), _ngrams(b, n)
    of_first, of_second = 1 / first.total(), 1 / second.total()
    parts = []
    for gram in first.keys() | second.keys():
        p, q = first[gram] * of_first, second[gram] * of_second
        parts += [share * math.log2(2 * share / (p + q)) for share in (p, q) if share]
    return min(max(math.fsum(parts) / 2, 0.0), 1.0)


def ngram_floor(texts: Sequence[Sequence[Hashable]], n: int, size: int) -> float:
    """What :func:`ngram_distance` is between two samples of the same real text.

    Args:
        texts: Real texts, as long as the generated ones, in any order; evenly spaced ones are
            taken and dealt into two halves by turns.
        n: Tokens in a run.
        size: Texts in each half: as many as there are generated texts.

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
    """How varied the tokens are: repetitive text has a low entropy, whatever a model thinks of it.

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
        vocabulary: What :func:`vocabulary_of` gives for real text.

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
        raise DataError(f"The texts have no run of {n} tokens.")
    return counts


def _entropy(counts: Counter[Hashable]) -> float:
    total = counts.total()
    return math.fsum(count / total * math.log2(total / count) for count in counts.values())


def _words(text: str) -> Iterator[str]:
    for found in _WORD.finditer(text.lower().replace("’", "'")):
        yield found.group()
