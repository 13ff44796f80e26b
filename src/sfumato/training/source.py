"""Finding the data that a user names, and a recipe for them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from json import dumps
from operator import attrgetter
from pathlib import Path

from sfumato.catalogue import CATALOGUE, fetch
from sfumato.data.index import FileKind
from sfumato.data.selection import Selection
from sfumato.data.survey import survey
from sfumato.data.walk import count_suffixes
from sfumato.engine.events import Event
from sfumato.errors import DataError, suggest
from sfumato.media.facts import DataFacts
from sfumato.media.medium import Medium, Source
from sfumato.media.registry import DEFAULT, MEDIA, AnyRecipe, find
from sfumato.recipes import override
from sfumato.regular import require_regular
from sfumato.runs.place import known_places

_MOST_NEAR = 20
_EVERYTHING = Selection()


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetching(Event):
    """A data set of the catalogue is downloaded if it is not in the cache; ``step`` is 0."""

    name: str
    megabytes: int


def fetching(source: str | Path) -> Fetching | None:
    """The event that announces a data set of the catalogue; None for a user's own data."""
    name = str(source)
    if name not in CATALOGUE or Path(name).exists():
        return None
    return Fetching(step=0, name=name, megabytes=CATALOGUE[name].megabytes)


def located(source: str | Path) -> Source:
    """The place of a path or of a name of the catalogue, which is fetched if needed.

    Raises:
        DataError: There is no such path or name.
    """
    path = _expanded(source)
    if path.exists():
        _require_folder_or_file(path)
        return Source(path)
    if str(source) in CATALOGUE:
        return _fetched(str(source))
    looks_like_path = any(sign in str(source) for sign in "/\\.")
    raise DataError(
        f"There is no folder or file '{source}', and no data set of that name.",
        hint="check the path." if looks_like_path else suggest(str(source), _near(CATALOGUE)),
    )


def located_again(facts: DataFacts, root: Path) -> list[Source]:
    """The places of the data of an existing run that exist, the most likely one first.

    Args:
        facts: The facts of the run.
        root: The folder of the run.

    Raises:
        DataError: The data are at none of the places that the run knows.
    """
    # By the stored kind of source, as a new folder may have the name of a data set.
    if facts.catalogued:
        return [_fetched(facts.source)]
    known = known_places(facts, root)
    found = [Source(path) for path in known if path.exists()]
    if found:
        return found
    places = " or at ".join(f"'{path}'" for path in known)
    raise DataError(
        f"The data of the run '{root.resolve().name}' are not where they were.",
        why=f"there is nothing at {places}",
        hint="if they were moved, name their new place: --data PLACE",
    )


def _fetched(name: str) -> Source:
    if name not in CATALOGUE:
        raise DataError(
            f"There is no data set '{name}' in the catalogue of this version.",
            hint="name a folder with the same data: --data FOLDER",
        )
    entry = CATALOGUE[name]
    return Source(fetch(name).path, name, entry.licence, entry.attribution)


def _near(names: Iterable[str]) -> list[str]:
    """Names of the catalogue, and of the folders in the working folder if there are few."""
    here = [path.name for path in Path().iterdir() if path.is_dir() and path.name[0] != "."]
    return [*names, *(here if len(here) <= _MOST_NEAR else ())]


def recipe_for(
    source: str | Path,
    recipe: str | None = None,
    changes: Iterable[str] = (),
    selection: Selection = _EVERYTHING,
) -> AnyRecipe:
    """The recipe of a run on some data.

    Args:
        source: A path, or a name of the catalogue, which may change settings of its recipe.
        recipe: Name of the recipe; None chooses it by the files.
        changes: Changes of settings by the user, see ``recipes.override``.
        selection: Which files of a folder are looked at.

    Raises:
        SettingError: The recipe or a setting is unknown, or a value does not fit.
    """
    plan = find(recipe or suited(source, selection))
    entry = None if Path(source).exists() else CATALOGUE.get(str(source))
    # The settings do not apply to a recipe of another medium.
    if entry is not None and type(find(entry.recipe)) is type(plan):
        open_choices = {
            path: value for path, value in entry.automatic.items() if _at(plan, path) == "auto"
        }
        wanted = {**entry.settings, **open_choices}.items()
        plan = override(plan, [f"{path}={dumps(value)}" for path, value in wanted])
    changed: AnyRecipe = override(plan, changes)
    return changed


def _require_folder_or_file(path: Path) -> None:
    """Refuse a pipe or a device before it is opened."""
    if not path.is_dir():
        require_regular(path)


def _at(recipe: AnyRecipe, path: str) -> object:
    """The value of the setting ``part.name``."""
    return attrgetter(path)(recipe)


def _expanded(source: str | Path) -> Path:
    # An empty path would be the present folder, but is more likely an unset shell variable.
    if not str(source):
        raise DataError("No folder was named.", hint="sfumato train FOLDER")
    try:
        path = Path(source).expanduser()
        str(path.absolute()).encode()  # The path is stored in the spec.
    except UnicodeEncodeError as error:
        raise DataError(
            f"The name of the folder {str(source)!r} is not valid UTF-8.", hint="rename it."
        ) from error
    except RuntimeError as error:
        raise DataError(f"There is no folder '{source}'.", why=str(error)) from error
    return path


def suited(source: str | Path, selection: Selection = _EVERYTHING) -> str:
    """The name of the default recipe for some data, by the suffixes of their files.

    Text files beside images or audio count as captions. Where most items have a caption and none
    has a class, it is the recipe for words. If a folder holds files of several media,
    the medium with the most files is chosen.

    Args:
        source: A path, or a name of the catalogue.
        selection: Which files of a folder are looked at.

    Raises:
        DataError: The source is empty, or cannot be a path.
    """
    path = _expanded(source)
    if path.exists():
        _require_folder_or_file(path)
    else:
        entry = CATALOGUE.get(str(source))
        return DEFAULT if entry is None else entry.recipe
    if path.is_file():
        # Only text can be a single file; for other files its reader reports the error.
        medium = _medium_of(Counter([path.suffix.lower()]))
        return "text" if medium is None else next(iter(medium.recipes))
    medium = _medium_of(count_suffixes(path, selection))
    if medium is None:
        return DEFAULT
    if medium.words_recipe and _has_words(medium, path, selection):
        return medium.words_recipe
    return next(iter(medium.recipes))


def _has_words(medium: type[Medium], path: Path, selection: Selection) -> bool:
    """Whether most items of a folder have a caption and none has a class."""
    kind = FileKind(medium.plural, medium.suffixes, medium.unread)
    found = survey(path, kind, selection)
    return not found.labelled and 2 * found.captioned > found.items


def _medium_of(suffixes: Counter[str]) -> type[Medium] | None:
    """The medium with the most files; None if there is none."""
    files = {
        medium: sum(suffixes[suffix] for suffix in {*medium.suffixes, *medium.unread})
        for medium in MEDIA
    }
    items = {medium: count for medium, count in files.items() if count and not medium.captions}
    chosen = items or {medium: count for medium, count in files.items() if count}
    return max(chosen, key=chosen.__getitem__) if chosen else None
