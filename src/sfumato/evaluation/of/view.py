"""The interface of a medium to evaluation and scoring."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Generic, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from sfumato.errors import SettingError
from sfumato.evaluation.display import Display
from sfumato.evaluation.likelihood import Likelihood
from sfumato.evaluation.result import Section
from sfumato.media.registry import require_own
from sfumato.metrics.extractor import Extractor
from sfumato.metrics.kernel_distance import LEAST
from sfumato.metrics.memorisation import Memorisation
from sfumato.model.checks import require_label, require_within
from sfumato.model.options import LARGEST, EvaluateOptions, SampleOptions, ScoreOptions
from sfumato.model.provenance import Made, Making, Provenance, Request
from sfumato.regular import require_regular
from sfumato.runs.progress import Progress

_MOST = 1_000_000
ItemT = TypeVar("ItemT")


@dataclass(frozen=True)
class Samples:
    """Samples to be measured.

    Attributes:
        items: n samples, in the form of the real items.
        labels: The requested classes, int64, shape (n,); None without classes.
        provenance: How each sample was made.
    """

    items: Any
    labels: Tensor | None
    provenance: tuple[Provenance, ...]


class View(ABC):
    """A medium as an evaluation sees it, for one model and one set of options.

    Args:
        model: Model of a run.
        options: What to measure.

    Attributes:
        n, rows, draws: Defaults of the options of these names.
        batch: Number of samples made at a time; None for as many as memory allows.
        recorded: Fields of the provenance of samples that a report names.
        scorer: Scores files of this medium.
        request: The request for the samples.
        requested: The extractors that the options name or contain.

    Raises:
        SettingError: A value is out of range, or an option of another medium.
        MissingExtra: An option needs a package that is not installed.
    """

    n: ClassVar[int]
    rows: ClassVar[int]
    draws: ClassVar[int]
    batch: ClassVar[int | None] = None
    recorded: ClassVar[tuple[str, ...]]
    scorer: ClassVar[type[Scorer[Any]]]

    def __init__(self, model: Any, options: EvaluateOptions) -> None:
        require_own(type(model.medium), options.verb, options.given())
        for name, least, most in (
            ("n", LEAST, _MOST),
            ("rows", 1, _MOST),
            ("draws", 1, _MOST),
            ("seed", 0, LARGEST),
        ):
            require_within(name, self._value(options, name), least, most)
        self.model = model
        self.options = options
        self.request: Request = self.request_of(self._value(options, "n"))
        for one in options.extractors:
            _require_extractor(one)
        # Fetched, or refused, before any work is done.
        self.requested: list[Extractor[Any]] = [
            self.extractor(str(one)) if isinstance(one, str | Path) else one
            for one in options.extractors
        ]

    def request_of(self, n: int, **changes: Any) -> Request:
        """A request for samples as the options describe them, with some options changed.

        Args:
            n: Number of samples.
            changes: Options of sampling.

        Raises:
            SettingError: The run takes no such option, or a value is out of range.
        """
        names = ("steps", "sampler", "label", "scale", "temperature", "top_p")
        given = self.options.given(*names)
        values = {"seed": self.options.seed, "batch": self.batch, **given, **changes}
        request: Request = self.model.request(SampleOptions(n, **values))
        return request

    @abstractmethod
    def extractor(self, name: str) -> Extractor[Any]:
        """The extractor of this name, or in the file of this path.

        Raises:
            SettingError: There is none for this medium.
            DataError: The file cannot be read.
        """

    @abstractmethod
    def real(self) -> Generator[Progress, None, Any]:
        """The real items, a :class:`~sfumato.evaluation.real.Real`; yields progress."""

    @abstractmethod
    def collected(self, batches: Sequence[Made]) -> Samples:
        """The samples in finished batches, as they would be stored."""

    @abstractmethod
    def extractors(self, real: Any) -> Sequence[Extractor[Any]]:
        """The extractors of this medium, the principal one first."""

    @abstractmethod
    def prepare(self, items: Any) -> Any:
        """Samples or real items as extractors take them."""

    @abstractmethod
    def likelihood(self, real: Any) -> Generator[Progress, None, Likelihood]:
        """The likelihood of held-out and of training items; yields progress."""

    @abstractmethod
    def displays(self, samples: Samples, real: Any, copies: Memorisation) -> Iterator[Display]:
        """The displays of samples and real items on the page."""

    @abstractmethod
    def notes(self, real: Any, own: Sequence[Section]) -> Iterator[str]:
        """Remarks that a reader needs to interpret the figures."""

    def own(
        self, samples: Samples, real: Any
    ) -> Generator[Progress, None, tuple[list[Section], list[Display]]]:
        """Sections and displays that are specific to the medium; yields progress."""
        yield from ()
        return [], []

    def sample(
        self, request: Request, what: str = "sampling"
    ) -> Generator[Progress, None, Samples]:
        """Make the samples of a request; yields progress."""
        batches: list[Made] = []
        for event in self.model.sample(request):
            if isinstance(event, Making):
                done = f"{what}: {event.done:,} of {event.total:,} done, step"
                yield Progress(done, event.state.step, event.state.steps)
            else:
                batches.append(event)
        return self.collected(batches)

    def sampling(self) -> dict[str, Any]:
        """The settings of sampling, for the report."""
        stored = self.request.sample.stored()
        return {"n": self.request.n, **{name: stored[name] for name in self.recorded}}

    def arranged(
        self, compared: Sequence[Section], likelihood: Section, own: Sequence[Section]
    ) -> list[Section]:
        """The sections of a report in their order."""
        return [*compared, likelihood, *own]

    def size(self, name: str) -> int:
        """The option ``n``, ``rows`` or ``draws``, or its default."""
        return self._value(self.options, name)

    def _value(self, options: EvaluateOptions, name: str) -> int:
        value = getattr(options, name)
        return int(getattr(self, name) if value is None else value)


def _require_extractor(one: object) -> None:
    """Refuse what cannot be an extractor, and a pipe or a device before it is opened.

    Raises:
        SettingError: It is neither a name, nor a path, nor an extractor.
        DataError: The path leads to no file.
    """
    if isinstance(one, str | Path):
        if Path(one).exists() and not Path(one).is_dir():
            require_regular(Path(one))
    elif not (callable(one) and hasattr(one, "name") and hasattr(one, "identity")):
        raise SettingError(
            f"extractors cannot be {one!r}.", why="each should be a name, a path or an extractor"
        )


@dataclass(frozen=True)
class Found(Generic[ItemT]):
    """An item to be scored that was found and is not read yet.

    Attributes:
        name: The path as it was given, and the part of the file.
        key: Equal for two names of one place.
        read: Reads the item; raises :class:`SfumatoError` if it cannot be read.
    """

    name: str
    key: str
    read: Callable[[], ItemT]


class SetAside(NamedTuple):
    """Something that was set aside, or repaired in a text, and the reason."""

    name: str
    reason: str


class Scorer(ABC, Generic[ItemT]):
    """Finds, reads and scores the items of a medium.

    Args:
        model: Model of a run; it is used without guidance.
        options: How to score.
        draws: Number of estimates for each item.
        steps: Network evaluations for each estimate.

    Attributes:
        unit: Unit of the scores.

    Raises:
        SettingError: The medium lacks the method, or the run lacks the label.
    """

    unit: ClassVar[str]

    def __init__(self, model: Any, options: ScoreOptions, draws: int, steps: int) -> None:
        require_own(type(model.medium), options.verb, options.given())
        label = require_label(model.directory.name, model.spec, options.label)
        self.model, self.options, self.draws, self.steps = model, options, draws, steps
        self.label: int | None = None
        if label is not None:
            self.label = model.spec.data.classes.index(label)

    @abstractmethod
    def find(self, place: Path) -> Iterator[Found[ItemT] | SetAside]:
        """The items of a file or folder.

        Raises:
            SfumatoError: There are none.
        """

    @abstractmethod
    def held_out(self, most: int) -> Generator[Progress, None, Sequence[ItemT]]:
        """At most ``most`` held-out items of the run's data; yields progress.

        Raises:
            DataError: The data are gone.
            RunError: The data are not those that the run was started with.
        """

    @abstractmethod
    def bits(self, item: ItemT) -> NDArray[np.float64]:
        """Independent estimates of an item's bits per unit, shape (draws,).

        They are a function of the item, the weights and the options. Estimate ``d`` of every item
        is made with the same noise.
        """
