"""Encoders of texts: one that is trained with the model, and a frozen sentence encoder."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import Annotated, ClassVar, Literal, Self

import torch
from pydantic import Field
from torch import Tensor

from sfumato.conditioning.condition import Names, Source
from sfumato.conditioning.vocabulary import Vocabulary, common, vocabulary
from sfumato.minilm import WIDTH
from sfumato.nets.inputs import Input, StateInput, TokenInput
from sfumato.registry import Part, Registry

_COVERED = 0.99
_LEAST, _MOST = 16, 64
"""Smallest and largest length in tokens that is chosen by itself. Prompts may be longer than short
captions are, so the smallest one has room for a sentence."""


class TextEncoder(Part):
    """Base of the encoders of texts.

    Attributes:
        length: Number of tokens of a text, at most; None until it is settled on captions.
    """

    asset: ClassVar[str] = ""
    """The model of the catalogue that it needs; empty for none."""

    length: int | None = Field(
        None, ge=1, le=512, description="largest number of tokens; of the captions if not set"
    )

    @property
    @abstractmethod
    def about(self) -> str:
        """What it is, in a few words, for a table."""

    @abstractmethod
    def settled(self, captions: Sequence[str]) -> Self:
        """The encoder with the settings filled in that depend on training captions."""

    @abstractmethod
    def input(self) -> Input:
        """The input of a backbone that takes the encoded texts."""

    @abstractmethod
    def rows(self, texts: Sequence[str], source: Source | None) -> Tensor:
        """Encoded texts, shape (B, length, ...), with zeros after their last token.

        Args:
            texts: B texts; one without tokens is unknown.
            source: The frozen encoder, for texts to states; None for an encoder that needs none.
        """

    @abstractmethod
    def first(self, text: str) -> str | None:
        """The part of a text that is read; None if that is all of it."""

    def unknown(self, text: str) -> list[str]:
        """The words of a text that the encoder cannot have learnt."""
        return []


class Learned(TextEncoder):
    """A small transformer on common words and characters, trained with the model."""

    kind: Literal["learned"] = "learned"
    words: int = Field(4096, ge=0, le=1_000_000, description="largest size of the vocabulary")
    least: int = Field(2, ge=1, description="times that a word occurs to be in the vocabulary")
    width: int = Field(128, ge=8, le=4096, multiple_of=8, description="size of a state")
    depth: int = Field(1, ge=0, le=24, description="number of transformer blocks")
    heads: int = Field(4, ge=1, le=64, description="heads of each block")
    vocabulary: Names = ()

    @property
    def about(self) -> str:
        """See :attr:`TextEncoder.about`."""
        return (
            f"an encoder of its own: {len(self.vocabulary):,} words and characters, up to "
            f"{self.length or _MOST} tokens"
        )

    def settled(self, captions: Sequence[str]) -> Self:
        """See :meth:`TextEncoder.settled`."""
        entries = self.vocabulary or common(captions, self.words, self.least)
        length = self.length
        if length is None:
            tokens = vocabulary(entries).tokens
            counts = sorted(len(tokens(caption)) for caption in captions) or [_LEAST]
            length = max(_LEAST, min(_MOST, counts[int(_COVERED * (len(counts) - 1))]))
        return self.model_copy(update={"vocabulary": entries, "length": length})

    @property
    def _vocabulary(self) -> Vocabulary:
        return vocabulary(self.vocabulary)

    def input(self) -> Input:
        """See :meth:`TextEncoder.input`."""
        return TokenInput(
            self._vocabulary.size, self.length or _MOST, self.width, self.depth, self.heads
        )

    def rows(self, texts: Sequence[str], source: Source | None) -> Tensor:
        """Tokens, int64, shape (B, length)."""
        length = self.length or _MOST
        rows = torch.zeros(len(texts), length, dtype=torch.int64)
        for row, text in zip(rows, texts, strict=True):
            tokens = self._vocabulary.tokens(text)[:length]
            row[: len(tokens)] = torch.tensor(tokens, dtype=torch.int64)
        return rows

    def unknown(self, text: str) -> list[str]:
        """See :meth:`TextEncoder.unknown`."""
        return self._vocabulary.unknown(text)

    def first(self, text: str) -> str | None:
        """See :meth:`TextEncoder.first`."""
        length = self.length or _MOST
        if len(self._vocabulary.tokens(text)) <= length:
            return None
        return self._vocabulary.first(text, length)


class MiniLM(TextEncoder):
    """A sentence encoder that was trained on English text, frozen (``sfumato.minilm``)."""

    asset: ClassVar[str] = "sentence-embedding"

    kind: Literal["minilm"] = "minilm"
    length: int | None = Field(24, ge=2, le=256, description="largest number of tokens")

    @property
    def about(self) -> str:
        """See :attr:`TextEncoder.about`."""
        return f"MiniLM, up to {self.length or _MOST} tokens"

    def settled(self, captions: Sequence[str]) -> Self:
        """See :meth:`TextEncoder.settled`; nothing depends on the captions."""
        return self

    def input(self) -> Input:
        """See :meth:`TextEncoder.input`."""
        return StateInput(WIDTH, self.length or _MOST)

    def rows(self, texts: Sequence[str], source: Source | None) -> Tensor:
        """States, float32, shape (B, length, 384)."""
        length = self.length or _MOST
        states = torch.zeros(len(texts), length, WIDTH)
        rows = [row for row, text in enumerate(texts) if text.strip()]
        if rows:
            if source is None:
                raise ValueError("the frozen encoder has not been loaded")
            states[rows] = source([texts[row] for row in rows])
        return states

    def first(self, text: str) -> str | None:
        """See :meth:`TextEncoder.first`; a word is at least one of its tokens."""
        words = text.split()
        length = (self.length or _MOST) - 2
        return None if len(words) <= length else " ".join(words[:length])


ENCODERS: Registry[TextEncoder] = Registry("encoder of texts", TextEncoder, (Learned, MiniLM))
"""The encoders of texts by their ``kind``."""

AnyEncoder = Annotated[TextEncoder, ENCODERS]
"""Any encoder of texts with its settings, as read from a spec."""
