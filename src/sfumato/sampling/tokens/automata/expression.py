r"""Regular expressions: their syntax, and their trees.

The syntax is a part of that of Python's ``re``, with the same meaning, and a text has to match as a
whole:

    a \n \t \. \x41 \u00e9     characters; all but \ . | ( ) [ ] { } * + ? ^ $ stand for themselves
    .                          any character but a line feed
    [a-z_] [^a-z]              one of a set of characters, or one of all others
    \d \w \s \D \W \S          digits, letters with digits and _, white space; and all others
    ab  a|b  (a)  (?:a)        one after the other, one or the other, groups
    a* a+ a? a{2} a{2,} a{2,4} repetition; a? behind one (laziness) changes nothing

References to groups, conditions on what stands around (``^ $ \b (?=...)``) and flags are refused.
U+FFFD and halves of characters match nothing.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from sfumato.errors import SettingError
from sfumato.sampling.tokens.automata.characters import (
    CODE_POINTS,
    Bounds,
    category,
    joined,
    one_of,
    valid,
    without,
)

MOST_CHARACTERS = 2000
"""The largest length of a pattern."""
_DEEPEST = 40
_SPECIAL = "\\.|()[]{}*+?^$"
_COUNTS = re.compile(r"([*+?])|\{(\d{1,6})?(,)?(\d{1,6})?\}", re.ASCII)
_CONTROL: Mapping[str, str] = {"n": "\n", "t": "\t", "r": "\r", "f": "\f", "v": "\v", "a": "\a"}
_HEX: Mapping[str, int] = {"x": 2, "u": 4, "U": 8}


@dataclass(frozen=True)
class CharacterSet:
    """One character of a set."""

    bounds: Bounds


@dataclass(frozen=True)
class Concatenation:
    """Parts one after the other; none is the empty text."""

    parts: tuple[Node, ...]


@dataclass(frozen=True)
class Alternation:
    """One of several parts."""

    parts: tuple[Node, ...]


@dataclass(frozen=True)
class Repetition:
    """A part again and again; ``most`` None is any number of times."""

    part: Node
    least: int
    most: int | None


Node = CharacterSet | Concatenation | Alternation | Repetition


def parsed(pattern: str) -> Node:
    """The tree of a regular expression.

    Raises:
        SettingError: It cannot be understood, or is too long; the message names the place.
    """
    if len(pattern) > MOST_CHARACTERS:
        raise SettingError(
            "The pattern is too long.",
            why=f"it has {len(pattern):,} characters; at most {MOST_CHARACTERS:,} are allowed",
        )
    return _Parser(pattern).whole()


class _Parser:
    """A parser by descent, whose depth is bounded."""

    def __init__(self, pattern: str) -> None:
        self.text = pattern
        self.at = 0
        self.depth = 0

    def whole(self) -> Node:
        tree = self._choice()
        if self.at < len(self.text):
            raise self._wrong("there is a ')' without its '('", r"write \) for the character")
        return tree

    def _peek(self) -> str:
        return self.text[self.at : self.at + 1]

    def _next(self) -> str:
        if not (found := self._peek()):
            raise self._wrong("the pattern ends too early", "")
        self.at += 1
        return found

    def _choice(self) -> Node:
        parts = [self._sequence()]
        while self._peek() == "|":
            self.at += 1
            parts.append(self._sequence())
        return parts[0] if len(parts) == 1 else Alternation(tuple(parts))

    def _sequence(self) -> Node:
        parts: list[Node] = []
        while self._peek() and self._peek() not in "|)":
            parts.append(self._repeated(self._one()))
        return parts[0] if len(parts) == 1 else Concatenation(tuple(parts))

    def _one(self) -> Node:
        begin, found = self.at, self._next()
        if found == "(":
            return self._group()
        if found == "[":
            return self._class()
        if found == ".":
            return CharacterSet(without(one_of("\n")))
        if found == "\\":
            return CharacterSet(self._escaped())
        if found not in _SPECIAL:
            return CharacterSet(one_of(found))
        self.at = begin
        if found in "^$":
            raise self._wrong(
                f"'{found}' is no character",
                f"leave it out: a gap matches as a whole; or \\{found}",
            )
        nothing = "there is nothing to repeat" if found in "*+?{" else f"'{found}' stands alone"
        raise self._wrong(nothing, f"write \\{found} for the character")

    def _group(self) -> Node:
        begin = self.at - 1
        if self._peek() == "?":
            if self.text[self.at : self.at + 2] != "?:":
                raise self._wrong(
                    "only groups ( ) and (?: ) are known", "leave out flags, names and conditions"
                )
            self.at += 2
        self.depth += 1
        if self.depth > _DEEPEST:
            raise self._wrong(f"groups are nested more than {_DEEPEST} deep", "")
        tree = self._choice()
        self.depth -= 1
        if self._peek() != ")":
            self.at = begin
            raise self._wrong("this '(' is not closed", r"write \( for the character")
        self.at += 1
        return tree

    def _repeated(self, part: Node) -> Node:
        found = _COUNTS.match(self.text, self.at)
        if found is None or found[0] in ("{}", "{,}"):
            if self._peek() == "{":
                raise self._wrong("'{' begins no repetition", r"write {2} or {2,4}, or \{")
            return part
        sign, low, comma, high = found.groups()
        least, most = {"*": (0, None), "+": (1, None), "?": (0, 1)}.get(
            sign, (int(low or 0), int(high) if high else None if comma else int(low or 0))
        )
        if most is not None and most < least:
            raise self._wrong(f"{found[0]} has its numbers in the wrong order", "")
        self.at = found.end()
        if self._peek() == "?":
            self.at += 1
        if self._peek() and self._peek() in "*+{?":
            raise self._wrong("a repetition is repeated", "put the first one into a group ( )")
        return Repetition(part, least, most)

    def _escaped(self) -> Bounds:
        letter = self._next()
        if letter in "dwsDWS":
            return category(letter)
        if letter in _CONTROL:
            return one_of(_CONTROL[letter])
        if letter in _HEX:
            digits = self.text[self.at : self.at + _HEX[letter]]
            if not re.fullmatch(f"[0-9a-fA-F]{{{_HEX[letter]}}}", digits):
                raise self._wrong(f"\\{letter} needs {_HEX[letter]} hexadecimal digits", "")
            if int(digits, 16) >= CODE_POINTS:
                raise self._wrong(f"\\{letter}{digits} is no character", "")
            self.at += _HEX[letter]
            return one_of(chr(int(digits, 16)))
        if letter.isascii() and letter.isalnum():
            self.at -= 2
            raise self._wrong(
                f"\\{letter} is not known", r"known are \d \w \s \D \W \S \n \t \r \x \u"
            )
        return one_of(letter)

    def _class(self) -> CharacterSet:
        begin, members = self.at - 1, list[Bounds]()
        is_negated = self._peek() == "^"
        self.at += is_negated
        while self._peek() != "]" or not members:
            if not self._peek():
                self.at = begin
                raise self._wrong("this '[' is not closed", r"write \[ for the character")
            place, low = self.at, self._member()
            if self._peek() == "-" and self.text[self.at + 1 : self.at + 2] not in ("]", ""):
                self.at += 1
                low = self._range(place, low, self._member())
            members.append(low)
        self.at += 1
        every = joined(members)
        return CharacterSet(without(every) if is_negated else every)

    def _range(self, place: int, low: Bounds, high: Bounds) -> Bounds:
        singles = all(len(each) == 2 and each[1] - each[0] == 1 for each in (low, high))
        if not singles or high[0] < low[0]:
            self.at = place
            raise self._wrong("this is not a range of characters", r"write \- for the character")
        return valid((low[0], high[1]))

    def _member(self) -> Bounds:
        found = self._next()
        return self._escaped() if found == "\\" else one_of(found)

    def _wrong(self, why: str, hint: str) -> SettingError:
        return SettingError(
            f"The pattern {shortened(self.text)} cannot be understood at character {self.at + 1}.",
            why=why,
            hint=hint,
        )


def shortened(pattern: str) -> str:
    """A pattern for a message."""
    return f"'{pattern}'" if len(pattern) <= 60 else f"'{pattern[:60]}...'"
