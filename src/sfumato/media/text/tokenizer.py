"""What every tokenizer can do."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sfumato.errors import DataError

# What stands for something that cannot be shown: U+FFFD, the replacement character.
REPLACEMENT = "\ufffd"

_PIECE = 1 << 20
_SEAM = re.compile(r"(?<=[!-~])[ \n]")
_SURROGATE = re.compile("[\ud800-\udfff]")


class Tokenizer(ABC):
    """Text to tokens and back; tokens are integers in [0, ``size``)."""

    @property
    @abstractmethod
    def size(self) -> int:
        """How many different tokens there are."""

    @property
    def unknown(self) -> int | None:
        """The token of all that was never seen, which is not to be generated; often there is none.

        It is met only when a text is encoded that the tokens were not learned from.
        """
        return None

    @abstractmethod
    def encode(self, text: str) -> NDArray[np.int32]:
        """The tokens of a text, shape (n,)."""

    @abstractmethod
    def decode(self, tokens: ArrayLike) -> str:
        """The text of some tokens, shape (n,).

        Never raises: what is no text becomes U+FFFD, and so do numbers that are no tokens.
        """

    @abstractmethod
    def characters(self, tokens: ArrayLike) -> int:
        """How many characters begin in these tokens.

        The counts of two parts of a text add up to the count of the whole, wherever it is cut.
        """

    @abstractmethod
    def to_json(self) -> dict[str, Any]:
        """All that is needed to make it again, as plain JSON values."""

    def encode_batch(self, texts: Sequence[str]) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
        """Encode many texts at once.

        Returns:
            Their tokens laid end to end, and how many tokens each text has, shape (len(texts),).
        """
        parts = [self.encode(text) for text in texts]
        lengths = np.array([len(part) for part in parts], dtype=np.int64)
        return np.concatenate([np.empty(0, np.int32), *parts]), lengths

    def check(self, text: str) -> None:
        """Make sure that a text can be given to a model.

        Raises:
            DataError: It holds something that the tokens cannot stand for; says what and where.
        """
        if found := _SURROGATE.search(text):
            raise DataError(
                f"The text is not valid Unicode at {position(text, found.start())}.",
                why=f"U+{ord(found.group()):04X} is half of a character",
                hint="save the text as UTF-8 and try again.",
            )


def position(text: str, index: int) -> str:
    """A place in a text as people name it: line and column, both from 1."""
    line = text.count("\n", 0, index) + 1
    column = index - text.rfind("\n", 0, index)
    return f"line {line}, column {column}"


def pieces(text: str, least: int = _PIECE) -> Iterator[str]:
    """Cut a long text into parts of about ``least`` characters or more.

    Cuts fall between a word and the space after it, where no tokenizer joins the two sides unless
    its pieces run across words: the tokens of the parts, laid end to end, are the tokens of the
    whole. Where there is no such place the cut falls anywhere, and then this holds for characters
    and bytes alone.
    """
    start = 0
    while start < len(text):
        seam = _SEAM.search(text, start + least, start + 2 * least)
        stop = seam.start() if seam else start + 2 * least
        yield text[start:stop]
        start = stop


def without_halves(text: str) -> str:
    """A text with U+FFFD for every lone surrogate, which UTF-8 cannot express."""
    return _SURROGATE.sub(REPLACEMENT, text)
