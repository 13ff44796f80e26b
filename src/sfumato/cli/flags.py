"""Flags of the commands: one for each field of a class of options, with its help and its default.

A configured object, such as a sampler, can only be passed in Python; its flag takes a name. Old
spellings of flags are replaced by the present ones before the command line is parsed.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import fields
from functools import wraps
from types import MappingProxyType
from typing import Annotated, Any, Literal, get_args, get_origin, get_type_hints

from cyclopts import Parameter, Token

from sfumato.errors import UsageError
from sfumato.model.keywords import choices_of, help_of, members_of, types_of

Json = Annotated[bool, Parameter(name="--json", help="Print JSON for a program to read.")]
RunName = Annotated[str, Parameter(help="Name of a run under runs/, or its path.")]
Snapshot = Annotated[
    str, Parameter(help="Which weights to use: latest, or best on the held-out data.")
]

OLD_SPELLINGS: Mapping[str, str] = MappingProxyType(
    {
        "--compile": "--compiled",
        "--extractor": "--extractors",
        "--from": "--start",
        "--number": "--n",
        "--path": "--source",
        "--set": "--settings",
    }
)
"""Old names of flags, and their present names."""

_NAMES: Mapping[str, list[str]] = MappingProxyType(
    {
        "n": ["-n", "--n"],
        "from_run": ["--from", "--from-run"],
        "negative": ["--not", "--negative"],
    }
)
_PRESENT: Mapping[str, frozenset[str]] = MappingProxyType({"train": frozenset({"--from"})})
"""Old spellings that are present names of another flag, by the command."""


def renamed(arguments: Iterable[str]) -> tuple[list[str], list[str]]:
    """Replace old spellings in a command line.

    Returns:
        The arguments, and a note about each old spelling among them.
    """
    found: list[str] = []
    notes: dict[str, str] = {}
    literally = False
    arguments = list(arguments)
    command = next((word for word in arguments if not word.startswith("-")), "")
    for argument in arguments:
        literally = literally or argument == "--"
        name, equals, value = argument.partition("=")
        is_old = name in OLD_SPELLINGS and name not in _PRESENT.get(command, ())
        if is_old and not literally:
            notes[name] = f"note: {name} is now {OLD_SPELLINGS[name]}."
            argument = f"{OLD_SPELLINGS[name]}{equals}{value}"
        found.append(argument)
    return found, list(notes.values())


def with_flags(command: Callable[..., None]) -> Callable[..., None]:
    """Turn a command with a parameter ``options`` into one with a flag for each of the options.

    Commands without such a parameter are returned as they are.
    """
    if "options" not in inspect.signature(command).parameters:
        return command
    # Imported here, because most command lines need the options of no or one command.
    from sfumato.model import options as declared

    hints = get_type_hints(command, localns=vars(declared), include_extras=True)
    kind = hints["options"]
    names = types_of(kind)

    @wraps(command)
    def called(*args: Any, **kwargs: Any) -> None:
        options = kind(**{name: kwargs.pop(name) for name in names if name in kwargs})
        command(*args, options=options, **kwargs)

    parameters: list[inspect.Parameter] = []
    for parameter in inspect.signature(command).parameters.values():
        if parameter.name == "options":
            parameters += _flags(kind)
        else:
            parameters.append(parameter.replace(annotation=hints[parameter.name]))
    called.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    called.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    return called


def listed(command: Callable[..., None]) -> Callable[..., None]:
    """A function with the name and the help of a command, for the list of all commands."""

    def stand_in() -> None:
        raise NotImplementedError(command.__name__)

    stand_in.__name__, stand_in.__doc__ = command.__name__, command.__doc__
    return stand_in


def _flags(kind: Any) -> Iterable[inspect.Parameter]:
    """A keyword parameter for each option, annotated for the command line."""
    for field in fields(kind):
        annotation = types_of(kind)[field.name]
        parsed, converter = _parsed(annotation)
        text = help_of(kind)[field.name]
        if field.name == "batch":
            parsed, converter = int | Literal["auto"], _whole_or_auto
            text = f"{text} auto takes as many as fit."
        choices = [choice for member in members_of(annotation) for choice in choices_of(member)]
        flag = Parameter(
            name=_NAMES.get(field.name),
            help=f"{text} One of: {', '.join(choices)}." if choices else text,
            converter=converter,
        )
        yield inspect.Parameter(
            field.name,
            inspect.Parameter.KEYWORD_ONLY,
            default=field.default,
            annotation=Annotated[parsed | None, flag],
        )


def _parsed(annotation: Any) -> tuple[Any, Callable[..., Any] | None]:
    """The type that a flag is parsed as, and the converter if cyclopts cannot parse it."""
    members = members_of(annotation)
    if str in members:
        return str, None  # The verb reads the text, such as left,top,width,height.
    for member in members:
        if get_origin(member) in (Sequence, Iterable):
            (kind,) = get_args(member)
            return (list[int], _wholes) if kind is int else (list[str], None)
    if any(map(choices_of, members)):
        return str, None
    (member,) = [member for member in members if member is not type(None)]
    return member, {int: _whole, float: number_in}.get(member)


def _whole(kind: Any, tokens: Sequence[Token]) -> int:
    """Parse an integer; cyclopts itself would round other numbers."""
    return _int_in(tokens[0].value)


def _wholes(kind: Any, tokens: Sequence[Token]) -> list[int]:
    return [_int_in(token.value) for token in tokens]


def _int_in(text: str) -> int:
    # Not int() alone, which takes "1_000" and digits of other scripts.
    if not re.fullmatch(r"\s*[+-]?[0-9]{1,40}\s*", text):
        raise ValueError(f"'{text}' is not a whole number.")
    return int(text)


def number_in(kind: Any, tokens: Sequence[Token]) -> float:
    """Parse a number."""
    text = tokens[0].value
    try:
        return float(text)
    except ValueError:
        raise ValueError(f"'{text}' is not a number.") from None


def _whole_or_auto(kind: Any, tokens: Sequence[Token]) -> int | None:
    return None if tokens[0].value == "auto" else _whole(kind, tokens)


def require_no_empty(words: Sequence[str]) -> None:
    """Refuse empty words of a command line: an empty path would be the present folder.

    Raises:
        UsageError: A flag or an argument is empty, as of a shell variable that is not set.
    """
    flag = ""
    for word in words:
        without_value = re.fullmatch(r"(--?[\w-]+)=\s*", word)
        if not word.strip() or without_value:
            what = without_value[1] if without_value else flag or "An argument"
            raise UsageError(
                f"{what} is empty.",
                why="perhaps a shell variable is not set",
                hint="leave it out, or write what you mean.",
            )
        flag = word if word.startswith("-") and "=" not in word else ""


def default_text(default: object) -> str | None:
    """The text of a default in the help; None hides a default that is None, empty or off."""
    if default is None or default is False or default == ():
        return None
    return " ".join(map(str, default)) if isinstance(default, tuple) else str(default)
