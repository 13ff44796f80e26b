"""Measures of generated text: entropy, words, n-grams, verbatim copies and molecules.

Each measure stands next to the same measure of held-out texts of the same lengths.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from sfumato.evaluation.result import Figure, Section
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

_FEW = 32
_NGRAMS = (1, 2, 3, 4)
# Least lengths, in characters, of the passages that count as copied.
_PASSAGES = (20, 50, 100)
Corpus = Callable[[], Iterable[str]]
"""Opens the training text; it is called once for each reading."""


def text_sections(
    samples: Sequence[str],
    real: Sequence[str],
    others: Sequence[str],
    tokenizer: Tokenizer,
    corpus: Corpus,
    words: bool,
) -> Iterator[Section]:
    """Measure texts.

    Args:
        samples: Generated texts, at least one.
        real: Held-out texts that are as long as the first samples; there may be fewer of them.
        others: As many other held-out texts.
        tokenizer: The tokenizer of the run.
        corpus: Opens the training text.
        words: Whether the texts consist of words.
    """
    yield Section(
        "texts",
        "texts",
        "Samples and held-out texts of the same lengths. An entropy below that of real text means "
        "repetition, and a smaller share of known words means bad spelling.",
        tuple(_texts(samples, real, tokenizer, vocabulary_of(corpus()) if words else None)),
    )
    ngrams = tuple(_ngrams(samples[: len(real)], real, others))
    if ngrams:
        yield Section(
            "ngrams",
            "distance of n-grams, bits",
            "Jensen-Shannon divergence between the distributions of character n-grams; 0 means "
            "that they are equal. The column 'real' is the divergence of two sets of real texts.",
            ngrams,
        )
    yield Section(
        "verbatim",
        "verbatim copies",
        "The longest passage of the training text that a text repeats exactly. Real texts repeat "
        "each other too; passages that are longer than theirs are memorised.",
        tuple(_verbatim(samples, real, corpus)),
    )


def molecules_of(
    samples: Sequence[str], corpus: Iterable[str], in_canonical_form: bool
) -> Molecules:
    """Measure samples that are SMILES strings.

    Args:
        samples: Generated strings.
        corpus: The training texts, with a molecule in each line; they are read once.
        in_canonical_form: Whether the training molecules are written as rdkit writes them. Others
            are rewritten first, which takes a minute for half a million.

    Raises:
        MissingExtra: rdkit is not installed.
    """
    forms = {form for form in canonical(samples) if form is not None}
    known = (line.strip() for text in corpus for line in text.splitlines())
    if not in_canonical_form:
        known = (form for line in known if (form := canonical([line])[0]) is not None)
    # Of millions of molecules, only those that occur in the samples are stored.
    return measure(samples, {form for form in known if form in forms})


def molecule_section(molecules: Molecules) -> Section:
    """The section of a report on molecules."""
    figures = []
    of = molecules.count
    for name in ("valid", "unique", "novel"):
        share: float = getattr(molecules, name)
        figures.append(Figure(name, name, share, n=(of,), form=".1%"))
        of = round(of * share)
    about = (
        "Share of samples that are valid molecules; share of the valid ones that are unique; share "
        "of the unique ones that do not occur in the training text."
    )
    return Section("molecules", "molecules", about, tuple(figures))


def _texts(
    samples: Sequence[str],
    real: Sequence[str],
    tokenizer: Tokenizer,
    vocabulary: frozenset[str] | None,
) -> Iterator[Figure]:
    n = len(samples), len(real)
    flag = f"there are only {n[0]} samples" if n[0] < _FEW else None
    if n[1] < n[0]:
        flag = f"there are held-out texts for only {n[1]} of the {n[0]} samples"

    def figure(
        key: str, title: str, of: Callable[[Sequence[str]], float], form: str = ".3f"
    ) -> Figure:
        beside = of(real) if real else None
        return Figure(key, title, of(samples), real=beside, n=n, form=form, flag=flag)

    def tokens(texts: Sequence[str]) -> Iterator[list[int]]:
        return (tokenizer.encode(text).tolist() for text in texts)

    title = "token entropy, bits"
    yield figure("token_entropy", title, lambda texts: token_entropy(tokens(texts)).mean)
    title = "token entropy of all texts, bits"
    yield figure("pooled_entropy", title, lambda texts: token_entropy(tokens(texts)).pooled)
    if vocabulary is not None:
        yield figure(
            "known_words", "known words", lambda texts: known_words(texts, vocabulary), ".1%"
        )
    yield figure("duplicates", "duplicates", duplicate_share, ".1%")


def _ngrams(samples: Sequence[str], real: Sequence[str], others: Sequence[str]) -> Iterator[Figure]:
    """Distances of n-grams, but for those that are longer than all texts of a set."""
    alternating = [text for pair in zip(real, others, strict=True) for text in pair]
    for length in _NGRAMS:
        if all(max(map(len, texts), default=0) >= length for texts in (samples, real, others)):
            distance = ngram_distance(samples, real, length)
            floor = ngram_floor(alternating, length, len(real))
            title = f"character {length}-grams"
            yield Figure(
                f"length_{length}", title, distance, real=floor, n=(len(real),), form=".4f"
            )


def _verbatim(samples: Sequence[str], real: Sequence[str], corpus: Corpus) -> Iterator[Figure]:
    n = (len(samples), len(real)) if real else (len(samples),)
    longest = longest_copies([*samples, *real], corpus())
    ours, theirs = longest[: len(samples)], longest[len(samples) :]
    rows: tuple[tuple[str, str, Callable[[NDArray[np.int64]], float]], ...] = (
        ("median", "longest copy, characters: median", lambda of: float(np.median(of))),
        ("p95", "longest copy, 95th percentile", _percentile_95),
        ("longest", "longest copy of all texts", lambda of: float(of.max())),
    )
    for key, title, summarise in rows:
        beside = summarise(theirs) if real else None
        yield Figure(key, title, summarise(ours), real=beside, n=n, form=".0f")
    shares = copied_share(samples, corpus(), _PASSAGES)
    real_shares = copied_share(real, corpus(), _PASSAGES) if real else {}
    for length, share in shares.items():
        title = f"characters in copies of {length} or more"
        beside = real_shares.get(length)
        yield Figure(f"share_{length}", title, share, real=beside, n=n, form=".1%")


def _percentile_95(lengths: NDArray[np.int64]) -> float:
    return float(np.quantile(lengths, 0.95, method="inverted_cdf"))
