"""What a report says, in a few sentences: as far as its intervals allow, and no further."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from sfumato.evaluation.report import Figure, Report

_UNSURE = "Nothing was held out, or too little: "
_BALLS = 0.05


def summary(report: Report) -> tuple[str, ...]:
    """Is it good, does it copy, has it over-fitted, is something missing: a sentence each.

    All are about the principal extractor, that of the first distance.
    """
    figures = dict(report.figures())
    name = next(section.key for section in report.sections if section.key.startswith("distance/"))
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
        yield f"{_UNSURE}whether samples are like items that the model never saw cannot be told."
        return
    halves = figures.get(f"distance/{extractor}/halves_95")
    usual = 0.0 if halves is None or halves.value is None else halves.value
    floor = max(found.real or 0.0, usual)
    if found.low <= floor:
        yield (
            f"By {extractor}, samples cannot be told from items that the model never saw: "
            f"distance {found.text}, and real items differ by up to {floor:.3f} themselves."
        )
    else:
        yield (
            f"By {extractor}, samples differ from items that the model never saw: distance "
            f"{found.text}, where real items differ by up to {floor:.3f} themselves."
        )


def _variety(figures: Mapping[str, Figure], extractor: str) -> Iterator[str]:
    recall, coverage, repeated = (
        figures.get(f"variety/{extractor}/{key}") for key in ("recall", "coverage", "repeated")
    )
    if recall is None or coverage is None or repeated is None:
        return
    missing = sorted(map(_shortfall, (recall, coverage)), key=lambda found: -found[0])
    short, figure = missing[0]
    if short > 0:
        yield (
            f"Kinds are missing: {figure.title} {figure.value_text}, where as many real items in "
            f"the place of the samples reach {figure.real_text}."
        )
    if repeated.low is not None and repeated.real is not None and repeated.low > repeated.real:
        yield f"{repeated.value_text} of the samples repeat another one."
    elif short <= 0:
        yield f"Samples are as varied as real items: their {recall.title} is {recall.value_text}."


def _shortfall(figure: Figure) -> tuple[float, Figure]:
    """How far a share is below that of real items, beyond what its interval and the balls allow.

    The interval takes the balls around items as they are; that they could be others is worth some
    points more.
    """
    if figure.high is None or figure.real is None:
        return 0.0, figure
    return figure.real - figure.high - _BALLS, figure


def _copies(figures: Mapping[str, Figure], extractor: str) -> Iterator[str]:
    called = figures.get(f"copies/{extractor}/called")
    if called is None or called.value is None:
        yield f"{_UNSURE}whether samples are copies cannot be told."
        return
    if called.value > 0:
        share = called.value_text
        yield f"{share} of the samples are called copies of training items: look at them."
    elif called.flag is not None:
        yield f"No sample is called a copy; {called.flag}."
    else:
        yield "No sample is called a copy of a training item."
    nearer = figures[f"copies/{extractor}/nearer"]
    if nearer.low is not None and nearer.real is not None and nearer.low > nearer.real:
        yield (
            f"All in all samples are nearer to training items than held-out items are, in "
            f"{nearer.value_text} of the pairs: they are bland, or learnt by heart."
        )


def _likelihood(figures: Mapping[str, Figure]) -> Iterator[str]:
    gap = figures.get("likelihood/gap")
    if gap is None or gap.low is None or gap.high is None:
        return
    if gap.low > 0:
        yield (
            f"Held-out items need {gap.text} bits more than those trained on: that is "
            "over-fitting, unless they are harder by themselves."
        )
    else:
        yield "No over-fitting to be seen: held-out items are as likely as those trained on."
