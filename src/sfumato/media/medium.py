"""A medium: a kind of data, from its files to its samples.

Everything that depends on whether data are images, audio or text is a method here, so that the
verbs above know no medium. A new medium is a folder with a subclass, and a line in
``media.registry``. :class:`~sfumato.media.numbers.NumberMedium` is the base of media whose items
are arrays of one shape; text is the medium whose items are tokens.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, Self

from sfumato.engine.events import Event
from sfumato.errors import DataError, MissingExtra, SettingError
from sfumato.media.folder import Items, SampleFolder
from sfumato.media.report import Report
from sfumato.recipes import RecipeBase

if TYPE_CHECKING:
    from PIL import Image

    from sfumato.data.digests import Entry
    from sfumato.denoiser import NetworkDenoiser, TokenDenoiser
    from sfumato.media.facts import DataFacts

DIGESTS = "data.digests"
"""Name of the file in a run's folder that has the digests of its data."""

MANY = 16
"""Number of samples made by default."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading(Event):
    """Data are being read before training; ``step`` is 0.

    Attributes:
        done: How many of ``unit`` have been read.
        total: How many there are.
        rejected: Number of items set aside so far.
        unit: What is counted.
    """

    done: int
    total: int
    rejected: int
    unit: str = "files"


class Source(NamedTuple):
    """Where data come from.

    Attributes:
        path: A folder or a file.
        name: Name of the data set in the catalogue; None for a user's own data.
        licence: Licence of the data, where known.
        attribution: Whom to name, where known.
    """

    path: Path
    name: str | None = None
    licence: str = ""
    attribution: str = ""


class Data(ABC):
    """The items of a data set as a run uses them.

    Attributes:
        facts: What the run's spec records of them.
    """

    facts: DataFacts

    @abstractmethod
    def settled(self) -> RecipeBase:
        """The recipe with everything filled in that depends on the data."""

    @abstractmethod
    def store(self, folder: Path) -> None:
        """Write into a run's folder what the run needs of the data beside its spec."""

    @abstractmethod
    def with_facts(self, facts: DataFacts) -> Self:
        """The same items with the facts of the run that they are of."""

    @abstractmethod
    def entries(self) -> Iterator[Entry]:
        """The identity of every item, to find out which of them change."""


@dataclass(frozen=True)
class Description:
    """A model in words.

    Attributes:
        subject: What the model is a model of, such as ``32 x 32 rgb images``.
        rows: Names and values for the table of the model card.
        facts: Names and values for ``sfumato info``.
    """

    subject: str
    rows: Mapping[str, str]
    facts: Mapping[str, Any]


class Medium(ABC):
    """Base of all media; an instance has the settings of a run.

    Attributes:
        name: The word for the medium, such as ``image``.
        singular, plural: One item and many, in sentences.
        suffixes: Of the files that it reads, in lower case.
        recipe: The class of its recipes.
        recipes: Its ready-made recipes by name, the default first.
        options: For each verb, the options that it has and not every medium has.
        packages: Names of the packages that it cannot do without; an extra of its name has them.
        stored: Names of the files that :meth:`Data.store` writes into a run's folder.
        captions: Whether its files are captions where they lie beside files of another medium.
        example: The catalogue's data set to begin with.
        n: Number of samples made by default.
    """

    name: ClassVar[str]
    singular: ClassVar[str]
    plural: ClassVar[str]
    suffixes: ClassVar[frozenset[str]]
    recipe: ClassVar[type[RecipeBase]]
    recipes: ClassVar[Mapping[str, Callable[[], RecipeBase]]]
    options: ClassVar[Mapping[str, frozenset[str]]] = {}
    packages: ClassVar[tuple[str, ...]] = ()
    stored: ClassVar[tuple[str, ...]] = ()
    captions: ClassVar[bool] = False
    example: ClassVar[str] = ""
    n: ClassVar[int] = MANY

    @classmethod
    def require(cls) -> None:
        """Refuse to go on without the packages that read and write the medium.

        Raises:
            MissingExtra: One is not installed.
        """
        for package in cls.packages:
            if find_spec(package) is None:
                raise MissingExtra(package, cls.name, f"Working with {cls.name}")

    @classmethod
    @abstractmethod
    def of_run(cls, recipe: Any, folder: Path) -> Self:
        """The medium of an existing run.

        Args:
            recipe: Of the run.
            folder: The run's folder, where :meth:`Data.store` has written.
        """

    @classmethod
    @abstractmethod
    def open(
        cls, source: Source, recipe: Any, stored: Path | None = None
    ) -> Iterator[Reading | Data]:
        """Read data; yields progress, and at the end the data.

        Args:
            source: Where they are.
            recipe: Of the run.
            stored: The folder of an existing run whose data these are; None for a new run.

        Raises:
            MissingExtra: A package that reads the medium is not installed.
            DataError: There is nothing that can be used.
        """

    @classmethod
    @abstractmethod
    def entries(cls, source: Path, recipe: Any) -> Iterator[Entry]:
        """The identity of every item of a folder or file as it is now; nothing is written.

        Raises:
            MissingExtra: A package that reads the medium is not installed.
            DataError: There is nothing that can be used.
        """

    @classmethod
    @abstractmethod
    def check(cls, folder: Path, recipe: Any, progress: Callable[[int, int, str], None]) -> Report:
        """Look at data as a run would see them.

        Args:
            folder: A folder or a file.
            recipe: Of the run.
            progress: Called with ``(done, total, what)``.
        """

    @classmethod
    @abstractmethod
    def denoiser(cls, recipe: Any, facts: DataFacts) -> NetworkDenoiser | TokenDenoiser:
        """A denoiser with fresh weights, drawn from the recipe's seed."""

    @classmethod
    @abstractmethod
    def describe(cls, recipe: Any, facts: DataFacts) -> Description:
        """A run of this medium in words."""

    @classmethod
    def holds_provenance(cls, path: Path) -> bool:
        """Whether a file of this name is one that samples of the medium are written to."""
        return path.suffix.lower() in cls.suffixes

    @classmethod
    @abstractmethod
    def read_provenance(cls, path: Path) -> dict[str, Any]:
        """How a sample was made, from its file, as plain data.

        Raises:
            DataError: The file cannot be read or carries no provenance.
        """

    @abstractmethod
    def folder(self, path: Path, format: str | None = None) -> SampleFolder:
        """A folder that samples are written to.

        Args:
            path: Where it is; it need not exist.
            format: Kind of the files; None takes the default.

        Raises:
            SettingError: The medium has no such format.
        """

    def item(self, items: Items, place: int, provenance: Mapping[str, Any]) -> Any:
        """One sample as a user is given it."""
        return items[place]

    def picture(self, items: Sequence[Any]) -> Image.Image:
        """Samples, as :meth:`item` gives them, on one picture.

        Raises:
            SettingError: The medium cannot be seen.
        """
        raise SettingError(f"There is no picture of {self.plural}.", hint="save() writes them.")

    @abstractmethod
    def html(self, items: Sequence[Any]) -> str:
        """Samples as HTML for a notebook, to be looked at, listened to or read."""


def no_such_file(place: Path) -> DataError:
    """The error for a path that does not exist."""
    return DataError(f"There is no file or folder '{place}'.", hint="check the path.")
