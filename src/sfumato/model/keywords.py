"""Keyword arguments from a class of options: their types, their signature and their help.

A class of options, see ``model.options``, declares the options of a verb once. This module turns
them into the arguments of a method, checks their types, and reads their help from the docstring of
the class. It does not import torch.
"""

from __future__ import annotations

import inspect
import math
import os
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import fields
from functools import lru_cache, partial, wraps
from types import NoneType, UnionType
from typing import (
    Any,
    Concatenate,
    Literal,
    ParamSpec,
    TypeVar,
    Union,
    get_args,
    get_origin,
    get_type_hints,
)

from sfumato.errors import SettingError, suggest

P = ParamSpec("P")
OptionsT = TypeVar("OptionsT")
ResultT = TypeVar("ResultT")
SelfT = TypeVar("SelfT")
FirstT = TypeVar("FirstT")

_WORDS: Mapping[Any, str] = {
    int: "a whole number",
    float: "a number",
    bool: "True or False",
    str: "text",
    os.PathLike: "a path",
    Mapping: "a mapping",
    NoneType: "None",
}
_OWN_NAMES = frozenset({"label", "label_field", "name"})
"""Options whose values are names that users give, which may be numbers."""
_SECTIONS = re.compile(r"\n\n(?:Returns|Yields|Raises):\n")
_LONG = 60


class _Unfit(Exception):
    """A value does not fit a type."""


def keywords(
    kind: Callable[P, OptionsT],
) -> Callable[[Callable[[FirstT, OptionsT], ResultT]], Callable[Concatenate[FirstT, P], ResultT]]:
    """Turn a method of one options object into a method with these options as its arguments.

    The decorated method has the signature of the options class, for type checkers, for editors and
    for ``help``. A wrong keyword is a :class:`SettingError` with a suggestion.

    Args:
        kind: The class of options.
    """
    return lambda method: _with_keywords(kind, method, 1)


def argument_and_keywords(
    kind: Callable[P, OptionsT],
) -> Callable[
    [Callable[[SelfT, FirstT, OptionsT], ResultT]], Callable[Concatenate[SelfT, FirstT, P], ResultT]
]:
    """Like :func:`keywords`, for a method with one argument before the options.

    If no option is positional, several positional arguments are passed as a tuple in the first one.

    Args:
        kind: The class of options.
    """
    return lambda method: _with_keywords(kind, method, 2)


def options_of(
    kind: Callable[..., OptionsT], args: Sequence[Any], kwargs: Mapping[str, Any]
) -> OptionsT:
    """Build the options from arguments.

    Raises:
        SettingError: There is no such option, an option is given twice, or a value is of a wrong
            type.
    """
    known = list(inspect.signature(kind).parameters)
    for name in kwargs:
        if name not in known:
            raise SettingError(f"There is no option '{name}'.", hint=suggest(name, known))
    by_position = _by_position(kind)
    if len(args) > len(by_position):
        extra = _short(args[len(by_position)])
        raise SettingError(
            f"It is not clear which option {extra} is for.", hint=f"name it: {known[-1]}=..."
        )
    for name in by_position[: len(args)]:
        if name in kwargs:
            raise SettingError(f"The option '{name}' is given twice.")
    return kind(*args, **kwargs)


@lru_cache
def types_of(kind: type[Any]) -> Mapping[str, Any]:
    """The types of the fields of a class of options, by name."""
    hints = get_type_hints(kind)
    return {field.name: hints[field.name] for field in fields(kind)}


@lru_cache
def help_of(kind: Any) -> Mapping[str, str]:
    """A sentence about each option, from the section ``Attributes:`` of the class docstring."""
    found: dict[str, str] = {}
    for cls in reversed(kind.__mro__):
        name = ""
        section = inspect.cleandoc(vars(cls).get("__doc__") or "").partition("Attributes:\n")[2]
        for line in section.split("\n\n")[0].splitlines():
            entry = re.fullmatch(r"    (\w+): (.*)", line)
            if entry:
                name, found[entry[1]] = entry[1], entry[2]
            elif name:
                found[name] += f" {line.strip()}"
    return found


def convert_fields(options: Any) -> None:
    """Turn the values of a new frozen dataclass into their declared types, see :func:`converted`.

    Raises:
        SettingError: A value is of another type.
    """
    kind: Any = type(options)
    for name, annotation in types_of(kind).items():
        object.__setattr__(options, name, converted(name, getattr(options, name), annotation))


def converted(name: str, value: object, annotation: Any) -> Any:
    """A value as the type that its option is declared with.

    A number of NumPy or torch becomes one of Python. A path that is given for text becomes text,
    and so does a number that is given for a name of the user's own, such as a label. Where a
    sequence is declared, one value stands for a sequence of one. Empty text, as of a shell variable
    that is not set, and numbers that are not finite are refused.

    Args:
        name: The option.
        value: The value to convert.
        annotation: The declared type.

    Raises:
        SettingError: The value is of another type, empty or not finite.
    """
    members = members_of(annotation)
    value = _scalar(value)
    if isinstance(value, str) and not value.strip():
        raise SettingError(f"{name} is empty.", why="perhaps a variable is not set")
    if isinstance(value, float) and not math.isfinite(value):
        raise SettingError(f"{name} cannot be {value}.", why="it should be a finite number")
    for convert in (_same, partial(_similar, name)):
        for member in members:
            try:
                return convert(value, member)
            except _Unfit:
                continue
    choices = [choice for member in members for choice in choices_of(member)]
    if choices and isinstance(value, str):
        raise SettingError(f"{name} cannot be '{value}'.", hint=suggest(value, choices))
    words = " or ".join(dict.fromkeys(map(_words, members)))
    raise SettingError(f"{name} cannot be {_short(value)}.", why=f"it should be {words}")


def members_of(annotation: Any) -> tuple[Any, ...]:
    """The members of a union; a type that is none has itself alone."""
    if get_origin(annotation) in (Union, UnionType):
        return get_args(annotation)
    return (annotation,)


def _with_keywords(kind: Any, method: Callable[..., ResultT], leading: int) -> Any:
    """The method with its first arguments, of which there are ``leading``, before the options."""
    of_method = inspect.signature(method)
    names = list(of_method.parameters)[:leading]
    joins = leading > 1 and not _by_position(kind)

    @wraps(method)
    def called(*args: Any, **kwargs: Any) -> ResultT:
        if joins and names[-1] not in kwargs:
            before, several = args[: leading - 1], args[leading - 1 :]
            args = (*before, several[0] if len(several) == 1 else several)
        first, args = args[:leading], args[leading:]
        for name in names[len(first) :]:
            if name not in kwargs:
                raise SettingError(f"{method.__name__} needs an argument '{name}'.")
            first = (*first, kwargs.pop(name))
        return method(*first, options_of(kind, args, kwargs))

    before = [of_method.parameters[name] for name in names]
    of_options = inspect.signature(kind).parameters.values()
    signature = of_method.replace(parameters=[*before, *of_options])
    called.__signature__ = signature  # type: ignore[attr-defined]
    called.__annotations__ = {
        **{name: parameter.annotation for name, parameter in signature.parameters.items()},
        "return": of_method.return_annotation,
    }
    called.__doc__ = _documented(method, kind)
    return called


def _by_position(kind: Any) -> list[str]:
    """The options that can be given by position."""
    parameters = inspect.signature(kind).parameters.values()
    return [one.name for one in parameters if one.kind is one.POSITIONAL_OR_KEYWORD]


def _documented(method: Callable[..., Any], kind: Any) -> str:
    """The method's docstring with the options among its arguments."""
    doc = inspect.getdoc(method) or ""
    options = "".join(f"\n    {name}: {text}" for name, text in help_of(kind).items())
    end = _SECTIONS.search(doc)
    place = end.start() if end else len(doc)
    head = "" if "\n\nArgs:\n" in doc[:place] else "\n\nArgs:"
    return f"{doc[:place]}{head}{options}{doc[place:]}"


def _short(value: object) -> str:
    """A value as Python writes it, cut to a line."""
    text = " ".join(repr(value).split())
    return text if len(text) <= _LONG else f"{text[:_LONG]}..."


def _scalar(value: Any) -> Any:
    """A number of NumPy or torch as one of Python; anything else as it is."""
    return value.item() if getattr(value, "shape", None) == () and hasattr(value, "item") else value


def _same(value: Any, member: Any) -> Any:
    """The value, if it is of the type."""
    if member is Any:
        return value
    if get_origin(member) is Literal:
        fits = isinstance(value, str) and value in get_args(member)
    elif member is int or member is float:
        fits = isinstance(value, member) and not isinstance(value, bool)
    elif get_origin(member) is Mapping:
        fits = isinstance(value, Mapping)
    else:
        fits = isinstance(member, type) and isinstance(value, member)
    if not fits:
        raise _Unfit
    return value


def _similar(name: str, value: Any, member: Any) -> Any:
    """The value turned into the type, if nothing is lost by it."""
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if member is float and number:
        return float(value)
    if member is str and (isinstance(value, os.PathLike) or (number and name in _OWN_NAMES)):
        return str(value)
    if get_origin(member) is tuple and isinstance(value, Iterable) and not isinstance(value, str):
        items, types = tuple(value), get_args(member)
        if len(items) == len(types):
            return tuple(_part(item, kind) for item, kind in zip(items, types, strict=True))
    if get_origin(member) in (Sequence, Iterable) and not isinstance(value, Mapping | NoneType):
        (kind,) = get_args(member)
        alone = isinstance(value, str | os.PathLike) or not isinstance(value, Iterable)
        return tuple(_part(item, kind) for item in ((value,) if alone else value))
    raise _Unfit


def _part(value: Any, annotation: Any) -> Any:
    try:
        return converted("", value, annotation)
    except SettingError as error:
        raise _Unfit from error


def choices_of(member: Any) -> tuple[str, ...]:
    """The values of a Literal; empty for other types."""
    return get_args(member) if get_origin(member) is Literal else ()


def _words(member: Any) -> str:
    """A type in words."""
    if get_origin(member) is tuple:
        parts = get_args(member)
        return f"{len(parts)} values, each {_words(parts[0])}"
    if get_origin(member) in (Sequence, Iterable):
        return "a sequence"
    if get_origin(member) is Literal:
        return f"one of {', '.join(get_args(member))}"
    if isinstance(member, type) and issubclass(member, os.PathLike):
        return _WORDS[os.PathLike]
    return _WORDS.get(get_origin(member) or member, "a configured object")
