"""A U-Net: convolutions at several resolutions, joined by skips, conditioned on the noise level.

The architecture is that of Ho et al. (2020) with the adaptive scale and shift of Dhariwal & Nichol
(2021), trimmed for speed where it costs little: the input may start as patches, a skip is merged
by a 1x1 convolution rather than by doubling the width of a 3x3 one, and attention belongs to the
coarse levels only.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from sfumato.nets import GROUP, require_multiple
from sfumato.nets.attention import (
    AttentionKernel,
    Context,
    CrossAttention,
    Rotary,
    SelfAttention,
    fused,
)
from sfumato.nets.conditioning import Conditioning, PositionEmbedding
from sfumato.nets.encoding import InputEncoders
from sfumato.nets.inputs import Input
from sfumato.nets.layers import Modulation, gather_patches, grid, scatter_patches, zero_init

CONVOLUTIONS: dict[int, type[nn.Conv1d] | type[nn.Conv2d]] = {1: nn.Conv1d, 2: nn.Conv2d}


def group_norm(width: int) -> nn.GroupNorm:
    """A group norm of `width` channels in groups of `GROUP`."""
    return nn.GroupNorm(width // GROUP, width)


class ResidualBlock(nn.Module):
    """Two 3-wide convolutions, the second scaled and shifted by the conditioning vector.

    Args:
        axes: The number of spatial axes.
        width: The number of channels.
        cond: The size of the conditioning vector.
        dropout: The probability of dropping a channel's value before the last convolution.
    """

    def __init__(self, axes: int, width: int, cond: int, dropout: float) -> None:
        super().__init__()
        conv = CONVOLUTIONS[axes]
        self.norm1 = group_norm(width)
        self.conv1 = conv(width, width, 3, padding=1)
        self.modulation = Modulation(cond, width, 2)
        self.norm2 = group_norm(width)
        self.dropout = nn.Dropout(dropout)
        self.conv2 = zero_init(conv(width, width, 3, padding=1))

    def forward(self, x: Tensor, cond: Tensor) -> Tensor:
        """(B, width, *S) with `cond` (B, cond) -> (B, width, *S)."""
        axes = (1,) * (x.ndim - 2)
        shift, scale = (vector.unflatten(1, (-1, *axes)) for vector in self.modulation(cond))
        y = self.conv1(F.silu(self.norm1(x)))
        y = F.silu(torch.addcmul(shift, self.norm2(y), 1 + scale))
        out: Tensor = x + self.conv2(self.dropout(y))
        return out


class SpatialAttention(nn.Module):
    """Self-attention among the cells of a feature map, added to it."""

    def __init__(self, axes: int, width: int, head_dim: int, kernel: AttentionKernel) -> None:
        super().__init__()
        self.norm = group_norm(width)
        self.rotary = Rotary(head_dim, axes)
        self.attention = SelfAttention(width, width // head_dim, kernel)
        zero_init(self.attention.out)

    def forward(self, x: Tensor) -> Tensor:
        """(B, width, *S) -> (B, width, *S)."""
        sides = tuple(x.shape[2:])
        tokens = self.norm(x).flatten(2).transpose(1, 2)
        y = self.attention(tokens, self.rotary(grid(sides, x.device)))
        out: Tensor = x + y.transpose(1, 2).unflatten(2, sides)
        return out


class ContextAttention(nn.Module):
    """Attention from the cells of a feature map to a context, added to it; zero at first."""

    def __init__(self, width: int, context: int, head_dim: int) -> None:
        super().__init__()
        self.norm = group_norm(width)
        self.attention = CrossAttention(width, context, width // head_dim)
        zero_init(self.attention.out)

    def forward(self, x: Tensor, context: Context) -> Tensor:
        """(B, width, *S) with a context -> (B, width, *S)."""
        y = self.attention(self.norm(x).flatten(2).transpose(1, 2), context)
        out: Tensor = x + y.transpose(1, 2).unflatten(2, x.shape[2:])
        return out


class Stage(nn.Module):
    """A residual block and, at the levels that have it, attention, also to a context if any."""

    def __init__(
        self,
        axes: int,
        width: int,
        cond: int,
        dropout: float,
        head_dim: int | None,
        kernel: AttentionKernel,
        context: int = 0,
    ) -> None:
        super().__init__()
        self.block = ResidualBlock(axes, width, cond, dropout)
        self.attention = SpatialAttention(axes, width, head_dim, kernel) if head_dim else None
        self.reading = ContextAttention(width, context, head_dim) if head_dim and context else None

    def forward(self, x: Tensor, cond: Tensor, context: Context | None = None) -> Tensor:
        """(B, width, *S) with `cond` (B, cond), maybe a context -> (B, width, *S)."""
        x = self.block(x, cond)
        if self.attention is not None:
            x = self.attention(x)
        if self.reading is not None:
            x = self.reading(x, context)
        return x


class Stages(nn.Module):
    """A sequence of stages: the coarsest level."""

    def __init__(self, stages: list[Stage]) -> None:
        super().__init__()
        self.stages = nn.ModuleList(stages)

    def forward(self, x: Tensor, cond: Tensor, context: Context | None = None) -> Tensor:
        """(B, width, *S) with `cond` (B, cond), maybe a context -> (B, width, *S)."""
        for stage in self.stages:
            x = stage(x, cond, context)
        return x


class Level(nn.Module):
    """A level with all the coarser ones inside it: down, through them and up, with skips.

    Args:
        down: The stages before the coarser levels.
        inner: The coarser levels, at half the resolution.
        up: The stages after them; each takes a skip from its mirror image in `down`.
        width: The number of channels of this level.
        coarser: The number of channels of the next level.
        axes: The number of spatial axes.
    """

    def __init__(
        self,
        down: list[Stage],
        inner: nn.Module,
        up: list[Stage],
        width: int,
        coarser: int,
        axes: int,
    ) -> None:
        super().__init__()
        conv = CONVOLUTIONS[axes]
        self.down = nn.ModuleList(down)
        self.shrink = conv(width, coarser, 2, stride=2)
        self.inner = inner
        self.widen = conv(coarser, width, 1)
        self.merge = nn.ModuleList(conv(2 * width, width, 1) for _ in up)
        self.up = nn.ModuleList(up)

    def forward(self, x: Tensor, cond: Tensor, context: Context | None = None) -> Tensor:
        """(B, width, *S) with `cond` (B, cond), maybe a context -> (B, width, *S)."""
        skips: list[Tensor] = []
        for stage in self.down:
            x = stage(x, cond, context)
            skips.append(x)
        x = self.widen(self.inner(self.shrink(x), cond, context))
        x = F.interpolate(x, scale_factor=2.0, mode="nearest")
        for merge, stage in zip(self.merge, self.up, strict=True):
            x = stage(merge(torch.cat([x, skips.pop()], dim=1)), cond, context)
        return x


class UNet(nn.Module):
    """A U-Net backbone on signals (one axis) or images (two axes).

    Args:
        channels: The number of channels of the input.
        widths: The channels at each level, finest first, multiples of `GROUP`.
        blocks: The residual blocks at each level. Every level but the last has them twice, on the
            way down and on the way up.
        attention: Whether the blocks of a level are followed by attention.
        patch: The side of the patches that make the finest level; 2 makes it four times cheaper on
            images.
        axes: 1 for (B, C, L), 2 for (B, C, H, W).
        head_dim: The size of an attention head; divides the widths of levels with attention.
        embedding: The size of the conditioning vector.
        placed: Whether every cell gets an embedding of its position; a convolution knows borders
            only.
        classes: The number of labels; 0 for none.
        lengths: Whether the share of the input that is filled is a condition.
        dropout: The probability of dropout in residual blocks.
        out_channels: The number of channels of the output; those of the input if None.
        kernel: Computes self-attention.
        inputs: Further inputs by name. Words are read after the self-attention of every block that
            has it, so at least one level should have attention.
    """

    def __init__(
        self,
        channels: int,
        *,
        widths: tuple[int, ...],
        blocks: tuple[int, ...],
        attention: tuple[bool, ...],
        patch: int = 1,
        axes: int = 2,
        head_dim: int = 64,
        embedding: int = 256,
        placed: bool = False,
        classes: int = 0,
        lengths: bool = False,
        dropout: float = 0.0,
        out_channels: int | None = None,
        kernel: AttentionKernel = fused,
        inputs: Mapping[str, Input] | None = None,
    ) -> None:
        super().__init__()
        self.inputs = InputEncoders(inputs or {}, embedding)
        context = self.inputs.context

        def stages(level: int) -> list[Stage]:
            head = head_dim if attention[level] else None
            settings = (axes, widths[level], embedding, dropout, head, kernel, context)
            return [Stage(*settings) for _ in range(blocks[level])]

        conv = CONVOLUTIONS[axes]
        cells = patch**axes
        self.patch = patch
        self.multiple = patch * 2 ** (len(widths) - 1)
        self.memory_format = torch.channels_last if axes == 2 else torch.contiguous_format
        self.conditioning = Conditioning(embedding, classes, lengths)
        self.places = PositionEmbedding(axes, widths[0]) if placed else None
        self.stem = conv(channels * cells, widths[0], 3, padding=1)
        beside = self.inputs.channels * cells
        self.stem_beside = (
            zero_init(conv(beside, widths[0], 3, padding=1, bias=False)) if beside else None
        )
        body: nn.Module = Stages(stages(len(widths) - 1))
        for i in reversed(range(len(widths) - 1)):
            body = Level(stages(i), body, stages(i), widths[i], widths[i + 1], axes)
        self.body = body
        self.head_norm = group_norm(widths[0])
        self.head = zero_init(conv(widths[0], (out_channels or channels) * cells, 3, padding=1))

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
            SettingError: A side is not a multiple of `multiple`, or a label, length or input was
                given to a backbone without them.
        """
        require_multiple(x.shape[2:], self.multiple)
        further = self.inputs(inputs, x)
        cond = self.conditioning(level, label, length, further.vector)
        # Channels-last activations are faster to convolve and need no copy to become tokens. The
        # weights stay contiguous, as safetensors needs them. The layout is set again after the
        # stem, because a tensor of one channel has both layouts, and its convolution the wrong one.
        h = gather_patches(x, self.patch).contiguous(memory_format=self.memory_format)
        h = self.stem(h).contiguous(memory_format=self.memory_format)
        if self.stem_beside is not None:
            beside = gather_patches(further.signal, self.patch)
            h = h + self.stem_beside(beside.contiguous(memory_format=self.memory_format))
        if self.places is not None:
            sides = tuple(h.shape[2:])
            h = h + self.places(sides).T.reshape(1, -1, *sides).to(h.dtype)
        h = self.body(h, cond, further.context)
        h = self.head(F.silu(self.head_norm(h)))
        return scatter_patches(h, self.patch).contiguous()
