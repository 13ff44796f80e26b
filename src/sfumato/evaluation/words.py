"""Whether samples agree with the words they were made from: the right caption is retrieved."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from sfumato.errors import DataError
from sfumato.evaluation.captions import AMONG, Captioned, Judge, plain, shuffled
from sfumato.evaluation.features import Features
from sfumato.evaluation.of.view import View
from sfumato.evaluation.real import Real
from sfumato.evaluation.result import Figure, Section
from sfumato.metrics.extractor import Extractor
from sfumato.metrics.retrieval import Retrieval
from sfumato.model.conditioned import words_name
from sfumato.runs.progress import Progress

KEY = "agreement"
"""Key of the section of a report."""
MOST = 256
"""At most this many samples are made from captions of held-out items, and of training items."""
_TITLE = "agreement with words"
# The alignment never sees one in this many of the training items, so that they can be judged.
_LEFT_OUT = 5
_ABOUT = (
    f"How often the caption that a sample was made from ranks first among {AMONG} different "
    "captions, by an alignment of {items} and {words} that was learnt from training items and "
    f"their captions. Chance is {1 / AMONG:.1%}. The column 'real' is the same for the real items "
    "of these captions, which were left out of the alignment: it shows how reliable the alignment "
    "is. Captions of other items are wrong, so their figure is what words that are not obeyed "
    "would reach."
)
_UNSEEN, _KNOWN, _WRONG = (
    "captions of held-out items",
    "captions of training items",
    "captions of other items",
)


@dataclass(frozen=True)
class Agreement:
    """How well samples agree with words.

    Attributes:
        sections: For the report; none for a run without words.
        prompts: Captions of held-out items that samples were made from.
        of_each: The probability of each of these samples that its caption is retrieved, float64,
            shape (n,); None if it was not measured.
        judge: What measured it; None if nothing could be learnt.
    """

    sections: tuple[Section, ...] = ()
    prompts: tuple[str, ...] = ()
    of_each: Tensor | None = None
    judge: Judge | None = None


def agreement(
    view: View,
    extractors: Sequence[Extractor[Any]],
    features: Sequence[Features],
    real: Real[Any],
) -> Generator[Progress, None, Agreement]:
    """Measure the agreement of samples with words; yields progress.

    Args:
        view: The view of a model.
        extractors: Extractors of items.
        features: Features by each of them.
        real: The real items, with the values of their conditions.
    """
    name = words_name(view.model.spec)
    if name is None:
        return Agreement()
    most, seed = min(view.request.n, MOST), view.options.seed
    every = Captioned.of(real.training_values, name)
    unseen = Captioned.of(real.held_out_values, name).some(most)
    known = every.some(min(most, len(every.captions) // _LEFT_OUT))
    yield Progress("aligning items and captions: training items", 0, len(every.captions))
    try:
        judge = Judge.fit(features, every.without(real.groups, known), real.groups, seed)
    except DataError as error:
        figure = Figure("held_out", _UNSEEN, None, flag=error.what)
        return Agreement((Section(KEY, _TITLE, "It could not be measured.", (figure,)),))
    extract, beside = extractors[judge.number], features[judge.number]
    figures, of_each = [_missing(unseen)], None
    if unseen.different > 1:
        samples = extract((yield from of_prompts(view, unseen.captions, "held-out captions")))
        theirs = beside.held_out[unseen.places]
        found = judge(samples, unseen.captions)
        flag, of_each = _flag(found, unseen, every), found.of_each
        figures = [_figure("held_out", _UNSEEN, found, judge(theirs, unseen.captions), flag)]
        figures += _of_wrong(judge, samples, theirs, unseen.captions, seed)
    if known.different > 1:
        samples = extract((yield from of_prompts(view, known.captions, "training captions")))
        real_found = judge(beside.training[known.places], known.captions)
        figures.insert(1, _figure("training", _KNOWN, judge(samples, known.captions), real_found))
    about = _ABOUT.format(items=judge.items, words=judge.words.name)
    section = Section(KEY, _TITLE, about, tuple(figures), judge.identity)
    return Agreement((section,), unseen.captions, of_each, judge)


def of_prompts(
    view: View, prompts: Sequence[str], what: str, **changes: Any
) -> Generator[Progress, None, Any]:
    """One sample from each prompt, as extractors take them; yields progress.

    Options of sampling that are not changed are those of the evaluation.

    Args:
        view: The view of a model of words.
        prompts: Sample ``i`` is made from prompt ``i``.
        what: Name of the prompts in the progress.
        changes: Options of sampling to change.
    """
    request = view.request_of(len(prompts), **{"label": None, "prompts": tuple(prompts), **changes})
    samples = yield from view.sample(request, f"sampling from {what}")
    return view.prepare(samples.items)


def _of_wrong(
    judge: Judge, samples: Tensor, real: Tensor, captions: Sequence[str], seed: int
) -> list[Figure]:
    """The figure of wrong captions; none if all captions are equal."""
    places, wrong = shuffled(captions, seed)
    if len(set(map(plain, wrong))) < 2:
        return []
    return [_figure("shuffled", _WRONG, judge(samples[places], wrong), judge(real[places], wrong))]


def _figure(
    key: str, title: str, found: Retrieval, real: Retrieval, flag: str | None = None
) -> Figure:
    share = found.share, found.low, found.high
    if found.candidates < AMONG:
        flag = f"there are only {found.candidates} different captions: chance is {found.chance:.0%}"
    return Figure(key, title, *share, real.share, (found.n,), ".1%", flag)


def _missing(unseen: Captioned) -> Figure:
    why = "fewer than two different captions were held out"
    return Figure("held_out", _UNSEEN, None, n=(len(unseen.captions),), flag=why)


def _flag(found: Retrieval, unseen: Captioned, every: Captioned) -> str | None:
    """What makes the captions of held-out items easier than they should be."""
    trained = set(map(plain, every.captions))
    seen = sum(plain(caption) in trained for caption in unseen.captions)
    return f"{seen} of the {found.n} captions occur in training, too" if seen else None
