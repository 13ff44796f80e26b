"""What a user names as data, and where it is."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from json import dumps
from pathlib import Path

from sfumato.catalogue import CATALOGUE, fetch
from sfumato.engine.events import Event
from sfumato.errors import DataError, suggest
from sfumato.media.audio.open import AUDIO
from sfumato.media.data.walk import suffix_of
from sfumato.media.image.open import IMAGES
from sfumato.media.registry import DEFAULT, AnyRecipe, find
from sfumato.media.text.files import PLAIN, RECORDS
from sfumato.recipes import override
from sfumato.runs.spec import DataFacts

_TEXT, _AUDIO = "text", "audio"
_MOST_NEAR = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading(Event):
    """Data is being read before training; ``step`` is 0.

    Attributes:
        done: So many of ``unit`` are read.
        total: Of how many.
        rejected: So many items were set aside.
        unit: What is counted.
    """

    done: int
    total: int
    rejected: int
    unit: str = "files"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetching(Event):
    """A set of the catalogue is wanted, and is downloaded if it is not here; ``step`` is 0."""

    name: str
    megabytes: int


def fetching(source: str | Path) -> Fetching | None:
    """What to say before a set of the catalogue is fetched; None if none is asked for."""
    name = str(source)
    if name not in CATALOGUE or Path(name).exists():
        return None
    return Fetching(step=0, name=name, megabytes=CATALOGUE[name].megabytes)


def folder_of(source: str | Path) -> tuple[Path, bool]:
    """The place that a path or a catalogue name stands for, fetching it if need be.

    Returns:
        The folder or file, and whether it came from the catalogue.

    Raises:
        DataError: It is neither.
    """
    path = _expanded(source)
    if path.exists():
        return path, False
    if str(source) in CATALOGUE:
        return fetch(str(source)).path, True
    looks_like_path = any(sign in str(source) for sign in "/\\.")
    raise DataError(
        f"There is no folder or file '{source}', and no data set of that name.",
        hint="check the path." if looks_like_path else suggest(str(source), _near(CATALOGUE)),
    )


def _near(names: Iterable[str]) -> list[str]:
    """Names of the catalogue, and of the folders in the working folder if they are not many."""
    here = [path.name for path in Path().iterdir() if path.is_dir() and path.name[0] != "."]
    return [*names, *(here if len(here) <= _MOST_NEAR else ())]


def known_place(facts: DataFacts) -> tuple[Path, str | None]:
    """Where the data of an existing run are, and their name in the catalogue if they have one."""
    # By what the source was then: a folder may have come up that has a catalogue's name.
    if facts.catalogued:
        return fetch(facts.source).path, facts.source
    return Path(facts.source), None


def recipe_for(
    source: str | Path, recipe: str | None = None, changes: Iterable[str] = ()
) -> AnyRecipe:
    """The recipe of a run on some data.

    Args:
        source: A path, or a name of the catalogue: what such a set wants to be others than a
            recipe's defaults comes first.
        recipe: Its name; the one that suits the data if None.
        changes: Single settings that the user wants to be others, see ``recipes.override``.

    Raises:
        SettingError: The recipe or a setting is unknown, or a value does not fit.
    """
    plan = find(recipe or suited(source))
    entry = None if Path(source).exists() else CATALOGUE.get(str(source))
    # A recipe for another medium lacks the settings of this one.
    if entry is not None and type(find(entry.recipe)) is type(plan):
        wanted = entry.settings.items()
        plan = override(plan, [f"{path}={dumps(value)}" for path, value in wanted])
    return override(plan, changes)


def _expanded(source: str | Path) -> Path:
    # An empty path means the present folder, and an unset shell variable hardly does.
    if not str(source):
        raise DataError("No folder was named.", hint="sfumato train FOLDER")
    try:
        path = Path(source).expanduser()
        str(path.absolute()).encode()  # It is to be written into the spec.
    except UnicodeEncodeError as error:
        raise DataError(
            f"The name of the folder {str(source)!r} is not valid UTF-8.", hint="rename it."
        ) from error
    except RuntimeError as error:
        raise DataError(f"There is no folder '{source}'.", why=str(error)) from error
    return path


def suited(source: str | Path) -> str:
    """The name of the recipe that suits some data, by the names of its files.

    Text files beside pictures or sounds are captions. Of pictures and sounds in one folder those
    that are more decide: a cover beside songs makes no picture book.

    Raises:
        DataError: Nothing is named, or what cannot be a path.
    """
    path = _expanded(source)
    if not path.exists():
        entry = CATALOGUE.get(str(source))
        return DEFAULT if entry is None else entry.recipe
    if path.is_file():
        # Text alone comes in one file, and is the one to say that it cannot be this one.
        return _recipe_of(Counter([path.suffix.lower()]), otherwise=_TEXT)
    suffixes: Counter[str] = Counter()
    for _, folders, names in os.walk(path):
        folders[:] = [name for name in folders if not name.startswith(".")]
        suffixes.update(suffix_of(name) for name in names if not name.startswith("."))
    return _recipe_of(suffixes, otherwise=DEFAULT)


def _recipe_of(suffixes: Counter[str], otherwise: str) -> str:
    pictures, sounds, texts = (
        sum(suffixes[suffix] for suffix in kind)
        for kind in (IMAGES.suffixes, AUDIO.suffixes, PLAIN | RECORDS)
    )
    if pictures or sounds:
        return _AUDIO if sounds > pictures else DEFAULT
    return _TEXT if texts else otherwise
