"""Bytes and characters as tokens, and the list of all tokenizers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sfumato.errors import DamagedFile, DataError
from sfumato.media.text.settings import TextSettings
from sfumato.media.text.tokenizer import (
    REPLACEMENT,
    BPETokenizer,
    Tokenizer,
    position,
    require_package,
)

__all__ = [
    "ByteTokenizer",
    "CharacterTokenizer",
    "Tokenizer",
    "learn_tokenizer",
    "require_extra",
    "tokenizer_from_json",
]

# Never part of valid UTF-8, so it decodes to U+FFFD.
_NO_BYTE = 0xFF


class ByteTokenizer(Tokenizer):
    """Every byte of UTF-8 is a token; there is nothing to learn and nothing is unknown."""

    @property
    def size(self) -> int:
        """256."""
        return 256

    def encode(self, text: str) -> NDArray[np.int32]:
        """The bytes of a text, shape (n,)."""
        return np.frombuffer(_utf8(text), dtype=np.uint8).astype(np.int32)

    def encode_batch(self, texts: Sequence[str]) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
        """As the base class says, without an array for every text."""
        parts = [_utf8(text) for text in texts]
        lengths = np.array([len(part) for part in parts], dtype=np.int64)
        return np.frombuffer(b"".join(parts), dtype=np.uint8).astype(np.int32), lengths

    def decode(self, tokens: ArrayLike) -> str:
        """The text of some bytes; what is not UTF-8 becomes U+FFFD."""
        values = np.asarray(tokens, dtype=np.int64)
        values = np.where((values >= 0) & (values < self.size), values, _NO_BYTE)
        return values.astype(np.uint8).tobytes().decode("utf-8", errors="replace")

    def characters(self, tokens: ArrayLike) -> int:
        """How many of the bytes begin a character."""
        # Bytes 10xxxxxx go on with one.
        return int(np.count_nonzero(np.asarray(tokens, dtype=np.int64) & 0xC0 != 0x80))

    def to_json(self) -> dict[str, Any]:
        """Its kind."""
        return {"kind": "bytes"}


class CharacterTokenizer(Tokenizer):
    """Every code point that training has seen is a token; one more stands for all others.

    Args:
        alphabet: The code points, sorted, each once.
    """

    def __init__(self, alphabet: str) -> None:
        self.alphabet = alphabet
        points = _code_points(alphabet)
        # Two longer than needed at least: all that lies beyond is clipped to the last place.
        table = np.full((int(points[-1]) if len(points) else 0) + 2, self.unknown, dtype=np.int32)
        table[points] = np.arange(len(points), dtype=np.int32)
        self._token_of = table
        self._point_of = np.append(points, np.uint32(ord(REPLACEMENT))).astype("<u4")

    @classmethod
    def learn(cls, texts: Iterable[str]) -> CharacterTokenizer:
        """The tokenizer of the characters that occur in some texts."""
        seen: set[str] = set()
        for text in texts:
            seen.update(text)
        # Half a character cannot be written to a file, and no text should hold one.
        return cls("".join(sorted(one for one in seen if not "\ud800" <= one <= "\udfff")))

    @property
    def size(self) -> int:
        """The length of the alphabet, and one for the unknown."""
        return len(self.alphabet) + 1

    @property
    def unknown(self) -> int:
        """The last token."""
        return len(self.alphabet)

    def encode(self, text: str) -> NDArray[np.int32]:
        """One token for every code point, shape (len(text),)."""
        points = _code_points(text)
        tokens: NDArray[np.int32] = self._token_of[np.minimum(points, len(self._token_of) - 1)]
        return tokens

    def encode_batch(self, texts: Sequence[str]) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
        """As the base class says, without an array for every text."""
        lengths = np.array([len(text) for text in texts], dtype=np.int64)
        return self.encode("".join(texts)), lengths

    def decode(self, tokens: ArrayLike) -> str:
        """The text of some tokens; the unknown one becomes U+FFFD."""
        values = np.asarray(tokens, dtype=np.int64)
        values = np.where((values >= 0) & (values < self.size), values, self.unknown)
        return self._point_of[values].tobytes().decode("utf-32-le")

    def characters(self, tokens: ArrayLike) -> int:
        """How many tokens there are."""
        return int(np.size(tokens))

    def check(self, text: str) -> None:
        """Make sure that every character was seen in training.

        Raises:
            DataError: One was not; says which and where.
        """
        super().check(text)
        strange = np.flatnonzero(self.encode(text) == self.unknown)
        if len(strange):
            character = text[strange[0]]
            others = len({text[place] for place in strange}) - 1
            more = f" (and {others} more)" if others else ""
            raise DataError(
                f"The model has never seen {shown(character)}{more}, "
                f"which stands at {position(text, int(strange[0]))}.",
                why=f"its {len(self.alphabet)} characters are those of its training data",
                hint="leave it out or replace it; or train a model with medium.tokens=bytes, "
                "which can read everything.",
            )

    def to_json(self) -> dict[str, Any]:
        """Its kind and its alphabet."""
        return {"kind": "characters", "alphabet": self.alphabet}


def shown(character: str) -> str:
    """A character and its number, for a message: ``'é' (U+00E9)``."""
    return f"{character!r} (U+{ord(character):04X})"


def require_extra(settings: TextSettings) -> None:
    """Make sure, before anything is read, that the tokens asked for can be learned.

    Raises:
        MissingExtra: ``tokens`` is ``bpe`` and the package for it is not installed.
    """
    if settings.tokens == "bpe":
        require_package()


def learn_tokenizer(settings: TextSettings, texts: Iterable[str]) -> Tokenizer:
    """The tokenizer that the settings ask for, learned from the training texts.

    Raises:
        MissingExtra: ``tokens`` is ``bpe`` and the package for it is not installed.
    """
    if settings.tokens == "bytes":
        return ByteTokenizer()
    if settings.tokens == "bpe":
        return BPETokenizer.learn(texts, settings.vocabulary, settings.across_words)
    return CharacterTokenizer.learn(texts)


def tokenizer_from_json(value: Mapping[str, Any]) -> Tokenizer:
    """Make a tokenizer again from what its ``to_json`` gave.

    Raises:
        DamagedFile: That is not what was given.
        MissingExtra: It needs a package that is not installed.
    """
    fields = dict(value)
    make = _KINDS.get(str(fields.pop("kind", None)))
    if make is None:
        raise _damaged(f"the kind is {value.get('kind')!r}; known: {', '.join(sorted(_KINDS))}")
    try:
        return make(**fields)
    except (TypeError, ValueError) as error:
        raise _damaged(str(error)) from error


def _stored_characters(alphabet: Any) -> CharacterTokenizer:
    if not isinstance(alphabet, str) or not alphabet:
        raise ValueError("the alphabet is missing")
    if any(one >= other for one, other in pairwise(alphabet)):
        raise ValueError("the alphabet is not in order")
    return CharacterTokenizer(alphabet)


_KINDS: dict[str, Callable[..., Tokenizer]] = {
    "bytes": ByteTokenizer,
    "characters": _stored_characters,
    "bpe": BPETokenizer,
}


def _damaged(why: str) -> DamagedFile:
    return DamagedFile("The description of the tokens cannot be understood.", why=why)


def _utf8(text: str) -> bytes:
    # Halves of characters become bytes that are not UTF-8, and U+FFFD when they are decoded.
    return text.encode("utf-8", errors="surrogatepass")


def _code_points(text: str) -> NDArray[np.uint32]:
    return np.frombuffer(text.encode("utf-32-le", errors="surrogatepass"), dtype="<u4")
