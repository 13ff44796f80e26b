"""Tokens of captions: common words, and the characters and bytes of all others.

A caption is composed (NFKC) and in lower case. Its words and signs are tokens if they are in the
vocabulary; other words are spelled by their characters, and characters that are not in it by the
bytes of their UTF-8. So every text in every language has tokens, and no vocabulary is downloaded.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from functools import lru_cache
from unicodedata import normalize

_PIECES = re.compile(r"\w+|[^\w\s]")
_BYTES = 256
_FIRST = 1 + _BYTES
"""Number of the first token of the vocabulary, after that of no token and those of the bytes."""
_CHARACTERS = 512
_LONGEST = 40
"""Longer words are spelled."""
MOST_READ = 1 << 16
"""Number of characters of a caption that are read."""


class Vocabulary:
    """The tokens of captions.

    Token 0 stands for no token, 1 to 256 for bytes, and the rest for the entries in their order.

    Args:
        entries: Common words, and characters.
    """

    def __init__(self, entries: Sequence[str]) -> None:
        self._numbers = {entry: number for number, entry in enumerate(entries, _FIRST)}

    @property
    def size(self) -> int:
        """Number of tokens, with that of no token."""
        return _FIRST + len(self._numbers)

    def tokens(self, text: str) -> list[int]:
        """The tokens of a caption; none for one of spaces alone."""
        found: list[int] = []
        for piece in pieces(text):
            known = self._numbers.get(piece)
            if known is not None:
                found.append(known)
                continue
            for character in piece:
                number = self._numbers.get(character)
                spelled = [1 + byte for byte in character.encode("utf-8", "replace")]
                found += spelled if number is None else [number]
        return found

    def unknown(self, text: str) -> list[str]:
        """The words of a caption that are spelled, in their order."""
        found = [piece for piece in pieces(text) if piece not in self._numbers]
        return list(dict.fromkeys(word for word in found if len(word) > 1))

    def first(self, text: str, length: int) -> str:
        """The beginning of a caption that ``length`` tokens hold, in whole words."""
        shown: list[str] = []
        count = 0
        for piece in pieces(text):
            count += len(self.tokens(piece))
            if count > length:
                break
            shown.append(piece)
        return " ".join(shown)


@lru_cache(maxsize=64)
def vocabulary(entries: tuple[str, ...]) -> Vocabulary:
    """The vocabulary of some entries, which is made once."""
    return Vocabulary(entries)


def pieces(text: str) -> list[str]:
    """The words and signs of a caption, composed and in lower case."""
    return _PIECES.findall(normalize("NFKC", text[:MOST_READ]).lower())


def common(captions: Iterable[str], most: int, least: int) -> tuple[str, ...]:
    """The entries of a vocabulary for some captions.

    Args:
        captions: The captions of the training items.
        most: Largest number of entries.
        least: Number of times that a word has to occur.

    Returns:
        The most frequent words, then the most frequent characters that are no words of their own.
    """
    words: Counter[str] = Counter()
    characters: Counter[str] = Counter()
    for caption in captions:
        for piece in pieces(caption):
            characters.update(piece)
            if len(piece) <= _LONGEST:
                words[piece] += 1
    single = [character for character, _ in _ranked(characters)[:_CHARACTERS]]
    frequent = [word for word, count in _ranked(words) if count >= least]
    return tuple(dict.fromkeys([*frequent[: max(0, most - len(single))], *single]))[:most]


def _ranked(counts: Counter[str]) -> list[tuple[str, int]]:
    """The most frequent first; equally frequent ones in the order of their characters."""
    return sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))
