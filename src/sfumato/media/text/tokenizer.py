"""What every tokenizer can do, and byte-pair encoding with the optional package ``tokenizers``.

Byte-pair encoding starts from the 256 bytes: the pair of neighbours that occurs most often in the
training text becomes a token of its own, again and again (Sennrich, Haddow and Birch 2016,
arXiv:1508.07909; on bytes as in Radford et al. 2019, "Language models are unsupervised multitask
learners"). Every text can be written with such tokens, and reads back exactly.
"""

from __future__ import annotations

import importlib
import re
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sfumato.errors import DataError, MissingExtra, panics_raised

# What stands for something that cannot be shown: U+FFFD, the replacement character.
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


class BPETokenizer(Tokenizer):
    """Frequent runs of bytes as tokens.

    Args:
        model: The learned merges, as the JSON text of the package ``tokenizers``.

    Raises:
        ValueError: ``model`` is no such text.
        MissingExtra: The package is not installed.
    """

    def __init__(self, model: str) -> None:
        if not isinstance(model, str):
            raise ValueError("the merges are missing")
        package = require_package()
        try:
            with panics_raised():
                self._engine = package.Tokenizer.from_str(model)
        except Exception as error:  # The package raises nothing narrower.
            raise ValueError(f"the merges cannot be read: {error}") from error
        self._model = model
        self._bytes = _bytes_of_tokens(self._engine.get_vocab(), _byte_of_letter())
        self._begins = np.array([_beginnings(data) for data in self._bytes], dtype=np.int64)

    @classmethod
    def learn(
        cls, texts: Iterable[str], vocabulary: int, across_words: bool = False
    ) -> BPETokenizer:
        """Find the merges for some texts.

        Args:
            texts: What to count in.
            vocabulary: How many tokens there may be, the 256 bytes among them. Little text may
                give fewer.
            across_words: Whether a token may run across words and signs, within a line; else it
                holds letters, digits or signs alone, as suits prose.

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
        # Merging takes a time that is quadratic in the longest run without a break.
        parts = (without_halves(part) for text in texts for part in pieces(text, _LEARNT))
        engine.train_from_iterator(parts, trainer)
        return cls(engine.to_str())

    @property
    def size(self) -> int:
        """How many tokens there are, the 256 bytes among them."""
        return len(self._bytes)

    def encode(self, text: str) -> NDArray[np.int32]:
        """The tokens of a text, shape (n,)."""
        return self.encode_batch([text])[0]

    def encode_batch(self, texts: Sequence[str]) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
        """As the base class says."""
        parts = [(place, part) for place, text in enumerate(texts) for part in pieces(text)]
        encoded = self._engine.encode_batch_fast([without_halves(part) for _, part in parts])
        lengths = np.zeros(len(texts), dtype=np.int64)
        for (place, _), found in zip(parts, encoded, strict=True):
            lengths[place] += len(found)
        ids = [np.array(found.ids, dtype=np.int32) for found in encoded]
        return np.concatenate([np.empty(0, np.int32), *ids]), lengths

    def decode(self, tokens: ArrayLike) -> str:
        """The text of some tokens; bytes that are not UTF-8 become U+FFFD."""
        known = range(self.size)
        values = np.asarray(tokens, dtype=np.int64).tolist()
        data = b"".join(self._bytes[token] if token in known else _NO_TOKEN for token in values)
        return data.decode("utf-8", errors="replace")

    def characters(self, tokens: ArrayLike) -> int:
        """How many characters begin in these tokens."""
        return int(self._begins[np.asarray(tokens, dtype=np.int64)].sum())

    def to_json(self) -> dict[str, Any]:
        """Its kind and its merges."""
        return {"kind": "bpe", "model": self._model}


def _cutting(package: Any, across_words: bool) -> Any:
    """What cuts a text into the parts that no token reaches beyond."""
    cut = package.pre_tokenizers
    if not across_words:
        return cut.ByteLevel(add_prefix_space=False)
    lines = cut.Split("\n", behavior="isolated")
    return cut.Sequence([lines, cut.ByteLevel(add_prefix_space=False, use_regex=False)])


def require_package() -> Any:
    """The optional package.

    Raises:
        MissingExtra: It is not installed.
    """
    try:
        return importlib.import_module("tokenizers")
    except ImportError as error:
        raise MissingExtra("tokenizers", "text", "Splitting words into pieces (bpe)") from error


def _byte_of_letter() -> dict[str, int]:
    """The byte behind every letter in which the package writes byte-level tokens.

    Bytes that are printable in Latin-1 stand for themselves; the others follow from U+0100 on.
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
    # Bytes 10xxxxxx go on with a character that has begun.
    return sum(byte & 0xC0 != 0x80 for byte in data)
