"""The course of an evaluation of pictures or sounds."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Generator, Iterator, Sequence
from dataclasses import replace
from typing import Any, Generic, TypeVar

from numpy.typing import NDArray
from torch import Tensor

from sfumato.evaluation.asked import Asked
from sfumato.evaluation.classes import judged
from sfumato.evaluation.curves import curve_plots
from sfumato.evaluation.exhibits import Exhibit
from sfumato.evaluation.findings import Findings, reported, require_enough
from sfumato.evaluation.judgement import judgement
from sfumato.evaluation.likelihoods import of_signals
from sfumato.evaluation.real import Real, real_of
from sfumato.evaluation.report import Section
from sfumato.evaluation.sampled import AT_ONCE, Sampled, sampled, sampling_of
from sfumato.evaluation.seen import Sets, look
from sfumato.media.numbers import GaussianData
from sfumato.metrics.extractor import Extractor
from sfumato.metrics.memorisation import Memorisation
from sfumato.model.numbers import GaussianModel
from sfumato.runs.measuring import Measuring

ModelT = TypeVar("ModelT", bound=GaussianModel[Any])


class View(ABC, Generic[ModelT]):
    """How one medium is looked at.

    Attributes:
        medium: Its name, ``pictures`` or ``sounds``.
        data: The class of its data.
        n: Samples by default.
    """

    medium: str
    data: type[GaussianData[Any, Any]]
    n: int

    @abstractmethod
    def extractors(self, model: ModelT, real: Real) -> Sequence[Extractor[Any]]:
        """What features are taken by default, the principal first."""

    @abstractmethod
    def given(self, path: str) -> Extractor[Any]:
        """The extractor in a user's ONNX file."""

    @abstractmethod
    def form(self, model: ModelT, items: NDArray[Any]) -> Any:
        """Items as extractors take them: decoded samples, or real ones from the cache."""

    @abstractmethod
    def finished(self, model: ModelT, made: Sampled) -> Sampled:
        """Samples as they would be written."""

    @abstractmethod
    def own(
        self, model: ModelT, made: Sampled, real: Real, asked: Asked
    ) -> Generator[Measuring, None, tuple[list[Section], list[Exhibit]]]:
        """What is measured of this medium alone, and what is shown of that."""

    @abstractmethod
    def exhibits(
        self, model: ModelT, made: Sampled, real: Real, found: Memorisation
    ) -> Iterator[Exhibit]:
        """What is to be looked at or listened to."""


def evaluate(
    model: ModelT, view: View[ModelT], asked: Asked, extractors: Sequence[Extractor[Any]] = ()
) -> Generator[Measuring, None, Findings]:
    """Evaluate a model; yields progress.

    The findings are a function of the weights, the data and what is asked.

    Args:
        model: Of a run.
        view: Of its medium.
        asked: What to measure.
        extractors: More of them, beside the medium's own and those named in ``asked``.

    Raises:
        SettingError: A value is out of range.
        DataError: The data are gone.
        RunError: They are not what the run began with.
    """
    wanted = asked.of(view.medium, n=view.n, rows=256, draws=16)
    request = model.request(wanted.n, batch=AT_ONCE, **asked.request("label", "scale"))
    given = [view.given(path) for path in asked.extractors]
    real = yield from real_of(model, view.data, asked.data)
    require_enough(model, len(real.training))
    made = view.finished(model, (yield from sampled(model, request)))
    ways = [*view.extractors(model, real), *given, *extractors]
    sets = Sets(made.items, real.training, real.held_out)
    seen = yield from look(ways, sets, lambda items: view.form(model, items), wanted.n)
    sections, found = yield from judgement(seen, real.groups, asked.seed)
    verdicts = judged(seen[0], made.labels, real, model.spec.data.classes)
    sections += verdicts.sections
    bits = yield from of_signals(model, view.medium, real, wanted, asked.seed)
    own, shown = yield from view.own(model, made, real, asked)
    sections += [bits.section, *own]
    notes = _notes(real, asked)
    report = reported(model, asked.seed, real.split, sampling_of(request), sections, notes)
    exhibits = (*view.exhibits(model, made, real, found), *shown, *curve_plots(model.directory))

    def again(n: int, steps: int, what: str) -> Generator[Measuring, None, Tensor]:
        other = replace(request, n=n, steps=steps)
        anew = view.finished(model, (yield from sampled(model, other, what)))
        return ways[0](view.form(model, anew.items))

    return Findings(report, exhibits, seen, bits.of_each, verdicts.hits, again)


def _notes(real: Real, asked: Asked) -> Iterator[str]:
    if asked.label is not None:
        yield (
            f"all samples are of '{asked.label}' and real items of all classes: distances are large"
        )
    if real.left_out:
        yield (
            f"{real.split.training:,} training items were looked at; copies of the "
            f"{real.left_out:,} others are not seen"
        )
    if not real.split.held_out:
        yield "nothing was held out, so copies cannot be told from good samples"
    if real.split.held_out_source is not None:
        yield f"'held-out' means the items of {real.split.held_out_source}"
