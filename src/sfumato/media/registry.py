"""The media, and the recipes of all of them by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from inspect import isabstract
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any

from pydantic import GetCoreSchemaHandler
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from sfumato.errors import SettingError, suggest
from sfumato.media.audio.medium import AudioMedium
from sfumato.media.image.medium import ImageMedium
from sfumato.media.medium import Medium
from sfumato.media.text.medium import TextMedium
from sfumato.recipes import RecipeBase

MEDIA: list[type[Medium]] = [ImageMedium, AudioMedium, TextMedium]
"""All media, the default first. A process can add its own, see :func:`add_medium`."""

DEFAULT = "image"
"""The recipe for data of unknown medium."""


def add_medium(medium: type[Medium]) -> type[Medium]:
    """Add a medium for this process, and its recipes.

    Returns:
        The medium.

    Raises:
        SettingError: It is abstract, or there is another medium or a recipe of that name.
    """
    if isabstract(medium):
        missing = ", ".join(sorted(medium.__abstractmethods__))
        raise SettingError(
            f"{medium.__qualname__} cannot be registered as a medium.",
            why=f"it is abstract: it does not define {missing}",
        )
    replaced = [known for known in MEDIA if known.name == medium.name]
    if any(known.__qualname__ != medium.__qualname__ for known in replaced):
        raise SettingError(f"There is a medium '{medium.name}' already.")
    MEDIA[:] = [known for known in MEDIA if known not in replaced]
    taken = sorted(set(medium.recipes) & set(recipes()))
    if taken:
        MEDIA.extend(replaced)
        raise SettingError(f"There is a recipe '{taken[0]}' already.")
    MEDIA.append(medium)
    return medium


def medium_named(name: str) -> type[Medium]:
    """The medium of a name.

    Raises:
        SettingError: There is none.
    """
    names = {medium.name: medium for medium in MEDIA}
    if name not in names:
        raise SettingError(f"There is no medium '{name}'.", hint=suggest(name, names))
    return names[name]


def medium_of(recipe: RecipeBase) -> type[Medium]:
    """The medium of a recipe.

    Raises:
        SettingError: The recipe is of no known medium.
    """
    for medium in MEDIA:
        if isinstance(recipe, medium.recipe):
            return medium
    raise SettingError(
        f"The recipe '{recipe.name}' is of no known medium.",
        hint="register its medium first: sfumato.register(MyMedium)",
    )


def medium_of_file(path: Path) -> type[Medium]:
    """The medium whose samples are written to files of a name; the default medium if none is."""
    return next((medium for medium in MEDIA if medium.holds_provenance(path)), MEDIA[0])


def require_own(medium: type[Medium], verb: str, options: Mapping[str, object]) -> None:
    """Check that no option belongs to other media.

    Args:
        medium: The medium of the run.
        verb: Name of the verb, such as ``sample``.
        options: Values of the options by name; False and an empty list count as not set.

    Raises:
        SettingError: An option belongs to other media.
    """
    own = medium.options.get(verb, frozenset())
    for name, value in options.items():
        owners = [other for other in MEDIA if name in other.options.get(verb, ())]
        # By identity, since zero is a valid value.
        is_set = value is not False and not (isinstance(value, tuple | list) and not value)
        if owners and name not in own and is_set:
            names = " and ".join(other.name for other in owners)
            raise SettingError(
                f"The option '{name}' is not for {medium.plural}.",
                why=f"it is an option of {names}",
            )


def recipes() -> Mapping[str, Callable[[], RecipeBase]]:
    """The ready-made recipes of all media by name."""
    return MappingProxyType(
        {name: make for medium in MEDIA for name, make in medium.recipes.items()}
    )


def find(name: str) -> Any:
    """The recipe of a name.

    Raises:
        SettingError: There is none.
    """
    known = recipes()
    if name not in known:
        raise SettingError(f"There is no recipe '{name}'.", hint=suggest(name, known))
    return known[name]()


def summary(name: str) -> str:
    """A one-line description of a recipe: the first line of its docstring."""
    return (recipes()[name].__doc__ or "").strip().splitlines()[0]


class _RecipeOfMedium:
    """Validates a recipe as that of its medium, which ``medium.kind`` names; image if absent."""

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        def read(value: Any) -> RecipeBase:
            if isinstance(value, RecipeBase):
                return value
            part = value.get("medium") if isinstance(value, dict) else None
            kind = str(part.get("kind", "image")) if isinstance(part, dict) else "image"
            try:
                recipe = medium_named(kind).recipe
            except SettingError as error:
                hint = "a medium of your own has to be registered first: sfumato.register(MyMedium)"
                raise PydanticCustomError("no_such_medium", f"{error.what} {hint}") from error
            return recipe.stored(value)

        return core_schema.no_info_plain_validator_function(
            read,
            serialization=core_schema.plain_serializer_function_ser_schema(
                lambda recipe, info: recipe.model_dump(mode=info.mode), info_arg=True
            ),
        )


AnyRecipe = Annotated[RecipeBase, _RecipeOfMedium()]
"""A recipe of any medium, as read from a spec."""
