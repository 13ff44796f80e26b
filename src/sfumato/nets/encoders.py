"""The modules that read the further inputs of a backbone: fields, numbers, words and signals.

Each is built by its description (``nets.inputs``), maps a tensor with one row per sample to an
`Encoded`, and treats every row by itself. Zeros are the null of every input: a sample of which
nothing is known.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from sfumato.errors import SettingError
from sfumato.nets.attention import Context, Rotary, SelfAttention
from sfumato.nets.conditioning import FourierFeatures
from sfumato.nets.layers import Mlp


class Encoded(NamedTuple):
    """What an input is to a backbone; None where it has no such effect.

    Attributes:
        vector: Is added to the conditioning vector, (B, width).
        context: States that attention reads.
        signal: Channels beside those of the state, (B, E, *sides).
    """

    vector: Tensor | None = None
    context: Context | None = None
    signal: Tensor | None = None


class LabelEncoder(nn.Module):
    """A vector for every class, and one for the unknown class.

    Args:
        classes: The number of classes.
        width: The size of the vector.
    """

    def __init__(self, classes: int, width: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(classes + 1, width)

    def forward(self, label: Tensor) -> Encoded:
        """Look up (B,) long in 0..classes, where 0 is unknown."""
        return Encoded(vector=self.embedding(label))


class NumberEncoder(nn.Module):
    """A vector for a number from its Fourier features; zero for an unknown number.

    Args:
        width: The size of the vector.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.features = FourierFeatures()
        self.linear = nn.Linear(self.features.size, width)

    def forward(self, number: Tensor) -> Encoded:
        """Embed (B, 2): a value of order 1, and 1 where it is known."""
        value, known = number.to(self.linear.weight.dtype).chunk(2, dim=-1)
        return Encoded(vector=known * self.linear(self.features(value)))


class WordBlock(nn.Module):
    """Self-attention among words, then an MLP, each on normalised input and added (pre-norm)."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(width)
        self.attention = SelfAttention(width, heads)
        self.norm2 = nn.LayerNorm(width)
        self.mlp = Mlp(width, 4 * width, "squared-relu")

    def forward(self, x: Tensor, rotary: tuple[Tensor, Tensor], mask: Tensor) -> Tensor:
        """(B, L, width) with rotary tables and a mask (B, 1, L, L) -> (B, L, width)."""
        x = x + self.attention(self.norm1(x), rotary, mask)
        out: Tensor = x + self.mlp(self.norm2(x))
        return out


class WordLayers(nn.Module):
    """From one state per word to states in context, and to a vector for all of them.

    The vector is the mean of the states through a linear map, zero without words.

    Args:
        states: The size of a state.
        width: The size of the vector.
        depth: The number of blocks.
        heads: The number of heads of a block.
    """

    def __init__(self, states: int, width: int, depth: int, heads: int) -> None:
        super().__init__()
        self.rotary = Rotary(states // heads, axes=1)
        # Not a ModuleList, which the engine would compile in the place of the whole backbone.
        self.blocks = nn.Sequential(*(WordBlock(states, heads) for _ in range(depth)))
        self.norm = nn.LayerNorm(states)
        self.pooled = nn.Linear(states, width, bias=False)

    def forward(self, x: Tensor, mask: Tensor) -> Encoded:
        """(B, L, states) with a mask (B, L), false where there is no word -> both."""
        places = torch.arange(x.shape[1], device=x.device)
        rotary = self.rotary(places.unsqueeze(1).to(x.dtype))
        # A place without a word attends to itself: a mean of nothing would not be a number.
        seen = (mask.unsqueeze(1) | (places == places.unsqueeze(1))).unsqueeze(1)
        for block in self.blocks:
            x = block(x, rotary, seen)
        x = self.norm(x)
        weight = mask.unsqueeze(-1).to(x.dtype)
        mean = (x * weight).sum(dim=1) / weight.sum(dim=1).clamp_min(1.0)
        return Encoded(vector=self.pooled(mean), context=Context(x, mask))


class TokenEncoder(nn.Module):
    """Words as tokens: learnt embeddings and positions, then blocks.

    Args:
        size: The number of tokens; 0 is no token.
        length: The largest number of places.
        states: The size of a state.
        width: The size of the conditioning vector.
        depth: The number of blocks.
        heads: The number of heads of a block.
    """

    def __init__(
        self, size: int, length: int, states: int, width: int, depth: int, heads: int
    ) -> None:
        super().__init__()
        self.embedding = nn.Embedding(size, states, padding_idx=0)
        self.positions = nn.Parameter(0.1 * torch.randn(length, states))
        self.layers = WordLayers(states, width, depth, heads)

    def forward(self, tokens: Tensor) -> Encoded:
        """Encode (B, L) long in 0..size - 1, where 0 is no token.

        Raises:
            SettingError: There are more places than the encoder has positions.
        """
        count, most = tokens.shape[1], len(self.positions)
        if count > most:
            raise SettingError(
                f"A text of {count} tokens was given to a backbone that reads {most}.",
                hint=f"cut it to {most} tokens, or build the backbone with a greater length.",
            )
        x = self.embedding(tokens) + self.positions[:count]
        encoded: Encoded = self.layers(x, tokens != 0)
        return encoded


class StateEncoder(nn.Module):
    """Words as states of a frozen encoder: layer norm and a linear map, then blocks.

    Args:
        size: The size of a state of the frozen encoder.
        states: The size of a state.
        width: The size of the conditioning vector.
        depth: The number of blocks.
        heads: The number of heads of a block.
    """

    def __init__(self, size: int, states: int, width: int, depth: int, heads: int) -> None:
        super().__init__()
        self.linear = nn.Linear(size, states)
        self.layers = WordLayers(states, width, depth, heads)

    def forward(self, states: Tensor) -> Encoded:
        """Encode (B, L, size), where a row of zeros is no token."""
        normed = F.layer_norm(states.to(self.linear.weight.dtype), states.shape[-1:])
        encoded: Encoded = self.layers(self.linear(normed), (states != 0).any(dim=-1))
        return encoded


class SignalEncoder(nn.Module):
    """A signal as it is, for the first layer of the backbone."""

    def forward(self, signal: Tensor) -> Encoded:
        """Take (B, C + 1, *sides), where the last channel is 1 where the others are known."""
        return Encoded(signal=signal)
