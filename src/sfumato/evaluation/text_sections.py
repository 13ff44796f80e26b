"""What texts alone are measured by: spelling, n-grams, verbatim copies, molecules."""

from __future__ import annotations

from collections.abc import Iterator

from sfumato.evaluation.report import Figure, Section
from sfumato.evaluation.text_quality import Compared, Copies, Ngrams, Quality
from sfumato.metrics.molecules import Molecules

_FEW = 32


def text_sections(quality: Quality, molecules: Molecules | None) -> Iterator[Section]:
    """The sections of samples that were measured."""
    yield Section(
        "texts",
        "texts",
        "Samples beside held-out texts of the same lengths. Less entropy than real text is "
        "repetition; fewer known words is bad spelling.",
        tuple(_texts(quality)),
    )
    if quality.ngrams:
        yield Section(
            "ngrams",
            "distance of n-grams, bits",
            "Jensen-Shannon divergence of runs of characters, 0 = alike; beside it the same "
            "between two sets of real texts.",
            tuple(map(_ngram, quality.ngrams)),
        )
    yield Section(
        "verbatim",
        "copied word for word",
        "The longest piece of training text that a text repeats exactly. Real texts repeat each "
        "other too: longer copies than theirs are learnt by heart.",
        tuple(_verbatim(quality.copies, quality.real_copies)),
    )
    if molecules is not None:
        yield Section(
            "molecules",
            "molecules",
            "Each share is of what the one before leaves.",
            tuple(_molecules(molecules)),
        )


def _texts(quality: Quality) -> Iterator[Figure]:
    yield _beside("token_entropy", "token entropy, bits", quality.token_entropy, ".3f")
    yield _beside("pooled_entropy", "the same, pooled", quality.pooled_token_entropy, ".3f")
    if quality.known_words is not None:
        yield _beside("known_words", "known words", quality.known_words, ".1%")
    yield _beside("duplicates", "duplicates", quality.duplicates, ".1%")


def _beside(key: str, title: str, found: Compared, form: str) -> Figure:
    few = f"only {found.n} samples" if found.n < _FEW else None
    if found.real_n < found.n:
        few = f"there are held-out texts for {found.real_n} of the {found.n} samples only"
    return Figure(
        key, title, found.samples, real=found.real, n=(found.n, found.real_n), form=form, flag=few
    )


def _ngram(found: Ngrams) -> Figure:
    key, title = f"length_{found.length}", f"runs of {found.length}"
    return Figure(key, title, found.distance, real=found.floor, n=(found.n,), form=".4f")


def _verbatim(samples: Copies, real: Copies | None) -> Iterator[Figure]:
    n = (samples.n,) if real is None else (samples.n, real.n)
    rows: tuple[tuple[str, str], ...] = (
        ("median", "longest copy, characters: median"),
        ("p95", "95 % of the texts, at most"),
        ("longest", "of any text"),
    )
    for key, title in rows:
        beside = None if real is None else float(getattr(real, key))
        yield Figure(key, title, float(getattr(samples, key)), real=beside, n=n, form=".0f")
    for length, share in samples.share.items():
        beside = None if real is None else real.share[length]
        title = f"in copies of {length} or more"
        yield Figure(f"share_{length}", title, share, real=beside, n=n, form=".1%")


def _molecules(found: Molecules) -> Iterator[Figure]:
    of = found.count
    for name in ("valid", "unique", "novel"):
        share: float = getattr(found, name)
        yield Figure(name, name, share, n=(of,), form=".1%")
        of = round(of * share)
