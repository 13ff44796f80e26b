"""Captions in text files beside the items that they describe: ``kite.txt`` beside ``kite.png``.

Each line of such a file is a variant of the caption. What is wrong with a caption is reported, and
so is a caption without an item; neither costs an item.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from sfumato.data.items import MOST_CAPTIONS, lines_of_caption
from sfumato.data.walk import Found, Rejected
from sfumato.reading.short import Short, read_short
from sfumato.reading.stream import Unusable

ABOUT_CAPTIONS = "a caption"
"""How the reasons begin that are about a caption and not about an item."""

_LIMIT = 64 * 1024


class Captions:
    """Reads the captions of a folder, and finds those that describe no item.

    Files are added in any order, and are remembered only until their counterpart is added.

    Args:
        root: The folder.
        noun: A plural noun for the items.
    """

    def __init__(self, root: Path, noun: str) -> None:
        self._root = root
        self._noun = noun
        self._problems: list[Rejected] = []
        self._last: tuple[str, str | None] = "", None
        self._folders: set[str] = set()
        # Texts that are still to come, and whether they are captions of items.
        self._expected: dict[str, bool] = {}
        # Texts that came before an item of their name, and whether a file of that name exists.
        self._alone: dict[str, bool] = {}
        # Number of captions that were read as Windows-1252, and the first of them.
        self._western, self._first_western = 0, ""

    def read(self, path: str) -> str | None:
        """The caption in a file beside an item; None if it holds none.

        Args:
            path: The file, relative to the folder.
        """
        if path != self._last[0]:
            self._last = path, self._text(path)
        return self._last[1]

    def expect(self, path: str, of_item: bool) -> bool:
        """Note that the file is there which a text describes.

        Args:
            path: The path of the text.
            of_item: Whether that file is an item, so that the text is a caption.

        Returns:
            Whether the text came before and turns out to be a caption.
        """
        if of_item:
            self._folders.add(_folder(path))
        if path not in self._alone:
            self._expected[path] = of_item or self._expected.get(path, False)
            return False
        if of_item:
            del self._alone[path]
        else:
            self._alone[path] = True
        return of_item

    def is_caption(self, path: str) -> bool:
        """Note that there is a text, and tell whether it is known to be a caption."""
        of_item = self._expected.pop(path, None)
        if not of_item:
            self._alone[path] = of_item is not None
        return bool(of_item)

    def problems(self) -> Iterator[Rejected]:
        """What is wrong with the captions, once all files have come.

        A text without an item is a caption only where texts beside it are.
        """
        yield from self._problems
        if self._western:
            files = f" ({self._western:,} files)" if self._western > 1 else ""
            reason = f"{ABOUT_CAPTIONS} that is not UTF-8: it was read as Windows-1252{files}"
            yield Rejected(self._first_western, reason)
        for path, is_known in self._alone.items():
            if not is_known and _folder(path) in self._folders:
                yield Rejected(path, f"{ABOUT_CAPTIONS}, but none of the {self._noun} has its name")

    def _text(self, path: str) -> str | None:
        place = self._root / path
        try:
            if not place.is_file():
                return None  # The walk says what it is.
            found = read_short(place, _LIMIT)
        except OSError as error:
            self._note(path, f"that cannot be read: {error.strerror}")
            return None
        except Unusable as error:
            self._note(path, f"that {error}")
            return None
        self._check(path, found)
        return found.text.strip() or None

    def _check(self, path: str, found: Short) -> None:
        """Note what is wrong with a caption."""
        lines = sum(1 for _ in lines_of_caption(found.text))
        if not lines:
            self._note(path, "that is empty")
        if lines > MOST_CAPTIONS:
            self._note(path, f"of {lines:,} lines, of which the first {MOST_CAPTIONS} are used")
        if found.is_cut:
            self._note(path, f"longer than {_LIMIT >> 10} KiB, the rest of which is not used")
        if found.replaced:
            places = f"{found.replaced:,} place{'s' if found.replaced > 1 else ''}"
            self._note(path, f"with bytes that are no text: {places} became U+FFFD")
        if found.encoding == "cp1252":
            self._western += 1
            self._first_western = self._first_western or path

    def _note(self, path: str, reason: str) -> None:
        self._problems.append(Rejected(path, f"{ABOUT_CAPTIONS} {reason}"))


def caption_beside(file: Found) -> str:
    """The path of the text of the same name beside a file; empty if there is none."""
    folder, slash, name = file.path.rpartition("/")
    beside = text_of_name(name)
    return f"{folder}{slash}{beside}" if beside in file.texts else ""


def text_of_name(path: str) -> str:
    """The path that the text has which describes a file."""
    return f"{path.rpartition('.')[0]}.txt"


def _folder(path: str) -> str:
    return path.rpartition("/")[0]
