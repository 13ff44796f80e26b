"""Transformers: the core, and the backbones on patches of a signal or image and on tokens."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from sfumato.nets import ActivationName
from sfumato.nets.attention import (
    AttentionKernel,
    Context,
    Rotary,
    SelfAttention,
    fused,
)
from sfumato.nets.conditioning import Conditioning, PositionEmbedding
from sfumato.nets.encoding import InputEncoders
from sfumato.nets.inputs import Input
from sfumato.nets.layers import (
    NEIGHBOURS,
    LocalMixing,
    Mlp,
    Modulation,
    TokenNorm,
    gather_patches,
    grid,
    scatter_patches,
    zero_init,
)


class Block(nn.Module):
    """Attention then MLP, each normalised, modulated and gated by the conditioning vector.

    The adaLN-zero block of Peebles & Xie (2023): the gates start closed, so it starts as the
    identity.
    """

    def __init__(
        self,
        dim: int,
        heads: int,
        hidden: int,
        kernel: AttentionKernel,
        neighbours: Sequence[int] = (),
        activation: ActivationName = "gelu",
        context: int = 0,
    ) -> None:
        super().__init__()
        self.modulation = Modulation(dim, dim, 6)
        self.norm = TokenNorm()
        self.attention = SelfAttention(dim, heads, kernel, context)
        self.mlp = Mlp(dim, hidden, activation)
        # For the inputs of attention and of the MLP.
        self.mixing = nn.ModuleList(LocalMixing(dim, neighbours) for _ in range(2) if neighbours)

    def forward(
        self,
        x: Tensor,
        rotary: tuple[Tensor, Tensor],
        cond: Tensor,
        segments: Tensor | None = None,
        mask: Tensor | None = None,
        context: Context | None = None,
    ) -> Tensor:
        """(B, N, D) with rotary tables and a conditioning vector (B, D) -> (B, N, D).

        `segments` (B, N), for neighbours, and `mask` (B, 1, N, N), for attention, have to agree.
        `context` is there if the block was built for one.
        """
        shift_a, scale_a, gate_a, shift_m, scale_m, gate_m = self.modulation(cond)
        y = self._mix(0, self.norm(x, shift_a, scale_a), segments)
        x = x + gate_a.unsqueeze(1) * self.attention(y, rotary, mask, context)
        y = self._mix(1, self.norm(x, shift_m, scale_m), segments)
        x = x + gate_m.unsqueeze(1) * self.mlp(y)
        return x

    def _mix(self, place: int, x: Tensor, segments: Tensor | None) -> Tensor:
        if not self.mixing:
            return x
        mixed: Tensor = self.mixing[place](x, segments)
        return mixed


class Transformer(nn.Module):
    """A bidirectional transformer on tokens of any kind.

    Args:
        dim: The size of a token and of the conditioning vector.
        depth: The number of blocks.
        heads: The number of heads.
        axes: The number of coordinates of a position.
        expansion: The hidden size of the MLP over `dim`.
        theta: The slowest wavelength of the rotary positions over the fastest; about the longest
            distance between two tokens.
        kernel: Computes attention.
        neighbours: The offsets of the neighbours that are mixed before attention and MLP, see
            `LocalMixing`; none by default.
        activation: The activation of the MLPs.
        context: The size of the states of a context to which every block attends; 0 for none.
    """

    def __init__(
        self,
        dim: int,
        depth: int,
        heads: int,
        *,
        axes: int = 1,
        expansion: int = 4,
        theta: float = 100.0,
        kernel: AttentionKernel = fused,
        neighbours: Sequence[int] = (),
        activation: ActivationName = "gelu",
        context: int = 0,
    ) -> None:
        super().__init__()
        self.rotary = Rotary(dim // heads, axes, theta)
        settings = (dim, heads, expansion * dim, kernel, neighbours, activation, context)
        self.blocks = nn.ModuleList(Block(*settings) for _ in range(depth))
        self.modulation = Modulation(dim, dim, 2)
        self.norm = TokenNorm()

    def forward(
        self,
        x: Tensor,
        positions: Tensor,
        cond: Tensor,
        segments: Tensor | None = None,
        context: Context | None = None,
    ) -> Tensor:
        """Transform tokens.

        Args:
            x: (B, N, D) tokens.
            positions: (N, axes) coordinates, in units where neighbours are about 1 apart.
            cond: (B, D), already activated (see `Conditioning`).
            segments: (B, N) long; tokens attend to their own segment only. None for one.
            context: Is there if the transformer was built for one.

        Returns:
            (B, N, D), normalised and modulated, ready for a linear head.
        """
        rotary = self.rotary(positions)
        mask = None
        if segments is not None:
            mask = (segments.unsqueeze(-1) == segments.unsqueeze(-2)).unsqueeze(1)
        for block in self.blocks:
            x = block(x, rotary, cond, segments, mask, context)
        shift, scale = self.modulation(cond)
        normed: Tensor = self.norm(x, shift, scale)
        return normed


class PatchTransformer(nn.Module):
    """A transformer backbone on patches of a signal (one axis) or an image (two axes).

    The weights do not fix the resolution: rotary positions count patches, and the absolute
    position added to every token is relative to the extent of the input.

    Args:
        channels: The number of channels of the input.
        patch: The side of a patch.
        dim: The size of a token.
        depth: The number of blocks.
        heads: The number of heads.
        axes: 1 for (B, C, L), 2 for (B, C, H, W).
        classes: The number of labels; 0 for none.
        lengths: Whether the share of the input that is filled is a condition.
        out_channels: The number of channels of the output; those of the input if None.
        kernel: Computes self-attention.
        activation: The activation of the MLPs.
        inputs: Further inputs by name; every block reads the words among them.
    """

    def __init__(
        self,
        channels: int,
        *,
        patch: int,
        dim: int,
        depth: int,
        heads: int,
        axes: int = 2,
        classes: int = 0,
        lengths: bool = False,
        out_channels: int | None = None,
        kernel: AttentionKernel = fused,
        activation: ActivationName = "gelu",
        inputs: Mapping[str, Input] | None = None,
    ) -> None:
        super().__init__()
        self.patch = patch
        self.inputs = InputEncoders(inputs or {}, dim)
        self.conditioning = Conditioning(dim, classes, lengths)
        self.tokens = nn.Linear(channels * patch**axes, dim)
        beside = self.inputs.channels * patch**axes
        self.tokens_beside = zero_init(nn.Linear(beside, dim, bias=False)) if beside else None
        self.place = PositionEmbedding(axes, dim)
        self.core = Transformer(
            dim,
            depth,
            heads,
            axes=axes,
            kernel=kernel,
            activation=activation,
            context=self.inputs.context,
        )
        self.head = zero_init(nn.Linear(dim, (out_channels or channels) * patch**axes))

    def forward(
        self,
        x: Tensor,
        level: Tensor,
        label: Tensor | None = None,
        length: Tensor | None = None,
        **inputs: Tensor | None,
    ) -> Tensor:
        """Map a noisy input to the network's output, zero before training.

        Args:
            x: (B, C, *sides), of order 1.
            level: (B,), of order 1.
            label: (B,) long in 0..classes, the last being null; None for null.
            length: (B,), the share of the input that is filled, in [0, 1]; None for 1.
            **inputs: The further inputs, see `sfumato.nets.inputs`; a missing one is unknown.

        Returns:
            (B, C_out, *sides).

        Raises:
            SettingError: A side is not a multiple of the patch, or a label, length or input was
                given to a backbone without them.
        """
        patches = gather_patches(x, self.patch)
        sides = tuple(patches.shape[2:])
        positions = grid(sides, x.device)
        further = self.inputs(inputs, x)
        tokens = self.tokens(patches.flatten(2).transpose(1, 2))
        if self.tokens_beside is not None:
            beside = gather_patches(further.signal, self.patch)
            tokens = tokens + self.tokens_beside(beside.flatten(2).transpose(1, 2))
        tokens = tokens + self.place(sides).to(tokens.dtype)
        cond = self.conditioning(level, label, length, further.vector)
        tokens = self.core(tokens, positions, cond, context=further.context)
        out: Tensor = self.head(tokens)
        return scatter_patches(out.transpose(1, 2).reshape(len(x), -1, *sides), self.patch)


class TokenTransformer(nn.Module):
    """A transformer backbone on tokens; bidirectional unless the kernel says otherwise.

    The weights do not fix the length: rotary positions know distances only.

    Args:
        size: The number of clean tokens, for which it has logits.
        states: The number of input tokens: the clean ones, and a mask if there is one.
        context: About the length of the longest text, in tokens.
        dim: The size of a token's vector.
        depth: The number of blocks.
        heads: The number of heads.
        timed: Whether the noise level is an input. Under masking the state itself shows it.
        classes: The number of labels; 0 for none.
        kernel: Computes attention.
        neighbours: The offsets of the neighbours that are mixed, see `LocalMixing`.
        activation: The activation of the MLPs.
    """

    def __init__(
        self,
        size: int,
        states: int,
        context: int,
        *,
        dim: int,
        depth: int,
        heads: int,
        timed: bool = False,
        classes: int = 0,
        kernel: AttentionKernel = fused,
        neighbours: Sequence[int] = NEIGHBOURS,
        activation: ActivationName = "gelu",
    ) -> None:
        super().__init__()
        self.timed = timed
        self.conditioning = Conditioning(dim, classes)
        self.embedding = nn.Embedding(states, dim)
        theta = float(max(context, 16))
        self.core = Transformer(
            dim,
            depth,
            heads,
            theta=theta,
            kernel=kernel,
            neighbours=neighbours,
            activation=activation,
        )
        self.head = zero_init(nn.Linear(dim, size))

    def forward(
        self,
        tokens: Tensor,
        level: Tensor,
        label: Tensor | None = None,
        segments: Tensor | None = None,
    ) -> Tensor:
        """Map a noisy text to logits, zero before training.

        Args:
            tokens: (B, N) long in 0..states - 1.
            level: (B,), of order 1; ignored unless `timed`.
            label: (B,) long in 0..classes, the last being null; None for null.
            segments: (B, N) long; tokens attend to their own segment only. None for one segment.

        Returns:
            (B, N, size).

        Raises:
            SettingError: A label was given to a backbone without classes.
        """
        cond = self.conditioning(level if self.timed else torch.zeros_like(level), label)
        positions = torch.arange(tokens.shape[1], device=tokens.device, dtype=level.dtype)
        x = self.core(self.embedding(tokens), positions[:, None], cond, segments)
        out: Tensor = self.head(x)
        return out
