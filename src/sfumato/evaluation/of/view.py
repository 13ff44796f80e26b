"""What evaluating and scoring need to know of a medium."""

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
from sfumato.metrics.extractor import Extractor
from sfumato.metrics.kernel_distance import LEAST
from sfumato.metrics.memorisation import Memorisation
from sfumato.model.model import LAST, Making, require_within
from sfumato.model.options import EvaluateOptions, Options, ScoreOptions
from sfumato.runs.measuring import Measuring

_MOST = 1_000_000
# Options that only some media have.
_OWNERS = {
    "label": ("image", "audio"),
    "scale": ("image", "audio"),
    "speech": ("audio",),
    "temperature": ("text",),
    "top_p": ("text",),
    "molecules": ("text",),
}


ItemT = TypeVar("ItemT")


def check_options(options: Options, medium: str, own: frozenset[str]) -> None:
    """Refuse options that only other media have.

    Args:
        options: Options of a verb.
        medium: Name of the medium.
        own: Names of the options that this medium has and others may lack.

    Raises:
        SettingError: An option of another medium is given.
    """
    for name, owners in _OWNERS.items():
        value = getattr(options, name, None)
        # Compared by identity, since zero is a value that a user may want.
        if name not in own and value is not None and value is not False:
            raise SettingError(
                f"--{name.replace('_', '-')} is not an option for {medium}.",
                why=f"it is an option for {' and '.join(owners)} only",
            )


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
    provenance: tuple[dict[str, Any], ...]


class View(ABC):
    """A medium as an evaluation sees it, for one model and one set of options.

    Args:
        model: Model of a run.
        options: What to measure.

    Attributes:
        medium: Name of the medium.
        own_options: Options that this medium has and others may lack.
        n, rows, draws: Defaults of the options of these names.
        batch: Number of samples made at a time; None for as many as memory allows.
        recorded: Attributes of a request that a report names.
        scorer: Scores files of this medium.
        request: The request for the samples.
        requested: The extractors that the options name or contain.

    Raises:
        SettingError: A value is out of range, or an option of another medium.
        MissingExtra: An option needs a package that is not installed.
    """

    medium: ClassVar[str]
    own_options: ClassVar[frozenset[str]]
    n: ClassVar[int]
    rows: ClassVar[int]
    draws: ClassVar[int]
    batch: ClassVar[int | None] = None
    recorded: ClassVar[tuple[str, ...]]
    scorer: ClassVar[type[Scorer[Any]]]

    def __init__(self, model: Any, options: EvaluateOptions) -> None:
        check_options(options, self.medium, self.own_options)
        for name, least, most in (
            ("n", LEAST, _MOST),
            ("rows", 1, _MOST),
            ("draws", 1, _MOST),
            ("seed", 0, LAST),
        ):
            require_within(name, self._value(options, name), least, most)
        self.model = model
        self.options = options
        names = ("steps", "sampler", "label", "scale", "temperature", "top_p")
        self.request = model.request(
            self._value(options, "n"),
            seed=options.seed,
            batch=self.batch,
            **options.given(*names),
        )
        # Fetched, or refused, before any work is done.
        self.requested: list[Extractor[Any]] = [
            self.extractor(str(one)) if isinstance(one, str | Path) else one
            for one in options.extractors
        ]

    @abstractmethod
    def extractor(self, name: str) -> Extractor[Any]:
        """The extractor of this name, or in the file of this path.

        Raises:
            SettingError: There is none for this medium.
            DataError: The file cannot be read.
        """

    @abstractmethod
    def real(self) -> Generator[Measuring, None, Any]:
        """The real items, a :class:`~sfumato.evaluation.real.Real`; yields progress."""

    @abstractmethod
    def collected(self, batches: Sequence[Any]) -> Samples:
        """The samples in finished batches, as they would be stored."""

    @abstractmethod
    def extractors(self, real: Any) -> Sequence[Extractor[Any]]:
        """The extractors of this medium, the principal one first."""

    @abstractmethod
    def prepare(self, items: Any) -> Any:
        """Samples or real items as extractors take them."""

    @abstractmethod
    def likelihood(self, real: Any) -> Generator[Measuring, None, Likelihood]:
        """The likelihood of held-out and of training items; yields progress."""

    @abstractmethod
    def displays(self, samples: Samples, real: Any, copies: Memorisation) -> Iterator[Display]:
        """What a page shows of samples and real items."""

    @abstractmethod
    def notes(self, real: Any, own: Sequence[Section]) -> Iterator[str]:
        """Remarks that a reader needs to interpret the figures."""

    def own(
        self, samples: Samples, real: Any
    ) -> Generator[Measuring, None, tuple[list[Section], list[Display]]]:
        """What is measured of this medium only, and what a page shows of it; yields progress."""
        yield from ()
        return [], []

    def sample(self, request: Any, what: str = "sampling") -> Generator[Measuring, None, Samples]:
        """Make the samples of a request; yields progress."""
        batches = []
        for event in self.model.sample(request):
            if isinstance(event, Making):
                done = f"{what}: {event.done:,} of {event.total:,} done, step"
                yield Measuring(done, event.state.step, event.state.steps)
            else:
                batches.append(event)
        return self.collected(batches)

    def sampling(self) -> dict[str, Any]:
        """How the samples were made, for the report."""
        values = {name: getattr(self.request, name) for name in self.recorded}
        return {**values, "sampler": self.request.sampler.model_dump(mode="json")}

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
        model.check_label(options.label, 1.0)
        self.model, self.options, self.draws, self.steps = model, options, draws, steps
        self.label: int | None = None
        if options.label is not None:
            self.label = model.spec.data.classes.index(options.label)

    @abstractmethod
    def find(self, place: Path) -> Iterator[Found[ItemT] | SetAside]:
        """The items of a file or folder.

        Raises:
            SfumatoError: There are none.
        """

    @abstractmethod
    def held_out(self, most: int) -> Generator[Measuring, None, Sequence[ItemT]]:
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
