"""Evaluate a model of any medium: from options to a result.

The evaluation is the same for all media. What a medium does in its own way, it does in its view,
see :mod:`sfumato.evaluation.of`.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from torch import Tensor

from sfumato.errors import SettingError
from sfumato.evaluation.classes import classify
from sfumato.evaluation.copies import copies_section, find_copies
from sfumato.evaluation.display import Display, training_plots
from sfumato.evaluation.distance import distance_section
from sfumato.evaluation.features import Features, Sets, extract_each
from sfumato.evaluation.fields import field_sections
from sfumato.evaluation.of import view_of
from sfumato.evaluation.real import require_enough
from sfumato.evaluation.result import Report, Section
from sfumato.evaluation.scales import require_scales, scale_sections
from sfumato.evaluation.variety import RealSplit, variety_section
from sfumato.evaluation.words import Agreement, agreement
from sfumato.metrics.extractor import Extractor
from sfumato.metrics.memorisation import Memorisation
from sfumato.model.model import Model
from sfumato.model.options import EvaluateOptions
from sfumato.runs.progress import Progress


class Resample(Protocol):
    """Makes other samples and extracts their features by the principal extractor."""

    def __call__(self, n: int, steps: int, what: str) -> Generator[Progress, None, Tensor]:
        """Features of ``n`` samples that are made in ``steps`` evaluations, shape (n, d)."""
        ...


@dataclass(frozen=True)
class Evaluation:
    """The result of an evaluation.

    Attributes:
        report: The figures.
        displays: What a page shows next to them.
        features: Features by each extractor; the principal extractor is the first.
        bits: Bits of each held-out item whose likelihood was measured, in the unit of the report,
            shape (B,). The items are the same for all runs on the same data. None if nothing was
            held out.
        correct: Which samples a classifier assigns to the requested class, bool, shape (n,); None
            without classes.
        resample: Makes samples in another number of evaluations.
        words: The agreement of samples with words; without sections for a run without words.
    """

    report: Report
    displays: tuple[Display, ...]
    features: tuple[Features, ...]
    bits: Tensor | None
    correct: Tensor | None
    resample: Resample
    words: Agreement = field(default_factory=Agreement)


def evaluate(
    model: Model[Any], options: EvaluateOptions | None = None
) -> Generator[Progress, None, Evaluation]:
    """Evaluate a model; yields progress.

    The result is a function of the weights, the data and the options.

    Args:
        model: Model of a run.
        options: What to measure.

    Raises:
        SettingError: A value is out of range, or an option of another medium.
        DataError: The data are gone, or there are too few.
        RunError: The data are not those that the run was started with.
        MissingExtra: An option needs a package that is not installed.
    """
    options = EvaluateOptions() if options is None else options
    view = view_of(model)(model, options)
    request = view.request
    require_scales(view)
    real = yield from view.real()
    require_enough(model, real)
    samples = yield from view.sample(request)
    extractors = _different([*view.extractors(real), *view.requested])
    if not extractors:
        raise SettingError(
            "There are no features of these items.",
            why=f"no extractor of this package takes items of the run '{model.directory.name}'",
            hint="pass an extractor of your own: run.evaluate(extractors=[...]).",
        )
    sets = Sets(samples.items, real.training, real.held_out)
    features = yield from extract_each(extractors, sets, view.prepare, request.n)
    sections, copies = yield from measure(features, real.groups, options.seed)
    classes = classify(features[0], samples.labels, real, model.spec.data.classes)
    likelihood = yield from view.likelihood(real)
    own, own_displays = yield from view.own(samples, real)
    words = yield from agreement(view, extractors, features, real)
    by_scale = yield from scale_sections(view, extractors, features, real.groups, words)
    fields = yield from field_sections(view, extractors[0], features[0], samples, real)
    compared = [*sections, *classes.sections, *fields, *words.sections, *by_scale]
    sections = view.arranged(compared, likelihood.section, own)
    report = Report(
        run=model.directory.name,
        medium=model.medium.name,
        model=model.fingerprint,
        snapshot=model.snapshot,
        step=model.step,
        seed=options.seed,
        split=real.split,
        sampling=view.sampling(),
        sections=tuple(sections),
        notes=tuple(view.notes(real, own)),
    )
    displays = (
        *view.displays(samples, real, copies),
        *own_displays,
        *training_plots(model.directory),
    )

    def resample(n: int, steps: int, what: str) -> Generator[Progress, None, Tensor]:
        others = yield from view.sample(request.changed(n, steps), what)
        return extractors[0](view.prepare(others.items))

    return Evaluation(
        report, displays, features, likelihood.of_each, classes.correct, resample, words
    )


def measure(
    features: Sequence[Features], groups: Sequence[str], seed: int
) -> Generator[Progress, None, tuple[list[Section], Memorisation]]:
    """Measure distances by every extractor, copies and variety by the first one.

    Args:
        features: Features of samples and real items, by the principal extractor first.
        groups: Group of each real item, training items first; a group is never divided.
        seed: Seed of everything that is drawn.

    Returns:
        The sections, and the training items that are nearest to the samples.
    """
    sections = []
    for one in features:
        yield Progress(f"comparing by {one.name}: samples", 0, len(one.samples))
        sections.append(distance_section(one, groups, seed))
    principal = features[0]
    copies = find_copies(principal)
    sections.append(copies_section(principal, copies))
    split = RealSplit.of(groups, len(principal.samples), seed)
    sections.append(variety_section(principal, split))
    return sections, copies


def _different(extractors: Iterable[Extractor[Any]]) -> list[Extractor[Any]]:
    """The extractors without those that are equal to an earlier one."""
    found: dict[tuple[str, str], Extractor[Any]] = {}
    for extractor in extractors:
        found.setdefault((extractor.name, extractor.identity), extractor)
    return list(found.values())
