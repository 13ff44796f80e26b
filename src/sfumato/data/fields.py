"""What a line of metadata says: the name of its file, its label, its caption and other texts.

A field may have any of several names and hold a value of any type. What cannot be used is reported.
"""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Mapping
from typing import Any, NamedTuple

from sfumato.data.items import MOST_CAPTIONS

NAME_FIELDS = ("file_name", "filename", "file", "path", "image", "audio", "file_path")
GROUP_FIELDS = ("group",)
SPLIT_FIELDS = ("split",)
_LABEL_FIELDS = ("label", "class", "category", "labels")
_CAPTION_FIELDS = ("text", "caption", "prompt", "description")

LONGEST = 500
"""The largest number of characters of the name of a class, and of the value of a column."""

_SEVERAL = "a list of several labels, of which the first is used"
_MANY = f"a list of captions, of which the first {MOST_CAPTIONS} are used"


class Name(NamedTuple):
    """The name of a file, and the field that holds it."""

    name: str
    field: str


class Label(NamedTuple):
    """A label.

    Attributes:
        name: The name of the class, if there is one.
        field: The field that holds it.
        problem: Why the field cannot be used.
        usual: What is not used of it, which is the same in many lines.
    """

    name: str | None = None
    field: str = ""
    problem: str = ""
    usual: str = ""


class Caption(NamedTuple):
    """A caption.

    Attributes:
        text: Its variants, one in each line, with single spaces between words; None without any.
        first: The first variant with all of its white space; None if it is empty.
        field: The field that holds it.
        problem: Why there is none.
        usual: What is not used of it, which is the same in many lines.
    """

    text: str | None = None
    first: str | None = None
    field: str = ""
    problem: str = ""
    usual: tuple[str, ...] = ()


def name_of(fields: Mapping[str, Any]) -> Name:
    """The name of the file that a line is about.

    Raises:
        ValueError: There is none.
    """
    for field in NAME_FIELDS:
        value = fields.get(field)
        if isinstance(value, str) and value.strip():
            return Name(value.strip(), field)
        if value is not None and value != "":
            raise ValueError(f"'{field}' is not a string")
    raise ValueError("has no 'file_name'")


def label_of(fields: Mapping[str, Any]) -> Label:
    """The label of the first field that has one; of a list the first member."""
    for field in _LABEL_FIELDS:
        value = fields.get(field)
        if value is None or value == []:
            continue
        is_several = isinstance(value, list) and len(value) > 1
        name, why = class_name(value[0] if isinstance(value, list) else value)
        if why:
            return Label(None, field, f"'{field}' {why}")
        return Label(name, field, usual=_SEVERAL if is_several else "")
    return Label()


def class_name(value: object) -> tuple[str | None, str]:
    """The name of a class, from a value of a field.

    A whole number that is stored as a float has the name of the number, so that 1.0 is "1", and
    truth values are "true" and "false". Names are composed (NFC).

    Returns:
        The name, or None if the value is empty, and why the value cannot be used.
    """
    if isinstance(value, bool):
        return str(value).lower(), ""
    if isinstance(value, float):
        if not math.isfinite(value):
            # Programs write NaN for an empty cell.
            return None, "" if math.isnan(value) else "is infinite, which is no name of a class"
        return str(int(value)) if value.is_integer() else repr(value), ""
    if not isinstance(value, str | int):
        return None, f"is {_kind(value)}, which is no name of a class"
    name = str(value).strip()
    if len(name) > LONGEST:
        return None, f"has {len(name):,} characters, which is no name of a class"
    if readable(name) != name:
        return None, "is not valid Unicode, so the label is not used"
    return unicodedata.normalize("NFC", name) or None, ""


def caption_of(fields: Mapping[str, Any]) -> Caption:
    """The caption of the first field that has one.

    The members of a list are variants. A string is one caption: its line feeds become spaces.
    """
    first, problem = text_of(fields, _CAPTION_FIELDS)
    for field in _CAPTION_FIELDS:
        value = fields.get(field)
        texts = [_plain(member) for member in (value if isinstance(value, list) else [value])]
        variants = [" ".join(text.split()) for text in texts if text]
        if variants:
            usual = [_MANY] if len(variants) > MOST_CAPTIONS else []
            if None in texts:
                usual.append(f"'{field}' has members that are no texts and are not used")
            text = "\n".join(variants[:MOST_CAPTIONS])
            return Caption(text, first, field, "", tuple(usual))
    return Caption(problem=problem)


def text_of(fields: Mapping[str, Any], names: tuple[str, ...]) -> tuple[str | None, str]:
    """The first of some fields that holds text or a number; of a list the first member.

    Returns:
        The text, or None if there is none, and why a field cannot be used.
    """
    why = ""
    for name in names:
        value = fields.get(name)
        if isinstance(value, list):
            value = value[0] if value else None
        text = _plain(value)
        if text:
            return text, ""
        if text is None:
            why = f"'{name}' is {_kind(value)} and is not used"
    return None, why


def _plain(value: object) -> str | None:
    """A value as text; empty if there is none, and None if it is an object or a list."""
    if value is None:
        return ""
    if isinstance(value, str):
        return readable(value).strip()
    return class_name(value)[0] or "" if isinstance(value, int | float) else None


def _kind(value: object) -> str:
    return "an object" if isinstance(value, dict) else "a list of lists"


def readable(text: str) -> str:
    """A text without lone surrogates, which cannot be stored."""
    return text.encode("utf-8", "surrogatepass").decode("utf-8", "replace")
