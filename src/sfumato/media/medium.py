"""A medium: a kind of data, from its files to its samples.

Everything that depends on whether data are images, audio or text is a method here, so that the
verbs do not depend on the medium. A new medium is a folder with a subclass, and a line in
``media.registry``. :class:`~sfumato.media.numbers.NumberMedium` is the base of media whose items
are arrays of one shape; text is the medium whose items are tokens.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, Self

from sfumato.conditioning.condition import Condition
from sfumato.engine.events import Event
from sfumato.errors import MissingExtra, SettingError
from sfumato.media.facts import DataFacts
from sfumato.media.folder import Items, SampleFolder
from sfumato.media.report import Report
from sfumato.recipes import RecipeBase
from sfumato.restoration.covariance import Covariance

if TYPE_CHECKING:
    from PIL import Image

    from sfumato.data.building import Progress
    from sfumato.data.digests import Entry
    from sfumato.denoiser import NetworkDenoiser, TokenDenoiser

DIGESTS = "data.digests"
"""Name of the file in a run's folder that has the digests of its data."""

MANY = 16
"""Number of samples made by default."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading(Event):
    """Data are being read before training; ``step`` is 0.

    Attributes:
        done: Number of units that have been read.
        total: Number of units in all.
        rejected: Number of items set aside so far.
        unit: The noun of what is counted.
    """

    done: int
    total: int
    rejected: int
    unit: str = "files"


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary(Event):
    """What a training takes from its data, once these have been read; ``step`` is 0.

    Attributes:
        rows: Names and texts of the rows, see :meth:`Data.summary`.
    """

    rows: tuple[tuple[str, str], ...]


class Source(NamedTuple):
    """The place of a data set.

    Attributes:
        path: A folder or a file.
        name: Name of the data set in the catalogue; None for a user's own data.
        licence: Licence of the data, where known.
        attribution: Attribution that the licence requires, where known.
    """

    path: Path
    name: str | None = None
    licence: str = ""
    attribution: str = ""

    def facts(self, **measured: Any) -> DataFacts:
        """The facts about data from here.

        Args:
            **measured: The fields that reading the data determines.
        """
        return DataFacts(
            source=self.name or str(self.path.resolve()),
            catalogued=self.name is not None,
            licence=self.licence,
            attribution=self.attribution,
            **measured,
        )


class Data(ABC):
    """The items of a data set as a run uses them.

    Attributes:
        facts: The facts about the data for the run's spec.
        conditions: The conditions of the recipe, settled on the data.
    """

    facts: DataFacts
    conditions: Mapping[str, Condition] = MappingProxyType({})

    @abstractmethod
    def settled(self) -> RecipeBase:
        """The recipe with all settings resolved that depend on the data."""

    @abstractmethod
    def store(self, folder: Path) -> None:
        """Write the files into a run's folder that the run needs besides its spec."""

    @abstractmethod
    def with_facts(self, facts: DataFacts) -> Self:
        """The same items with the facts of an existing run."""

    @abstractmethod
    def entries(self) -> Iterator[Entry]:
        """The identity of every item, to find changed items."""

    def covariance(self) -> Covariance | None:
        """The covariance of the encoded items, for restoration; None for data without one."""
        return None

    @abstractmethod
    def summary(self) -> Iterator[tuple[str, str]]:
        """What a training takes from the data: names and texts of rows.

        The words are those of ``sfumato data check``; see ``media.report``.
        """


@dataclass(frozen=True)
class Description:
    """A description of a model.

    Attributes:
        subject: What the model generates, such as ``32 x 32 rgb images``.
        rows: Names and values for the table of the model card.
        facts: Names and values for ``sfumato info``.
    """

    subject: str
    rows: Mapping[str, str]
    facts: Mapping[str, Any]


class Medium(ABC):
    """Base of all media; an instance holds the settings of a run.

    Attributes:
        name: The word for the medium, such as ``image``.
        singular, plural: Nouns for one item and for many.
        suffixes: Suffixes of the files that it reads, in lower case.
        unread: Suffixes of files that are its data and that it does not read, each with what to do
            about them.
        recipe: The class of its recipes.
        recipes: Its ready-made recipes by name, the default first.
        options: The options of each verb that not every medium has.
        words_recipe: Name of the recipe for items with captions; empty if there is none.
        packages: Names of the required packages, which the extra of the medium's name installs.
        stored: Names of the files that :meth:`Data.store` writes into a run's folder.
        captions: Whether its files are captions if they lie beside files of another medium.
        example: The data set of the catalogue to begin with.
        n: Number of samples made by default.
    """

    name: ClassVar[str]
    singular: ClassVar[str]
    plural: ClassVar[str]
    suffixes: ClassVar[frozenset[str]]
    unread: ClassVar[Mapping[str, str]] = {}
    recipe: ClassVar[type[RecipeBase]]
    recipes: ClassVar[Mapping[str, Callable[[], RecipeBase]]]
    options: ClassVar[Mapping[str, frozenset[str]]] = {}
    words_recipe: ClassVar[str] = ""
    packages: ClassVar[tuple[str, ...]] = ()
    stored: ClassVar[tuple[str, ...]] = ()
    captions: ClassVar[bool] = False
    example: ClassVar[str] = ""
    n: ClassVar[int] = MANY

    @classmethod
    def require(cls) -> None:
        """Check that the packages that read and write the medium are installed.

        Raises:
            MissingExtra: A package is not installed.
        """
        for package in cls.packages:
            if find_spec(package) is None:
                raise MissingExtra(package, cls.name, f"Working with {cls.name}")

    @classmethod
    @abstractmethod
    def of_run(cls, recipe: Any, folder: Path) -> Self:
        """The medium of an existing run.

        Args:
            recipe: The run's recipe.
            folder: The run's folder, with the files of :meth:`Data.store`.
        """

    @classmethod
    @abstractmethod
    def open(
        cls, source: Source, recipe: Any, stored: Path | None = None
    ) -> Iterator[Reading | Data]:
        """Read data; yields progress, and finally the data.

        Args:
            source: The place of the data.
            recipe: The run's recipe.
            stored: The folder of the existing run of these data; None for a new run.

        Raises:
            MissingExtra: A package that reads the medium is not installed.
            DataError: No usable data were found.
        """

    @classmethod
    @abstractmethod
    def entries(cls, source: Path, recipe: Any) -> Iterator[Entry]:
        """The present identity of every item of a folder or file; nothing is written.

        Raises:
            MissingExtra: A package that reads the medium is not installed.
            DataError: No usable data were found.
        """

    @classmethod
    @abstractmethod
    def check(cls, folder: Path, recipe: Any, progress: Callable[[int, int, str], None]) -> Report:
        """Report on data as a run would read them.

        Args:
            folder: A folder or a file.
            recipe: The recipe of the run.
            progress: Called with ``(done, total, what)``.
        """

    @classmethod
    @abstractmethod
    def denoiser(cls, recipe: Any, facts: DataFacts) -> NetworkDenoiser | TokenDenoiser:
        """A denoiser with fresh weights, drawn from the recipe's seed."""

    @classmethod
    @abstractmethod
    def describe(cls, recipe: Any, facts: DataFacts) -> Description:
        """Describe the model of a run of this medium."""

    @classmethod
    def holds_provenance(cls, path: Path) -> bool:
        """Whether samples of the medium are written to files of this name."""
        return path.suffix.lower() in cls.suffixes

    @classmethod
    @abstractmethod
    def read_provenance(cls, path: Path) -> dict[str, Any]:
        """Read the provenance of a sample from its file, as plain data.

        Raises:
            DataError: The file cannot be read or has no provenance.
        """

    @abstractmethod
    def folder(self, path: Path, format: str | None = None) -> SampleFolder:
        """A folder that samples are written to.

        Args:
            path: Path of the folder, which need not exist.
            format: Format of the files; None takes the default.

        Raises:
            SettingError: The medium has no such format.
        """

    @property
    def sampling_rate(self) -> int:
        """Samples per second, in Hz.

        Raises:
            SettingError: The medium has no sampling rate.
        """
        raise SettingError(f"{self.plural.capitalize()} have no sampling rate.")

    def item(self, items: Items, place: int, provenance: Mapping[str, Any]) -> Any:
        """One sample of a batch, as the user gets it."""
        return items[place]

    def contact_sheet(self, items: Sequence[Any], captions: Sequence[str] = ()) -> Image.Image:
        """A contact sheet of samples, as :meth:`item` returns them, with captions if there are any.

        Raises:
            SettingError: The medium has no contact sheets.
        """
        raise SettingError(
            f"There is no contact sheet of {self.plural}.", hint="save() writes them to files."
        )

    @abstractmethod
    def html(self, items: Sequence[Any], captions: Sequence[str] = ()) -> str:
        """Samples as HTML for a notebook, with a caption below each if there are captions."""


class Reporter:
    """Reports the progress of reading, and notes whether anything was read.

    Args:
        progress: Called with ``(done, total, what)``.
    """

    def __init__(self, progress: Callable[[int, int, str], None] | None) -> None:
        self.used = False
        self._progress = progress

    def __call__(self, event: Progress) -> None:
        """Report an event."""
        self.used = True
        if self._progress is not None:
            self._progress(event.done, event.total, "reading")


def finished(events: Generator[Progress, None, Any], report: Callable[[Progress], None]) -> Any:
    """The result of a generator that yields its progress, which is reported."""
    while True:
        try:
            report(next(events))
        except StopIteration as end:
            return end.value


def readings(events: Generator[Progress, None, Any]) -> Generator[Reading, None, Any]:
    """A generator of progress as one of events, with the same result."""
    while True:
        try:
            event = next(events)
        except StopIteration as end:
            return end.value
        yield Reading(step=0, **event._asdict())
