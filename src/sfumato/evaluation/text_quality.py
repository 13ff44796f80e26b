"""Generated texts beside real ones: how varied, how alike, and how much of it is copied."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sfumato.media.text.tokens import Tokenizer
from sfumato.metrics.molecules import Molecules, canonical, measure
from sfumato.metrics.text import (
    duplicate_share,
    known_words,
    ngram_distance,
    ngram_floor,
    token_entropy,
    vocabulary_of,
)
from sfumato.metrics.text_copies import copied_share, longest_copies

COPIES = (20, 50, 100)
_NGRAMS = (1, 2, 3, 4)


@dataclass(frozen=True)
class Compared:
    """A figure of the samples beside the same figure of real text.

    Attributes:
        samples: Of the samples.
        real: Of held-out text of the same lengths; None if there is none.
        n: How many samples were measured.
        real_n: How many real texts were measured.
    """

    samples: float
    real: float | None
    n: int
    real_n: int


@dataclass(frozen=True)
class Ngrams:
    """How far apart the n-grams of samples and of real text are.

    Attributes:
        length: Characters in a run.
        distance: Jensen-Shannon divergence in bits, in [0, 1].
        floor: The same between as many real texts and as many others.
        n: Texts on each side.
    """

    length: int
    distance: float
    floor: float
    n: int


@dataclass(frozen=True)
class Copies:
    """The longest verbatim piece of training text in each text, in characters.

    Attributes:
        median: Over the texts.
        p95: Length that 95 % of the texts do not exceed.
        longest: In any text.
        share: Share of all characters that lie in a copied piece, by its least length.
        n: How many texts were measured.
    """

    median: float
    p95: float
    longest: int
    share: dict[int, float]
    n: int


@dataclass(frozen=True)
class Quality:
    """Samples beside held-out text.

    Attributes:
        token_entropy: In bits per token, of each text, averaged.
        pooled_token_entropy: In bits per token, of all texts together.
        duplicates: Share of the texts that are equal to an earlier one.
        known_words: Share of the words that occur in the training text; None where words say
            nothing.
        ngrams: For runs of 1, 2, 3, 4 characters; those that the texts are too short for are left
            out, and all where there is too little real text.
        copies: Of the samples.
        real_copies: Of real text; None if there is none.
    """

    token_entropy: Compared
    pooled_token_entropy: Compared
    duplicates: Compared
    known_words: Compared | None
    ngrams: tuple[Ngrams, ...]
    copies: Copies
    real_copies: Copies | None


def quality_of(
    samples: Sequence[str],
    real: Sequence[str],
    others: Sequence[str],
    tokenizer: Tokenizer,
    corpus: Callable[[], Iterable[str]],
    words: bool,
) -> Quality:
    """Measure samples.

    Args:
        samples: Generated texts, one at least.
        real: Held-out texts, as long as the first samples; maybe fewer.
        others: As many more.
        tokenizer: What tokens are.
        corpus: Opens the training text; called once for every reading of it.
        words: Whether words mean anything in such text.
    """

    def compared(figure: Callable[[Sequence[str]], float]) -> Compared:
        of_real = figure(real) if real else None
        return Compared(figure(samples), of_real, len(samples), len(real))

    def tokens(texts: Sequence[str]) -> Iterator[list[int]]:
        return (tokenizer.encode(text).tolist() for text in texts)

    vocabulary = vocabulary_of(corpus()) if words else None
    copies, real_copies = _copies(samples, real, corpus)
    return Quality(
        token_entropy=compared(lambda texts: token_entropy(tokens(texts)).mean),
        pooled_token_entropy=compared(lambda texts: token_entropy(tokens(texts)).pooled),
        duplicates=compared(duplicate_share),
        known_words=None
        if vocabulary is None
        else compared(lambda texts: known_words(texts, vocabulary)),
        ngrams=_ngrams(samples[: len(real)], real, others),
        copies=copies,
        real_copies=real_copies,
    )


def molecules_of(
    samples: Sequence[str], corpus: Iterable[str], in_canonical_form: bool
) -> Molecules:
    """Measure samples that are SMILES strings.

    Args:
        samples: Generated strings.
        corpus: The training texts, a molecule in every line, read once.
        in_canonical_form: Whether those are as rdkit writes them; a set of another making is
            rewritten first, which takes a minute for half a million.

    Raises:
        MissingExtra: rdkit is not installed.
    """
    forms = {form for form in canonical(samples) if form is not None}
    known = (line.strip() for text in corpus for line in text.splitlines())
    if not in_canonical_form:
        known = (form for line in known if (form := canonical([line])[0]) is not None)
    # Of millions only those that could be met are kept.
    return measure(samples, {form for form in known if form in forms})


def _ngrams(
    samples: Sequence[str], real: Sequence[str], others: Sequence[str]
) -> tuple[Ngrams, ...]:
    dealt = [text for pair in zip(real, others, strict=True) for text in pair]
    return tuple(
        Ngrams(
            length=length,
            distance=ngram_distance(samples, real, length),
            floor=ngram_floor(dealt, length, len(real)),
            n=len(real),
        )
        for length in _NGRAMS
        if all(max(map(len, texts), default=0) >= length for texts in (samples, real, others))
    )


def _copies(
    samples: Sequence[str], real: Sequence[str], corpus: Callable[[], Iterable[str]]
) -> tuple[Copies, Copies | None]:
    longest = longest_copies([*samples, *real], corpus())
    of_samples = _summed(longest[: len(samples)], copied_share(samples, corpus(), COPIES))
    if not real:
        return of_samples, None
    return of_samples, _summed(longest[len(samples) :], copied_share(real, corpus(), COPIES))


def _summed(longest: NDArray[np.int64], share: dict[int, float]) -> Copies:
    return Copies(
        median=float(np.median(longest)),
        p95=float(np.quantile(longest, 0.95, method="inverted_cdf")),
        longest=int(longest.max()),
        share=share,
        n=len(longest),
    )
