"""Agreement with words, and the variety that it costs, at several strengths of guidance."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from dataclasses import replace
from typing import Any

from sfumato.errors import SettingError
from sfumato.evaluation.features import Features
from sfumato.evaluation.of.view import View
from sfumato.evaluation.result import Figure, Section
from sfumato.evaluation.variety import RealSplit, variety_section
from sfumato.evaluation.words import Agreement, of_prompts
from sfumato.metrics.extractor import Extractor
from sfumato.metrics.retrieval import Retrieval
from sfumato.model.conditioned import words_name
from sfumato.runs.progress import Progress

_VARIETY = ("recall", "coverage")
_ABOUT = (
    "Samples from the same captions of held-out items at each strength of guidance. More guidance "
    "makes samples agree with their words, and more alike. Agreement is that with captions of "
    "held-out items above. Recall and coverage are those of variety above, but of fewer samples; "
    "the column 'real' is of as many real items."
)


def require_scales(view: View) -> None:
    """Refuse strengths of guidance that cannot be measured, before any work is done.

    Raises:
        SettingError: The run takes no words, or a strength is given twice or is not possible.
    """
    scales = view.options.scales
    if scales and words_name(view.model.spec) is None:
        raise SettingError(
            f"Agreement with words cannot be measured for the run '{view.model.directory.name}'.",
            why="it was trained without captions",
            hint="leave out scales; one strength of guidance is an option of every run: scale.",
        )
    if len(set(scales)) != len(scales):
        raise SettingError(
            "Each strength of guidance can be measured only once.", why=f"given: {list(scales)}"
        )
    for scale in scales:
        view.request_of(1, scale=scale)


def scale_sections(
    view: View,
    extractors: Sequence[Extractor[Any]],
    features: Sequence[Features],
    groups: Sequence[str],
    words: Agreement,
) -> Generator[Progress, None, list[Section]]:
    """Measure agreement and variety at the strengths of the options; yields progress.

    Args:
        view: The view of a model.
        extractors: Extractors of items, the principal one first.
        features: Features by each of them.
        groups: Group of each real item, training items first.
        words: The agreement of samples of the usual strength.

    Returns:
        A section; none without strengths, or where agreement could not be measured.
    """
    scales, judge = view.options.scales, words.judge
    if not scales or judge is None or words.of_each is None:
        return []
    split = RealSplit.of(groups, len(words.prompts), view.options.seed)
    figures: list[Figure] = []
    for scale in scales:
        items = yield from of_prompts(
            view, words.prompts, f"held-out captions at scale {scale:g}", scale=scale
        )
        found = judge(extractors[judge.number](items), words.prompts)
        principal = replace(features[0], samples=extractors[0](items))
        variety = variety_section(principal, split).figures
        figures += _of_scale(f"{scale:g}", found, variety)
    identity = f"{judge.identity} {features[0].identity}"
    return [Section("scales", "strength of guidance", _ABOUT, tuple(figures), identity)]


def _of_scale(scale: str, found: Retrieval, variety: Sequence[Figure]) -> Iterator[Figure]:
    share = found.share, found.low, found.high
    key, title = f"agreement/{scale}", f"agreement at {scale}"
    yield Figure(key, title, *share, n=(found.n,), form=".1%")
    for figure in variety:
        if figure.key in _VARIETY:
            key, title = f"{figure.key}/{scale}", f"{figure.title} at {scale}"
            yield replace(figure, key=key, title=title)
