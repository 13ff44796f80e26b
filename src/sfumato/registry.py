"""Registries: which classes a spec can name by its ``kind``.

Every part of a model or of a run (a sampler, a schedule, a backbone, ...) is a frozen pydantic
model that is its own JSON spec. A spec names the class by the field ``kind`` and never by an
import path, so a file can choose among the registered classes and cannot name code. A registry
holds the classes of one base::

    SAMPLERS: Registry[Sampler] = Registry("sampler", Sampler, (Wiener, Adams, ...))
    AnySampler = Annotated[Sampler, SAMPLERS]

The tuple is the only list of them: the mapping by name, the validation of specs, the suggestions
in error messages and the contract tests are all read from it. ``sfumato.register`` adds a class of
your own for the life of the process.
"""

from __future__ import annotations

from abc import ABC
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from inspect import isabstract, isclass
from typing import (
    TYPE_CHECKING,
    Annotated,
    Any,
    Generic,
    Literal,
    TypeVar,
    cast,
    get_args,
    get_origin,
)

from pydantic import BaseModel, ConfigDict, GetCoreSchemaHandler, TypeAdapter
from pydantic_core import PydanticCustomError, core_schema

from sfumato.errors import SettingError, suggest


class Part(BaseModel, ABC):
    """Base of everything that is registered: immutable, validated, and its own JSON spec.

    A concrete part has a field ``kind: Literal["name"] = "name"``, by which specs name its class.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    if TYPE_CHECKING:
        # For type checkers only: a field declared here would come first in every stored spec.
        @property
        def kind(self) -> str:
            """The name of the class in specs."""


PartT = TypeVar("PartT", bound=Part)
NewT = TypeVar("NewT", bound=Part)


def accept_all(_: type[Part]) -> bool:
    """Accept every class of a registry."""
    return True


class Registry(Mapping[str, type[PartT]]):
    """The registered classes of one base.

    As a mapping it holds, in the order of registration, the kinds that can be built by name alone.
    A class with settings that have no default is registered too, but only a spec can describe it.

    As the metadata of an annotation, ``Annotated[Sampler, SAMPLERS]``, it validates a field: a
    mapping is read by its ``kind`` among the classes that are registered at that moment, and
    instances of registered classes are accepted as they are.

    Args:
        noun: What one part is called in error messages, such as ``sampler``.
        base: The base class, which is abstract.
        classes: The classes to begin with.
        accepts: Which subclasses of the base belong here; all of them by default.
    """

    def __init__(
        self,
        noun: str,
        base: type[Any],
        classes: Iterable[type[PartT]],
        accepts: Callable[[type[PartT]], bool] = accept_all,
    ) -> None:
        self.noun = noun
        self.base = base
        self._accepts = accepts
        self._classes: dict[str, type[PartT]] = {}
        for cls in classes:
            self.register(cls)

    @property
    def classes(self) -> tuple[type[PartT], ...]:
        """All registered classes, in the order of registration."""
        return tuple(self._classes.values())

    def __getitem__(self, kind: str) -> type[PartT]:
        cls = self._classes[kind]
        if _needs_settings(cls):
            raise KeyError(kind)
        return cls

    def __iter__(self) -> Iterator[str]:
        return (kind for kind, cls in self._classes.items() if not _needs_settings(cls))

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def __repr__(self) -> str:
        return f"<registry of {self.base.__name__}: {', '.join(self._classes)}>"

    # A registry is an annotation, and those are compared and hashed by typing.
    __hash__ = object.__hash__

    def __eq__(self, other: object) -> bool:
        return self is other

    def find(self, kind: str) -> type[PartT]:
        """The class of this name, which can be built without settings.

        Raises:
            SettingError: There is none.
        """
        if kind not in self:
            raise SettingError(f"There is no {self.noun} '{kind}'.", hint=suggest(kind, self))
        return self[kind]

    def takes(self, cls: object) -> bool:
        """Whether a class is a subclass of the base that belongs in this registry."""
        return isclass(cls) and issubclass(cls, self.base) and self._accepts(cast(type[PartT], cls))

    def require(self, part: object) -> None:
        """Check that the class of a part is registered here.

        Without that its samples could be made and stored, but not read again.

        Raises:
            SettingError: It is not registered, or it is not a part of this kind.
        """
        if type(part) in self.classes:
            return
        name = type(part).__name__
        if not self.takes(type(part)):
            raise SettingError(
                f"{name} cannot be used as the {self.noun} here.",
                hint=suggest(name.lower(), self),
            )
        raise SettingError(
            f"The {self.noun} {name} is not registered.",
            why="a file names it by its kind and could not be read again",
            hint=f"call sfumato.register({name}) first.",
        )

    def register(self, cls: type[NewT]) -> type[NewT]:
        """Add a class; it can be used as a decorator.

        Registering a class again changes nothing. A class that was defined again at the same place,
        as by a notebook cell that is run twice, replaces the earlier one.

        Returns:
            The class.

        Raises:
            SettingError: It is not a subclass of the base, it is abstract, it has no kind of its
                own, or its kind is the name of another class.
        """
        name = cls.__qualname__ if isclass(cls) else repr(cls)
        what = f"{name} cannot be registered as the class of a {self.noun}."
        if not self.takes(cls):
            raise SettingError(
                what,
                why=f"it is not one of the subclasses of {self.base.__name__} that belong here",
            )
        if isabstract(cls):
            missing = ", ".join(sorted(cls.__abstractmethods__))
            raise SettingError(what, why=f"it is abstract: it does not define {missing}")
        kind = _kind_of(cls)
        if kind is None:
            raise SettingError(
                what,
                why="it has no field 'kind' that names it",
                hint=f'add: kind: Literal["{cls.__name__.lower()}"] = "{cls.__name__.lower()}"',
            )
        taken = self._classes.get(kind, cls)
        if _place(taken) != _place(cls):
            raise SettingError(
                what,
                why=f"the kind '{kind}' is the name of {'.'.join(_place(taken))}",
                hint="give the class a kind of its own",
            )
        self._classes[kind] = cast(type[PartT], cls)
        return cls

    def only(self, accepts: Callable[[type[PartT]], bool]) -> Choice[PartT]:
        """An annotation that accepts some of the registered classes only.

        Args:
            accepts: Whether a class is one of them.
        """
        return Choice(self, accepts)

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> core_schema.CoreSchema:
        return self.only(accept_all).__get_pydantic_core_schema__(source, handler)


@dataclass(frozen=True)
class Choice(Generic[PartT]):
    """The metadata of an annotation that reads a part from its spec.

    Attributes:
        registry: Where the classes are registered.
        accepts: Which of them are accepted.
    """

    registry: Registry[PartT]
    accepts: Callable[[type[PartT]], bool]

    @property
    def classes(self) -> tuple[type[PartT], ...]:
        """The classes that are accepted now."""
        return tuple(cls for cls in self.registry.classes if self.accepts(cls))

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> core_schema.CoreSchema:
        # Without a schema of its own a part is serialised by its class, with all its fields.
        return core_schema.no_info_plain_validator_function(self._validated)

    def _validated(self, value: Any) -> Any:
        if isinstance(value, self.registry.base) and type(value) not in self.registry.classes:
            try:
                self.registry.require(value)
            except SettingError as error:
                raise PydanticCustomError(
                    "not_registered", "{reason}", {"reason": " ".join(str(error).splitlines())}
                ) from error
        return _union(self.classes).validate_python(value)


# By the classes themselves, so that a new registration makes a new union.
@lru_cache(maxsize=64)
def _union(classes: tuple[type[Part], ...]) -> TypeAdapter[Any]:
    """The discriminated union of some classes."""
    return TypeAdapter(Annotated[Any, _Union(classes)])


@dataclass(frozen=True)
class _Union:
    classes: tuple[type[Part], ...]

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> core_schema.CoreSchema:
        # Not typing.Union, which is no union of a single class.
        choices = {_kind_of(cls): handler.generate_schema(cls) for cls in self.classes}
        return core_schema.tagged_union_schema(choices, discriminator="kind")


def _kind_of(cls: type[Part]) -> str | None:
    """The one value of the field ``kind``, which is its default too; None without one."""
    field = cls.model_fields.get("kind")
    if field is None or get_origin(field.annotation) is not Literal:
        return None
    values = get_args(field.annotation)
    return values[0] if values == (field.default,) and isinstance(values[0], str) else None


def _needs_settings(cls: type[Part]) -> bool:
    return any(field.is_required() for field in cls.model_fields.values())


def _place(cls: type[Part]) -> tuple[str, str]:
    return cls.__module__, cls.__qualname__
