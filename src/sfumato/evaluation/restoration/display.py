"""Pictures and sounds of a trial: the truth, what is observed, and restorations."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from sfumato.evaluation.display import AudioClips, Display, Images, Line, Plot
from sfumato.evaluation.of.audio import waveforms
from sfumato.evaluation.of.numbers import NumberView
from sfumato.evaluation.restoration.likeness import sound_of
from sfumato.evaluation.restoration.outcome import Outcome, Outcomes
from sfumato.evaluation.result import Section
from sfumato.media.audio.medium import AudioMedium
from sfumato.media.display import png

_ROWS, _SINGLE = 8, 3
_COLUMNS = "in each row: the truth, what is observed, three samples, the mean of all samples"


def displays_of(outcomes: Outcomes, view: NumberView, sections: list[Section]) -> Iterator[Display]:
    """The displays of a trial.

    Args:
        outcomes: The items and their restorations.
        view: The medium as an evaluation sees it.
        sections: The sections of the trial.
    """
    title, each = f"restore: {outcomes.trial.name}", outcomes.each[:_ROWS]
    if isinstance(view.model.medium, AudioMedium):
        yield from _sounds(title, outcomes, view)
    elif view.are_images:
        rows = torch.cat([torch.cat([*_row(one, outcomes), _deviation(one)]) for one in each])
        columns = len(rows) // len(each)
        about = f"{_COLUMNS}, and their standard deviation (white is the largest possible)"
        content = view.sheet(view.finished(view.model.medium.decode(rows), ()), columns)
        yield Images(title, about, ((title, content),))
    for section in sections:
        yield from _histograms(section)


def _row(one: Outcome, outcomes: Outcomes) -> list[Tensor]:
    observed = outcomes.trial.shown(one.values, one.operator)
    return [one.truth, observed, one.samples[:_SINGLE], one.mean]


def _deviation(one: Outcome) -> Tensor:
    """The standard deviation as encoded data: that of two equally likely extremes is 1."""
    return 2 * one.samples.std(0, keepdim=True, correction=0) - 1


def _sounds(title: str, outcomes: Outcomes, view: NumberView) -> Iterator[Display]:
    medium, clips, captions, players = view.model.medium, [], [], []
    names = ("truth", "observed", *(f"sample {k}" for k in range(_SINGLE)), "mean")
    for one in outcomes.each[:_ROWS]:
        _, observed, samples, mean = _row(one, outcomes)
        sounds = sound_of(view, torch.cat([observed, samples, mean]))
        row = list(torch.cat([waveforms(one.item), sounds]).clamp(-1, 1).numpy())
        clips += row
        own = [*names[: 1 + len(row) - 2], names[-1]]
        captions += own
        players += [
            (f"{one.place} {name}", medium.encoded(clip))
            for name, clip in zip(own[:-1], row[:-1], strict=True)
        ]
    columns = len(clips) // min(len(outcomes.each), _ROWS)
    sheet = png(medium.sheet(clips, captions, columns=columns))
    yield Images(title, f"waveforms over mel spectrograms, {_COLUMNS}", ((title, sheet),))
    deviation = _spread_over_time(outcomes)
    yield Plot(
        f"{title}, where the model is uncertain",
        "Standard deviation of the samples, averaged over items and frequencies.",
        "share of the window", "standard deviation of the encoding",
        (Line("samples", *deviation),),
    )  # fmt: skip
    shown = players[: 3 * (columns - 1)]
    yield AudioClips(f"{title}, to listen to", "the first three items", tuple(shown))


def _spread_over_time(outcomes: Outcomes) -> tuple[tuple[float, ...], tuple[float, ...]]:
    spreads = [one.samples.std(0, correction=0).square() for one in outcomes.each]
    found: NDArray[np.float64] = torch.stack(spreads).flatten(0, -2).double().mean(0).sqrt().numpy()
    places = np.linspace(0.0, 1.0, len(found))
    return tuple(places.tolist()), tuple(found.tolist())


def _histograms(section: Section) -> Iterator[Display]:
    """The histograms of a section in one plot."""
    if not section.histograms:
        return
    count = len(section.histograms[0].shares)
    ranks = tuple(float(rank) for rank in range(count))
    expected = section.histograms[0].expected
    yield Plot(
        f"{section.title}: ranks of the truth",
        "How often the truth has each rank among the samples. Samples that are too sure make the "
        "ends high, samples that are too varied the middle.",
        "number of samples below the truth", "share",
        (
            *(Line(one.title, ranks, one.shares) for one in section.histograms),
            Line("exact samples", ranks, (expected,) * count),
        ),
    )  # fmt: skip
