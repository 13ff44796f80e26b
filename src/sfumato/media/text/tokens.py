"""Tokenizers of bytes and characters, and the registry of all tokenizers."""

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
    without_halves,
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
_BYTES = tuple(bytes([byte]) for byte in range(256))


class ByteTokenizer(Tokenizer):
    """Every byte of UTF-8 is a token, so nothing is learned and no text is unknown."""

    @property
    def size(self) -> int:
        """256."""
        return 256

    @property
    def pieces(self) -> Sequence[bytes]:
        """Each byte."""
        return _BYTES

    def encode(self, text: str) -> NDArray[np.int32]:
        """The bytes of a text, shape (n,)."""
        return np.frombuffer(_utf8(text), dtype=np.uint8).astype(np.int32)

    def encode_batch(self, texts: Sequence[str]) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
        """See :meth:`Tokenizer.encode_batch`."""
        parts = [_utf8(text) for text in texts]
        lengths = np.array([len(part) for part in parts], dtype=np.int64)
        return np.frombuffer(b"".join(parts), dtype=np.uint8).astype(np.int32), lengths

    def decode(self, tokens: ArrayLike) -> str:
        """The text of some bytes; bytes that are not UTF-8 become U+FFFD."""
        values = np.asarray(tokens, dtype=np.int64)
        values = np.where((values >= 0) & (values < self.size), values, _NO_BYTE)
        return values.astype(np.uint8).tobytes().decode("utf-8", errors="replace")

    def characters(self, tokens: ArrayLike) -> int:
        """Number of bytes that begin a character."""
        # Bytes 10xxxxxx continue a character.
        return int(np.count_nonzero(np.asarray(tokens, dtype=np.int64) & 0xC0 != 0x80))

    def to_json(self) -> dict[str, Any]:
        """The kind."""
        return {"kind": "bytes"}


class CharacterTokenizer(Tokenizer):
    """Every code point of the training texts is a token; one more token stands for all others.

    Args:
        alphabet: The code points, sorted and without repetition.
    """

    def __init__(self, alphabet: str) -> None:
        self.alphabet = alphabet
        points = _code_points(alphabet)
        # At least one longer than needed: larger code points are clipped to the last place.
        table = np.full((int(points[-1]) if len(points) else 0) + 2, self.unknown, dtype=np.int32)
        table[points] = np.arange(len(points), dtype=np.int32)
        self._token_of = table
        self._point_of = np.append(points, np.uint32(ord(REPLACEMENT))).astype("<u4")

    @classmethod
    def learn(cls, texts: Iterable[str]) -> CharacterTokenizer:
        """The tokenizer of the characters that occur in some texts."""
        characters: set[str] = set()
        for text in texts:
            characters.update(text)
        # Half a character cannot be written to a file.
        return cls("".join(sorted(one for one in characters if not "\ud800" <= one <= "\udfff")))

    @property
    def size(self) -> int:
        """The length of the alphabet, plus one for the unknown token."""
        return len(self.alphabet) + 1

    @property
    def unknown(self) -> int:
        """The last token."""
        return len(self.alphabet)

    @property
    def forbidden(self) -> tuple[int, ...]:
        """The unknown token, and U+FFFD if the training texts hold it and another character."""
        place = self.alphabet.find(REPLACEMENT)
        own = (place,) if place >= 0 and len(self.alphabet) > 1 else ()
        return (*own, self.unknown)

    def encode(self, text: str) -> NDArray[np.int32]:
        """One token for every code point, shape (len(text),)."""
        points = _code_points(text)
        tokens: NDArray[np.int32] = self._token_of[np.minimum(points, len(self._token_of) - 1)]
        return tokens

    def encode_batch(self, texts: Sequence[str]) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
        """See :meth:`Tokenizer.encode_batch`."""
        lengths = np.array([len(text) for text in texts], dtype=np.int64)
        return self.encode("".join(texts)), lengths

    def decode(self, tokens: ArrayLike) -> str:
        """The text of some tokens; the unknown one becomes U+FFFD."""
        values = np.asarray(tokens, dtype=np.int64)
        values = np.where((values >= 0) & (values < self.size), values, self.unknown)
        return self._point_of[values].tobytes().decode("utf-32-le")

    def characters(self, tokens: ArrayLike) -> int:
        """The number of tokens."""
        return int(np.size(tokens))

    def check(self, text: str) -> None:
        """Check that every character of a text is in the alphabet.

        Raises:
            DataError: A character is not; the message names it and its position.
        """
        super().check(text)
        unknown = np.flatnonzero(self.encode(text) == self.unknown)
        if len(unknown):
            character = text[unknown[0]]
            others = len({text[place] for place in unknown}) - 1
            more = f" (and {others} more)" if others else ""
            raise DataError(
                f"The model has never seen {described(character)}{more}, "
                f"which is at {position(text, int(unknown[0]))}.",
                why=f"its {len(self.alphabet)} characters are those of its training data",
                hint="leave it out or replace it; or train a model with medium.tokens=bytes, "
                "which can read everything.",
            )

    def to_json(self) -> dict[str, Any]:
        """The kind and the alphabet."""
        return {"kind": "characters", "alphabet": self.alphabet}


def described(character: str) -> str:
    """A character and its code point, for a message: ``'é' (U+00E9)``."""
    return f"{character!r} (U+{ord(character):04X})"


def require_extra(settings: TextSettings) -> None:
    """Check that the package for a tokenizer is installed, before anything is read.

    Raises:
        MissingExtra: ``tokens`` is ``bpe`` and the package for it is not installed.
    """
    if settings.tokens == "bpe":
        require_package()


def learn_tokenizer(settings: TextSettings, texts: Iterable[str]) -> Tokenizer:
    """Learn the tokenizer of the settings from training texts.

    Raises:
        MissingExtra: ``tokens`` is ``bpe`` and the package for it is not installed.
    """
    if settings.tokens == "bytes":
        return ByteTokenizer()
    if settings.tokens == "bpe":
        return BPETokenizer.learn(texts, settings.vocabulary, settings.across_words)
    return CharacterTokenizer.learn(texts)


def tokenizer_from_json(value: Mapping[str, Any]) -> Tokenizer:
    """Restore a tokenizer from the result of :meth:`Tokenizer.to_json`.

    Raises:
        DamagedFile: The description is invalid.
        MissingExtra: The tokenizer needs a package that is not installed.
    """
    kind = value.get("kind") if isinstance(value, Mapping) else None
    if not isinstance(kind, str) or kind not in _KINDS:
        raise _damaged(f"the kind is {ascii(kind)[:80]}; known: {', '.join(sorted(_KINDS))}")
    names, make = _KINDS[kind]
    if value.keys() - {"kind"} != set(names):
        found = ascii(sorted(map(str, value.keys() - {"kind"})))[:200]
        raise _damaged(f"{kind} have the fields {', '.join(names) or 'none'}, and here are {found}")
    try:
        return make(*(value[name] for name in names))
    except (TypeError, ValueError) as error:
        raise _damaged(str(error)) from error


def _stored_characters(alphabet: Any) -> CharacterTokenizer:
    if not isinstance(alphabet, str) or not alphabet:
        raise ValueError("the alphabet is missing")
    if any(one >= other for one, other in pairwise(alphabet)):
        raise ValueError("the alphabet is not in order")
    if without_halves(alphabet) != alphabet:
        raise ValueError("the alphabet holds half of a character")
    return CharacterTokenizer(alphabet)


# The names of the stored fields of each kind, and what makes a tokenizer of their values.
_KINDS: dict[str, tuple[tuple[str, ...], Callable[..., Tokenizer]]] = {
    "bytes": ((), ByteTokenizer),
    "characters": (("alphabet",), _stored_characters),
    "bpe": (("model",), BPETokenizer),
}


def _damaged(why: str) -> DamagedFile:
    return DamagedFile("The description of the tokens cannot be understood.", why=why)


def _utf8(text: str) -> bytes:
    # Halves of characters become bytes that are not UTF-8, and U+FFFD when they are decoded.
    return text.encode("utf-8", errors="surrogatepass")


def _code_points(text: str) -> NDArray[np.uint32]:
    return np.frombuffer(text.encode("utf-32-le", errors="surrogatepass"), dtype="<u4")
