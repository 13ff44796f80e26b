"""Captions of emoji: the short names and keywords of Unicode CLDR, and colours that were measured.

The words are in a table beside this module.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from importlib import resources
from typing import NamedTuple

from sfumato.catalogue.colours import COLOURS

_FLAG = "flag: "
_ASIDE = re.compile(r"\s*\([^)]*\)")
_PLAIN = str.maketrans({"’": "'", "“": "", "”": "", "!": ""})
_MANY = 5
_LISTS = 2
# A keyword that a person would type, and neither a code of a country nor chat shorthand.
_KEYWORD = re.compile(r"[a-z][a-z' -]{2,}")
# "Green farmer" would be about the farmer.
_NO_ADJECTIVE = frozenset(("people-body", "flags"))


class Words(NamedTuple):
    """What is known of one emoji in words.

    Attributes:
        name: Its short name in lower case, such as "red apple".
        keywords: Further words about it, which the name does not contain.
    """

    name: str
    keywords: tuple[str, ...]


def emoji_words() -> Mapping[str, Words]:
    """The words of every emoji of the table, by its code points."""
    text = resources.files(__package__).joinpath("emoji-words.tsv").read_text(encoding="utf-8")
    rows = (line.split("\t") for line in text.splitlines() if not line.startswith("#"))
    return {points: _words(name, keywords) for points, name, keywords in rows}


def name_captions(unicode_name: str, words: Words) -> tuple[str, ...]:
    """Captions without colours: the name of Unicode, the short name, and it with keywords."""
    return tuple(dict.fromkeys((unicode_name, words.name, *_listed(words))))


def colour_captions(words: Words, label: str, colour: str | None) -> tuple[str, ...]:
    """Captions of which the first has the colour of the drawing.

    Args:
        words: The words about the emoji.
        label: Its group in Unicode: the colour of a person is that of skin and clothes, so there it
            is no adjective.
        colour: Its colour; it is not used if the name has one already.
    """
    named = not _colours_in(words.name).isdisjoint(COLOURS)
    if colour is None or named:
        return (words.name, *_listed(words))
    mostly = f"{words.name}, mostly {colour}"
    first = () if label in _NO_ADJECTIVE else (f"{colour} {words.name}",)
    return (*first, mostly, words.name, *_listed(words))


def _words(name: str, keywords: str) -> Words:
    plain = _ASIDE.sub("", name.lower().translate(_PLAIN))
    if plain.startswith(_FLAG):
        plain = f"flag of {plain.removeprefix(_FLAG)}"
    plain = plain.replace(": ", ", ")
    known = set(re.findall(r"\w+", plain))
    others = (word for word in keywords.lower().translate(_PLAIN).split(", ") if word not in known)
    return Words(plain, tuple(filter(_KEYWORD.fullmatch, others)))


def _listed(words: Words) -> list[str]:
    starts = range(0, len(words.keywords), _MANY)[:_LISTS]
    return [", ".join((words.name, *words.keywords[at : at + _MANY])) for at in starts]


def _colours_in(name: str) -> frozenset[str]:
    return frozenset(re.findall(r"\w+", name))
