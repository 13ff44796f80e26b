"""The elements of the arrays in a JSON file, one by one, in bounded memory.

An array is the whole file, or the value of a field of the object that the file holds. An object
without an array of objects is an element itself. A file can hold several objects, one after the
other.
"""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from sfumato.reading.rows import json_reason

_SPACE = re.compile(r"[ \t\n\r]*")
_DECODER = json.JSONDecoder()


class Element(NamedTuple):
    """An element.

    Attributes:
        line: The number of the line in which it begins, from 1.
        value: The element.
        name: The name of the field that holds its array; None without one.
    """

    line: int
    value: Any
    name: str | None = None


class NotJSON(ValueError):
    """A file that is not JSON from some place on.

    Attributes:
        line: The number of the line, from 1.
    """

    def __init__(self, line: int, reason: str) -> None:
        super().__init__(reason)
        self.line = line


def elements_of(chunks: Iterable[bytes], limit: int) -> Iterator[Element]:
    """The elements of a JSON file.

    Args:
        chunks: The file, in UTF-8.
        limit: The largest number of characters of an element.

    Raises:
        NotJSON: The file is not JSON, holds neither an array nor an object, or has an element that
            is too large; what comes before has been yielded.
    """
    text = _Text(chunks, limit)
    if text.next() == "[":
        yield from _elements(text)
        if text.next():
            raise NotJSON(text.line, "not JSON: there is more behind the array")
        return
    while first := text.next():
        if first != "{":
            raise NotJSON(text.line, "holds neither an array nor an object")
        yield from _in_object(text)


def _elements(text: _Text, name: str | None = None) -> Iterator[Element]:
    text.take("[")
    if text.next() == "]":
        text.take("]")
        return
    while True:
        text.next()
        line = text.line
        yield Element(line, text.value(), name)
        if text.next() == "]":
            text.take("]")
            return
        text.take(",")


def _in_object(text: _Text) -> Iterator[Element]:
    """The elements of the arrays of objects in an object; without any, the object."""
    line, fields, has_array = text.line, dict[str, Any](), False
    text.take("{")
    while text.next() != "}":
        key = text.value()
        if not isinstance(key, str):
            raise NotJSON(text.line, "not JSON: a name of a field is missing")
        text.take(":")
        if text.next() == "[" and text.next(ahead=1) == "{":
            has_array = True
            yield from _elements(text, key)
        else:
            fields[key] = text.value()
        if text.next() != "}":
            text.take(",")
    text.take("}")
    arrays = [value for value in fields.values() if isinstance(value, list) and value]
    if has_array:
        return
    if len(fields) == len(arrays) == 1 and all(isinstance(each, str) for each in arrays[0]):
        yield from (Element(line, each, name) for name in fields for each in arrays[0])
    else:
        yield Element(line, fields)


class _Text:
    """The text of a file, of which only the part is in memory that is being parsed.

    Attributes:
        line: The number of the line at the present place.
    """

    def __init__(self, chunks: Iterable[bytes], limit: int) -> None:
        self._chunks = iter(chunks)
        self._decode = codecs.getincrementaldecoder("utf-8")("replace").decode
        self._limit = limit
        self._buffer = ""
        self._place = 0
        self._is_over = False
        self.line = 1

    def next(self, ahead: int = 0) -> str:
        """The next character that is not white space, or the one after it; empty at the end."""
        place = self._place
        for number in range(ahead + 1):
            place = self._behind_space(place)
            if number < ahead:
                place += 1
        if not ahead:
            self._go(place)
            place = self._place
        return self._buffer[place : place + 1]

    def take(self, character: str) -> None:
        """Go on behind a character.

        Raises:
            NotJSON: It does not come next.
        """
        if self.next() != character:
            raise NotJSON(self.line, f"not JSON: '{character}' expected")
        self._place += 1

    def value(self) -> Any:
        """Parse the next value.

        Raises:
            NotJSON: There is none, or it is too large.
        """
        self.next()
        while True:
            try:
                value, stop = _DECODER.raw_decode(self._buffer, self._place)
            except RecursionError as error:
                raise NotJSON(self.line, "not JSON: nested too deeply") from error
            except ValueError as error:
                if not self._more():
                    raise NotJSON(self.line, f"not JSON: {json_reason(error)}") from error
                continue
            # A number at the end of what was read may go on.
            if stop < len(self._buffer) or not self._more():
                if stop - self._place > self._limit:
                    raise self._too_large()
                self._go(stop)
                return value

    def _behind_space(self, place: int) -> int:
        """The next place without white space, at which there is a character if any is left.

        Raises:
            NotJSON: There is too much of it.
        """
        while True:
            found = _SPACE.match(self._buffer, place)
            place = place if found is None else found.end()
            if place < len(self._buffer) or self._is_over:
                return place
            before = self._place
            if len(self._buffer) - before > self._limit + 1:
                raise self._too_large()
            self._read(2 * (len(self._buffer) - before) + 1)
            place -= before - self._place

    def _go(self, place: int) -> None:
        self.line += self._buffer.count("\n", self._place, place)
        self._place = place

    def _more(self) -> bool:
        """Double what was read of the present value, which keeps the time linear.

        Raises:
            NotJSON: The value is too large.
        """
        size = len(self._buffer) - self._place
        if self._is_over:
            return False
        if size > self._limit:
            raise self._too_large()
        self._read(2 * size)
        return True

    def _too_large(self) -> NotJSON:
        return NotJSON(self.line, f"a value is larger than {self._limit:,} characters, or not JSON")

    def _read(self, least: int) -> None:
        """Read until ``least`` characters are ahead; what is behind is forgotten."""
        parts, size = [self._buffer[self._place :]], len(self._buffer) - self._place
        self._place = 0
        while size < least and not self._is_over:
            chunk = next(self._chunks, None)
            self._is_over = chunk is None
            parts.append(self._decode(chunk or b"", final=self._is_over))
            size += len(parts[-1])
        self._buffer = "".join(parts)
