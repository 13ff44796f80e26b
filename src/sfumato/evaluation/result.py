"""The result of an evaluation: a report, which has the same form for every medium.

A report is a list of sections, and a section is a list of figures. Each figure has its confidence
interval, the number of items behind it, and the same figure of real items. The terminal, the JSON
file, the page and a comparison are all made from a report, without knowledge of the medium.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import sfumato

FORMAT = 2
_UNKNOWN = "There are no held-out items, or too few of them, so it is unknown whether"
# Recall and coverage may be this far below those of real items before kinds are called missing.
_TOLERANCE = 0.05
# Residual of restorations above which they contradict what is known.
_CONTRADICTS = 2.0


@dataclass(frozen=True)
class Figure:
    """One measured number.

    Attributes:
        key: Unique in its section and the same in every report, such as ``held_out``.
        title: What is measured, in a few words.
        value: The number; None if it cannot be computed, and then ``flag`` gives the reason.
        low, high: Bounds of the 95 % confidence interval; None if unknown.
        real: The same figure of real items, and of as many of them where the number of items
            matters: what a perfect model would reach. None if there is none.
        n: Numbers of items that it was measured on: one number, or one for each of two sets.
        form: Format specification for printing, such as ``.3f`` or ``.1%``.
        flag: Why the number is not reliable, or why it is missing; None if there is no doubt.
    """

    key: str
    title: str
    value: float | None
    low: float | None = None
    high: float | None = None
    real: float | None = None
    n: tuple[int, ...] = ()
    form: str = ".3f"
    flag: str | None = None

    @property
    def value_text(self) -> str:
        """The number as printed, or a dash."""
        return "-" if self.value is None else format(self.value, self.form)

    @property
    def text(self) -> str:
        """The number as printed, with its interval if there is one, or a dash."""
        value = self.value_text
        if self.low is None or self.high is None:
            return value
        return f"{value} ({format(self.low, self.form)} to {format(self.high, self.form)})"

    @property
    def real_text(self) -> str:
        """The figure of real items as printed, or a dash."""
        return "-" if self.real is None else format(self.real, self.form)

    @property
    def n_text(self) -> str:
        """The numbers of items as printed."""
        return ", ".join(f"{n:,}" for n in self.n)


@dataclass(frozen=True)
class Histogram:
    """How often each of several outcomes was found.

    Attributes:
        title: What was counted.
        shares: The share of each outcome; they sum to 1.
        expected: The share of each that is expected.
    """

    title: str
    shares: tuple[float, ...]
    expected: float


@dataclass(frozen=True)
class Section:
    """Figures that belong together.

    Attributes:
        key: Unique in the report and the same in every report of a medium, such as
            ``distance/log-mel``.
        title: Heading of the section, such as ``distance, log-mel``.
        about: One or two sentences on how to read the figures.
        figures: At least one figure.
        extractor: Identity of the extractor whose features were measured; None if there was none.
        beside: What stands beside the figures, as the head of a column.
        histograms: Histograms that belong to the figures.
    """

    key: str
    title: str
    about: str
    figures: tuple[Figure, ...]
    extractor: str | None = None
    beside: str = "real"
    histograms: tuple[Histogram, ...] = ()


@dataclass(frozen=True)
class Split:
    """The real items that samples were compared with.

    Attributes:
        source: Name of the folder, or name in the catalogue, of the training data.
        training: Number of training items.
        held_out: Number of items that the model has never seen and samples were compared with.
        held_out_source: Where these items come from, if they were not held out of ``source``.
        fingerprint: Fingerprint of the training data.
    """

    source: str
    training: int
    held_out: int
    held_out_source: str | None
    fingerprint: str


@dataclass(frozen=True)
class Report:
    """The figures of one evaluation.

    Attributes:
        run: Name of the run.
        medium: Name of the medium, such as ``image``.
        model: Fingerprint of the weights.
        snapshot: Which weights of the run, ``latest`` or ``best``.
        step: Optimiser steps behind the weights; None if unknown.
        seed: Seed of everything that was drawn.
        split: The real items.
        sampling: How the samples were made.
        sections: What was measured.
        notes: Remarks that a reader needs to interpret the figures.
    """

    run: str
    medium: str
    model: str
    snapshot: str
    step: int | None
    seed: int
    split: Split
    sampling: dict[str, Any]
    sections: tuple[Section, ...]
    notes: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """The report as plain data."""
        return {"format": FORMAT, "sfumato": sfumato.__version__, **asdict(self)}

    def figures(self) -> Iterator[tuple[str, Figure]]:
        """All figures, each with its full key: ``section/figure``."""
        for section in self.sections:
            for figure in section.figures:
                yield f"{section.key}/{figure.key}", figure

    def __getitem__(self, key: str) -> Figure:
        """A figure by its full key.

        Raises:
            KeyError: There is no such figure.
        """
        return dict(self.figures())[key]


def summary(report: Report) -> tuple[str, ...]:
    """A report in a few sentences, which claim no more than the intervals allow.

    They say whether samples are like real items, whether kinds of items are missing, whether
    samples are copies, and whether the model has overfitted. All features are those of the
    principal extractor, that of the first distance. Of restorations they say how sure they are.
    """
    figures = dict(report.figures())
    distances = (section.key for section in report.sections if section.key.startswith("distance/"))
    name = next(distances, None)
    if name is None:
        return tuple(_restoration(figures))
    extractor = name.removeprefix("distance/")
    return (
        *_distance(figures, extractor),
        *_variety(figures, extractor),
        *_copies(figures, extractor),
        *_likelihood(figures),
    )


def _distance(figures: Mapping[str, Figure], extractor: str) -> Iterator[str]:
    found = figures[f"distance/{extractor}/held_out"]
    if found.value is None or found.low is None:
        yield f"{_UNKNOWN} samples are like items that the model has never seen."
        return
    halves = figures.get(f"distance/{extractor}/halves_95")
    usual = 0.0 if halves is None or halves.value is None else halves.value
    floor = max(found.real or 0.0, usual)
    if found.low <= floor:
        yield (
            f"By {extractor}, samples cannot be distinguished from items that the model has never "
            f"seen: the distance is {found.text}, and real items differ by up to {floor:.3f} from "
            "each other."
        )
    else:
        yield (
            f"By {extractor}, samples differ from items that the model has never seen: the "
            f"distance is {found.text}, while real items differ by up to {floor:.3f} from each "
            "other."
        )


def _variety(figures: Mapping[str, Figure], extractor: str) -> Iterator[str]:
    recall, coverage, repeated = (
        figures.get(f"variety/{extractor}/{key}") for key in ("recall", "coverage", "repeated")
    )
    if recall is None or coverage is None or repeated is None:
        return
    short, figure = max(map(_shortfall, (recall, coverage)), key=lambda found: found[0])
    if short > 0:
        yield (
            f"Some kinds of items are missing: {figure.title} is {figure.value_text}, while as "
            f"many real items reach {figure.real_text}."
        )
    if repeated.low is not None and repeated.real is not None and repeated.low > repeated.real:
        yield f"{repeated.value_text} of the samples repeat another sample."
    elif short <= 0:
        yield f"Samples are as varied as real items: their {recall.title} is {recall.value_text}."


def _shortfall(figure: Figure) -> tuple[float, Figure]:
    """How far a share is below that of real items, beyond its interval and a tolerance.

    The interval takes the neighbourhoods of the items as fixed. The tolerance allows for these
    neighbourhoods being estimates themselves.
    """
    if figure.high is None or figure.real is None:
        return 0.0, figure
    return figure.real - figure.high - _TOLERANCE, figure


def _copies(figures: Mapping[str, Figure], extractor: str) -> Iterator[str]:
    detected = figures.get(f"copies/{extractor}/called")
    if detected is None or detected.value is None:
        yield f"{_UNKNOWN} samples are copies."
        return
    if detected.value > 0:
        share = detected.value_text
        yield f"{share} of the samples were detected as copies of training items: look at them."
    elif detected.flag is not None:
        yield f"No sample was detected as a copy, but {detected.flag}."
    else:
        yield "No sample was detected as a copy of a training item."
    nearer = figures[f"copies/{extractor}/nearer"]
    if nearer.low is not None and nearer.real is not None and nearer.low > nearer.real:
        yield (
            f"Overall, samples are closer to training items than held-out items are, in "
            f"{nearer.value_text} of the pairs: either they lack detail, or they are memorised."
        )


def _likelihood(figures: Mapping[str, Figure]) -> Iterator[str]:
    gap = figures.get("likelihood/gap")
    if gap is None or gap.low is None or gap.high is None:
        return
    if gap.low > 0:
        yield (
            f"Held-out items need {gap.text} bits more than training items: this is overfitting, "
            "unless the held-out items are harder in themselves."
        )
    else:
        yield "There is no sign of overfitting: held-out items are as likely as training items."


def _restoration(figures: Mapping[str, Figure]) -> Iterator[str]:
    end = "/calibration/functionals_coverage_90"
    for key, found in figures.items():
        if not key.endswith(end) or found.value is None or found.real is None:
            continue
        trial = key.removesuffix(end).removeprefix("restore/")
        residual = figures[f"restore/{trial}/residual"]
        if residual.value is not None and residual.value > _CONTRADICTS:
            yield (
                f"{trial}: restorations contradict what is known: their residual is "
                f"{residual.value_text}, and 1 is expected. More steps or particles may help."
            )
            continue
        verdict = "there is no sign that restorations are too sure or too varied"
        if found.high is not None and found.high < found.real:
            verdict = "restorations are too sure"
        elif found.low is not None and found.low > found.real:
            verdict = "restorations are more varied than they should be"
        yield (
            f"{trial}: {verdict}: intervals that should contain {found.real_text} of the truth "
            f"contain {found.text}."
        )
