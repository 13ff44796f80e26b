"""The base of all tokenizers, and byte-pair encoding with the optional package ``tokenizers``.

Byte-pair encoding starts from the 256 bytes and repeatedly merges the most frequent pair of
neighbours in the training text into a new token (Sennrich, Haddow and Birch 2016,
arXiv:1508.07909; on bytes as in Radford et al. 2019, "Language models are unsupervised multitask
learners"). Every text can be encoded, and is decoded exactly.
"""

from __future__ import annotations

import codecs
import importlib
import re
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sfumato.errors import DataError, MissingExtra, panics_raised
from sfumato.media.text.stored import checked
from sfumato.sampling.tokens.spelling import Spelling

# U+FFFD, the replacement character.
REPLACEMENT = "\ufffd"

_NO_TOKEN = REPLACEMENT.encode()
_LEARNT = 1 << 11
_PIECE = 1 << 20
_SEAM = re.compile(r"(?<=[!-~])[ \n]")
_SURROGATE = re.compile("[\ud800-\udfff]")


class Tokenizer(ABC):
    """Text to tokens and back; tokens are integers in [0, ``size``)."""

    @property
    @abstractmethod
    def size(self) -> int:
        """Number of different tokens."""

    @property
    def unknown(self) -> int | None:
        """The token of unknown characters, which is never generated; None for most tokenizers.

        It occurs only in texts from which the tokenizer was not learned.
        """
        return None

    @property
    def forbidden(self) -> tuple[int, ...]:
        """The tokens that are never generated: those that stand for what could not be read."""
        return () if self.unknown is None else (self.unknown,)

    @property
    def pieces(self) -> Sequence[bytes] | None:
        """The bytes of every token; None if every token is a whole character."""
        return None

    @cached_property
    def spelling(self) -> Spelling | None:
        """How tokens make characters; None if every token is a whole character."""
        return None if self.pieces is None else Spelling(self.pieces)

    def text(self, tokens: ArrayLike) -> str:
        """The text of some tokens, without characters that are cut off at their ends."""
        if self.pieces is None:
            return self.decode(tokens)
        values = np.asarray(tokens, dtype=np.int64).tolist()
        data = b"".join(self.pieces[token] for token in values)
        # Bytes 10xxxxxx continue a character, which has three of them at most.
        begin = next((at for at in range(min(4, len(data))) if data[at] & 0xC0 != 0x80), 3)
        return codecs.utf_8_decode(data[begin:], "replace", False)[0]

    @abstractmethod
    def encode(self, text: str) -> NDArray[np.int32]:
        """The tokens of a text, shape (n,)."""

    @abstractmethod
    def decode(self, tokens: ArrayLike) -> str:
        """The text of some tokens, shape (n,).

        It never raises: invalid bytes and invalid tokens become U+FFFD.
        """

    @abstractmethod
    def characters(self, tokens: ArrayLike) -> int:
        """Number of characters that begin in some tokens.

        The counts of the parts of a text add up to the count of the text, wherever it is cut.
        """

    @abstractmethod
    def to_json(self) -> dict[str, Any]:
        """The state of the tokenizer as plain data."""

    def encode_batch(self, texts: Sequence[str]) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
        """Encode many texts at once.

        Returns:
            The concatenated tokens, and the number of tokens of each text, shape (len(texts),).
        """
        parts = [self.encode(text) for text in texts]
        lengths = np.array([len(part) for part in parts], dtype=np.int64)
        return np.concatenate([np.empty(0, np.int32), *parts]), lengths

    def check(self, text: str) -> None:
        """Check that a text can be encoded.

        Raises:
            DataError: The text has a character without a token; the message names its position.
        """
        if found := _SURROGATE.search(text):
            raise DataError(
                f"The text is not valid Unicode at {position(text, found.start())}.",
                why=f"U+{ord(found.group()):04X} is half of a character",
                hint="save the text as UTF-8 and try again.",
            )


def position(text: str, index: int) -> str:
    """The line and the column of a place in a text, both from 1."""
    line = text.count("\n", 0, index) + 1
    column = index - text.rfind("\n", 0, index)
    return f"line {line}, column {column}"


def pieces(text: str, least: int = _PIECE) -> Iterator[str]:
    """Cut a long text into parts of about ``least`` characters or more.

    Cuts fall between a word and the space after it, which no token spans unless tokens run across
    words, so the concatenated tokens of the parts are those of the text. Without such a place the
    cut falls anywhere, and then this holds only for characters and bytes.
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


class BPETokenizer(Tokenizer):
    """A byte-pair encoding: tokens are frequent runs of bytes.

    Args:
        model: The learned merges, as the JSON text of the package ``tokenizers``; see ``stored``.

    Raises:
        ValueError: ``model`` is invalid.
        MissingExtra: The package is not installed.
    """

    def __init__(self, model: str) -> None:
        if not isinstance(model, str):
            raise ValueError("the merges are missing")
        description = checked(model)
        package = require_package()
        try:
            with panics_raised():
                self._engine = package.Tokenizer.from_str(description)
        except Exception as error:  # The package raises nothing narrower.
            raise ValueError(f"the merges cannot be read: {error}") from error
        self._model = model
        self._bytes = _bytes_of_tokens(self._engine.get_vocab(), _byte_of_letter())
        self._begins = np.array([_beginnings(data) for data in self._bytes], dtype=np.int64)

    @classmethod
    def learn(
        cls, texts: Iterable[str], vocabulary: int, across_words: bool = False
    ) -> BPETokenizer:
        """Learn the merges from texts.

        Args:
            texts: The training texts.
            vocabulary: Largest number of tokens, including the 256 bytes. Little text may give
                fewer.
            across_words: Whether a token may run across words and signs, within a line; else it
                holds only letters, only digits or only signs, as is usual for prose.

        Raises:
            MissingExtra: The package ``tokenizers`` is not installed.
        """
        package = require_package()
        engine = package.Tokenizer(package.models.BPE())
        engine.pre_tokenizer = _cutting(package, across_words)
        trainer = package.trainers.BpeTrainer(
            vocab_size=vocabulary,
            initial_alphabet=sorted(package.pre_tokenizers.ByteLevel.alphabet()),
            show_progress=False,
        )
        # The time of merging is quadratic in the longest run without a break.
        parts = (without_halves(part) for text in texts for part in pieces(text, _LEARNT))
        engine.train_from_iterator(parts, trainer)
        return cls(engine.to_str())

    @property
    def size(self) -> int:
        """Number of tokens, including the 256 bytes."""
        return len(self._bytes)

    @property
    def pieces(self) -> Sequence[bytes]:
        """The bytes of every token."""
        return self._bytes

    def encode(self, text: str) -> NDArray[np.int32]:
        """The tokens of a text, shape (n,)."""
        return self.encode_batch([text])[0]

    def encode_batch(self, texts: Sequence[str]) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
        """See :meth:`Tokenizer.encode_batch`."""
        parts = [(place, part) for place, text in enumerate(texts) for part in pieces(text)]
        encoded = self._engine.encode_batch_fast([without_halves(part) for _, part in parts])
        lengths = np.zeros(len(texts), dtype=np.int64)
        for (place, _), found in zip(parts, encoded, strict=True):
            lengths[place] += len(found)
        ids = [np.array(found.ids, dtype=np.int32) for found in encoded]
        return np.concatenate([np.empty(0, np.int32), *ids]), lengths

    def decode(self, tokens: ArrayLike) -> str:
        """The text of some tokens; bytes that are not UTF-8 become U+FFFD."""
        valid = range(self.size)
        values = np.asarray(tokens, dtype=np.int64).tolist()
        data = b"".join(self._bytes[token] if token in valid else _NO_TOKEN for token in values)
        return data.decode("utf-8", errors="replace")

    def characters(self, tokens: ArrayLike) -> int:
        """See :meth:`Tokenizer.characters`."""
        return int(self._begins[np.asarray(tokens, dtype=np.int64)].sum())

    def to_json(self) -> dict[str, Any]:
        """The kind and the merges."""
        return {"kind": "bpe", "model": self._model}


def _cutting(package: Any, across_words: bool) -> Any:
    """The pre-tokenizer, which cuts a text into the parts that no token crosses."""
    cut = package.pre_tokenizers
    if not across_words:
        return cut.ByteLevel(add_prefix_space=False)
    lines = cut.Split("\n", behavior="isolated")
    return cut.Sequence([lines, cut.ByteLevel(add_prefix_space=False, use_regex=False)])


def require_package() -> Any:
    """Import the optional package.

    Raises:
        MissingExtra: The package is not installed.
    """
    try:
        return importlib.import_module("tokenizers")
    except ImportError as error:
        raise MissingExtra("tokenizers", "text", "Splitting words into pieces (bpe)") from error


def _byte_of_letter() -> dict[str, int]:
    """The byte of every letter with which the package writes byte-level tokens.

    Bytes that are printable in Latin-1 are written as themselves, the others from U+0100 on.
    """
    printable = {*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)}
    others = [byte for byte in range(256) if byte not in printable]
    letters = {chr(byte): byte for byte in printable}
    return letters | {chr(0x100 + place): byte for place, byte in enumerate(others)}


def _bytes_of_tokens(vocabulary: dict[str, int], byte_of: dict[str, int]) -> list[bytes]:
    if sorted(vocabulary.values()) != list(range(len(vocabulary))):
        raise ValueError("the tokens are not numbered from 0")
    if not byte_of.keys() <= vocabulary.keys():
        raise ValueError("some bytes have no token")
    ordered = sorted(vocabulary, key=vocabulary.__getitem__)
    try:
        return [bytes(byte_of[letter] for letter in word) for word in ordered]
    except KeyError as error:
        raise ValueError(f"a token holds {error}, which stands for no byte") from error


def _beginnings(data: bytes) -> int:
    # Bytes 10xxxxxx continue a character.
    return sum(byte & 0xC0 != 0x80 for byte in data)
