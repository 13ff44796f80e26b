"""The text and the label of a record: values by the names of fields, also of fields in fields."""

from __future__ import annotations

from typing import Any

from sfumato.data.fields import class_name
from sfumato.media.text.settings import TextSettings

Fields = dict[str, Any]

_DEEPEST = 20
_SHOWN = 200
SEVERAL = "holds several labels, of which the first is used"
"""What is said about a list of labels."""


def text_of(row: Fields, settings: TextSettings) -> str:
    r"""The text of a record, with all line ends converted to ``\n``.

    Raises:
        ValueError: There is none; the message says why.
    """
    name = settings.text_field
    try:
        parts = [_string(value_of(row, name), name, settings.joint)]
    except KeyError:
        names = name.split("+")
        found = [(each, value_of(row, each)) for each in names if _has(row, each)]
        parts = [_string(value, each, settings.joint) for each, value in found]
        if len(names) == 1 or not parts:
            fields = ", ".join(map(str, row))[:_SHOWN] or "none"
            raise ValueError(f"'{name}' is missing; its fields are: {fields}") from None
    text = settings.joint.join(part for part in parts if part.strip())
    if not text.strip():
        raise ValueError(f"'{name}' is empty")
    if reason := _half(text):
        raise ValueError(f"'{name}' holds {reason}")
    return with_line_feeds(text)


def label_of(row: Fields, name: str) -> tuple[str | None, str]:
    """The name of the class of a record, see :func:`~sfumato.data.metadata.class_name`.

    Returns:
        The name, or None if the record has none, and what is wrong with the label. Of a list the
        first label is used.

    Raises:
        KeyError: The record has no such field.
    """
    value = value_of(row, name)
    several = isinstance(value, list) and len(value) > 1
    if isinstance(value, list):
        value = value[0] if value else None
    label, why = (None, "") if value is None else class_name(value)
    return label, why or (SEVERAL if several else "")


def value_of(row: Fields, name: str) -> Any:
    """The value of a field, or of a field in a field: ``message.content`` or ``messages.0.text``.

    Raises:
        KeyError: There is no such field.
    """
    if name in row:
        return row[name]
    value: Any = row
    for part in name.split(".")[:_DEEPEST]:
        if isinstance(value, dict) and part in value:
            value = value[part]
        elif isinstance(value, list) and part.isdecimal() and int(part) < len(value):
            value = value[int(part)]
        else:
            raise KeyError(name)
    return value


def with_line_feeds(text: str) -> str:
    r"""A text in which ``\r\n`` and ``\r`` are ``\n``."""
    return text.replace("\r\n", "\n").replace("\r", "\n") if "\r" in text else text


def _has(row: Fields, name: str) -> bool:
    try:
        return value_of(row, name) is not None
    except KeyError:
        return False


def _string(value: object, name: str, joint: str) -> str:
    """A string, or the strings of a list one after the other."""
    if isinstance(value, list) and value and all(isinstance(each, str) for each in value):
        return joint.join(value)
    if not isinstance(value, str):
        raise ValueError(f"'{name}' is not a string")
    return value


def _half(text: str) -> str:
    """What is wrong with a text that cannot be written in UTF-8; empty for any other."""
    try:
        text.encode()
    except UnicodeEncodeError as error:
        return f"half of a character, U+{ord(text[error.start]):04X}"
    return ""
