"""Which files of a folder are looked at: patterns to include and to exclude, links, own outputs."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from typing import NamedTuple


class Selection(NamedTuple):
    """Which files of a folder are looked at.

    A pattern is a glob relative to the folder: ``*`` and ``?`` stand for characters of one name,
    ``**`` for any number of folders. A pattern without a slash applies to names at any depth, and
    one that matches a folder applies to everything in it.

    Attributes:
        include: Only files that match one of these patterns are looked at; all if empty.
        exclude: Files that match one of these patterns are not looked at.
        follow_links: Whether links to folders are followed.
        outputs: Whether samples that Sfumato made are looked at.
    """

    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    follow_links: bool = False
    outputs: bool = False


class Patterns:
    """Matches paths with patterns, and notes which of them matched.

    Args:
        patterns: See :class:`Selection`.
    """

    def __init__(self, patterns: tuple[str, ...]) -> None:
        self._patterns = [(pattern, _compiled(pattern)) for pattern in patterns]
        self._matched: set[str] = set()

    def __bool__(self) -> bool:
        return bool(self._patterns)

    def match(self, path: str) -> bool:
        """Whether a path, relative to the folder with ``/`` as separator, matches any pattern."""
        name = _composed(path)
        found = [pattern for pattern, expression in self._patterns if expression.fullmatch(name)]
        self._matched.update(found)
        return bool(found)

    def unmatched(self) -> Iterator[str]:
        """The patterns that no path has matched so far."""
        return (pattern for pattern, _ in self._patterns if pattern not in self._matched)


class Chooser:
    """Decides for each path whether a selection includes it.

    Args:
        selection: The patterns.
    """

    def __init__(self, selection: Selection) -> None:
        self._include, self._exclude = Patterns(selection.include), Patterns(selection.exclude)
        self._all = not self._include and not self._exclude

    def excludes(self, path: str) -> bool:
        """Whether a pattern of ``exclude`` matches a path."""
        return bool(self._exclude) and self._exclude.match(path)

    def includes(self, path: str) -> bool:
        """Whether a file is looked at."""
        if self._all:
            return True
        # Both are asked, so that a pattern counts as matched although another one decides.
        excluded = self.excludes(path)
        return (not self._include or self._include.match(path)) and not excluded

    def unmatched(self) -> Iterator[tuple[str, str]]:
        """The patterns without any file, each with the name of its option."""
        yield from (("include", pattern) for pattern in self._include.unmatched())
        yield from (("exclude", pattern) for pattern in self._exclude.unmatched())


def _composed(path: str) -> str:
    return path if path.isascii() else unicodedata.normalize("NFC", path)


def _compiled(pattern: str) -> re.Pattern[str]:
    text = _composed(pattern.replace("\\", "/").removeprefix("./")).strip("/")
    at_any_depth = "/" not in pattern.replace("\\", "/").strip("/") and not pattern.startswith("/")
    head = "(?:.*/)?" if at_any_depth else ""
    try:
        return re.compile(f"{head}{''.join(_parts(text))}(?:/.*)?", re.DOTALL)
    except re.error:  # A range such as [z-a]; the pattern is taken literally.
        return re.compile(f"{head}{re.escape(text)}(?:/.*)?", re.DOTALL)


def _parts(pattern: str) -> Iterator[str]:
    """The pieces of the regular expression of a pattern."""
    for piece in re.findall(r"\*\*/|\*+|\?|\[!?\]?[^\]]*\]|.", pattern, re.DOTALL):
        if piece == "**/":
            yield "(?:.*/)?"
        elif piece.startswith("*"):
            yield ".*" if len(piece) > 1 else "[^/]*"
        elif piece == "?":
            yield "[^/]"
        elif piece.startswith("[") and len(piece) > 2:
            negated = piece[1] == "!"
            inner = re.sub(r"([\\\[\]^&~|])", r"\\\1", piece[2 if negated else 1 : -1])
            yield f"[^/{inner}]" if negated else f"[{inner}]"
        else:
            yield re.escape(piece)
