"""The small parts that backbones share: modulation, norm, MLP, and mixing of neighbours."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from sfumato.nets import ActivationName, require_multiple

Layer = TypeVar("Layer", bound=nn.Linear | nn.Conv1d | nn.Conv2d)


def zero_init(layer: Layer) -> Layer:
    """Set the weight and bias to zero, so that the branch that it ends is zero at first.

    Residual branches that start at zero make depth harmless at the start of training
    (Goyal et al. 2017; Peebles & Xie 2023, adaLN-zero).
    """
    nn.init.zeros_(layer.weight)
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)
    return layer


class Modulation(nn.Module):
    """Per-sample shift, scale and gate vectors computed from a conditioning vector.

    Starts at zero, so a layer modulated by ``x * (1 + scale) + shift`` starts unmodulated and a
    branch multiplied by a gate starts closed (adaLN-zero, Peebles & Xie 2023, section 3.2).

    Args:
        width: The size of the conditioning vector, which has to be activated already.
        dim: The size of each output vector.
        count: The number of output vectors.
    """

    def __init__(self, width: int, dim: int, count: int) -> None:
        super().__init__()
        self.count = count
        self.linear = zero_init(nn.Linear(width, dim * count))

    def forward(self, cond: Tensor) -> tuple[Tensor, ...]:
        """(B, width) -> `count` tensors of shape (B, dim)."""
        vectors: Tensor = self.linear(cond)
        return vectors.chunk(self.count, dim=-1)


class TokenNorm(nn.Module):
    """Layer norm over the last axis, then the shift and scale of the sample.

    It has no weights of its own: the modulation has them. Layer norm is used rather than RMS norm
    because it has a native kernel on every device, which is three times as fast on a CPU.
    """

    def forward(self, x: Tensor, shift: Tensor, scale: Tensor) -> Tensor:
        """(B, N, D) with `shift` and `scale` of shape (B, D) -> (B, N, D)."""
        normed = F.layer_norm(x, x.shape[-1:], eps=1e-6)
        return torch.addcmul(shift.unsqueeze(1), normed, 1 + scale.unsqueeze(1))


def squared_relu(x: Tensor) -> Tensor:
    """``max(x, 0)^2`` (So et al. 2021, arXiv:2109.08668): no worse than GELU, and a fraction of its
    cost where exponentials are slow."""
    return F.relu(x).square()


ACTIVATIONS: Mapping[ActivationName, Callable[[Tensor], Tensor]] = {
    # In its exact (erf) form: on a CPU the tanh form costs more than the product it follows.
    "gelu": F.gelu,
    "squared-relu": squared_relu,
}


class Mlp(nn.Module):
    """Two linear maps around an activation, applied to each token.

    Args:
        dim: The size of a token.
        hidden: The size between the two maps.
        activation: The name of the activation.
    """

    def __init__(self, dim: int, hidden: int, activation: ActivationName = "gelu") -> None:
        super().__init__()
        self.up = nn.Linear(dim, hidden)
        self.activation = ACTIVATIONS[activation]
        self.down = nn.Linear(hidden, dim)

    def forward(self, x: Tensor) -> Tensor:
        """(..., dim) -> (..., dim)."""
        y: Tensor = self.down(self.activation(self.up(x)))
        return y


NEIGHBOURS = (-3, -2, -1, 0, 1, 2, 3)
"""The offsets that a bidirectional network mixes."""


class LocalMixing(nn.Module):
    """Adds to every channel of a token a learnt linear combination of its neighbours' same channel.

    A depthwise convolution on a residual path (Allen-Zhu 2025, arXiv:2512.17351, "Canon layers";
    So et al. 2021, arXiv:2109.08668). Attention knows positions by rotation only, and takes long
    to learn to attend to neighbours; a masked token has no content of its own.

    Args:
        dim: The size of a token.
        offsets: The offsets of the neighbours, consecutive and increasing, from before (-) to
            after (+).
    """

    def __init__(self, dim: int, offsets: Sequence[int] = NEIGHBOURS) -> None:
        super().__init__()
        self.offsets = tuple(offsets)
        self.weight = nn.Parameter(torch.randn(dim, 1, 1, len(self.offsets)) * 0.3)

    def forward(self, x: Tensor, segments: Tensor | None = None) -> Tensor:
        """Mix tokens.

        Args:
            x: (B, N, D).
            segments: (B, N) long, each segment contiguous; neighbours in other segments do not
                count.

        Returns:
            (B, N, D).
        """
        # Compiled, a sum over the offsets is one pass, and no size depends on the segments.
        if torch.compiler.is_compiling():
            return x + self._sum(x, segments)
        return x + (self._convolve(x) if segments is None else self._within(x, segments))

    def _convolve(self, x: Tensor) -> Tensor:
        # In two dimensions torch's depthwise kernel is several times as fast on a CPU as in one.
        padded = F.pad(x.transpose(1, 2).unsqueeze(2), (-self.offsets[0], self.offsets[-1]))
        mixed = F.conv2d(padded, self.weight.to(x.dtype), groups=x.shape[2])
        return mixed.squeeze(2).transpose(1, 2)

    def _sum(self, x: Tensor, segments: Tensor | None) -> Tensor:
        """The sum over offsets, without those that leave the segment."""
        count, borders = x.shape[1], (-self.offsets[0], self.offsets[-1])
        padded = F.pad(x, (0, 0, *borders))
        mixed = torch.zeros_like(x)
        for place, factor in enumerate(self.weight.to(x.dtype).flatten(1).unbind(1)):
            shifted = padded[:, place : place + count]
            if segments is not None:
                other = F.pad(segments, borders)[:, place : place + count]
                shifted = shifted.masked_fill((other != segments).unsqueeze(-1), 0.0)
            mixed = mixed + factor * shifted
        return mixed

    def _within(self, x: Tensor, segments: Tensor) -> Tensor:
        """The convolution of segments that are spaced so far apart that none reaches the next."""
        batch, count, dim = x.shape
        reach = max(-self.offsets[0], self.offsets[-1])
        borders = (segments[:, 1:] != segments[:, :-1]).cumsum(1)
        shift = reach * F.pad(borders, (1, 0))
        size = count + int(shift.max())
        rows = torch.arange(batch, device=x.device).unsqueeze(1) * size
        places = (rows + torch.arange(count, device=x.device) + shift).flatten()
        apart = x.new_zeros(batch * size, dim).index_copy(0, places, x.flatten(0, 1))
        mixed = self._convolve(apart.view(batch, size, dim))
        return mixed.flatten(0, 1).index_select(0, places).view(batch, count, dim)


def gather_patches(x: Tensor, patch: int) -> Tensor:
    """Fold every patch into channels: (B, C, *S) -> (B, C * patch**axes, *(S / patch)).

    Raises:
        SettingError: A side of `x` is not a multiple of `patch`.
    """
    if patch == 1:
        return x
    batch, channels, *sides = x.shape
    require_multiple(sides, patch)
    axes = len(sides)
    split = [part for side in sides for part in (side // patch, patch)]
    x = x.reshape(batch, channels, *split)
    coarse, fine = range(2, 2 + 2 * axes, 2), range(3, 3 + 2 * axes, 2)
    x = x.permute(0, 1, *fine, *coarse)
    return x.reshape(batch, channels * patch**axes, *(side // patch for side in sides))


def scatter_patches(x: Tensor, patch: int) -> Tensor:
    """The inverse of `gather_patches`: (B, C * patch**axes, *S) -> (B, C, *(S * patch))."""
    if patch == 1:
        return x
    batch, channels, *sides = x.shape
    axes = len(sides)
    x = x.reshape(batch, channels // patch**axes, *[patch] * axes, *sides)
    interleaved = [axis for i in range(axes) for axis in (2 + axes + i, 2 + i)]
    x = x.permute(0, 1, *interleaved)
    return x.reshape(batch, channels // patch**axes, *(side * patch for side in sides))


def grid(sides: tuple[int, ...], device: torch.device | None = None) -> Tensor:
    """Integer coordinates of the cells of a grid in row-major order, float, (prod(sides), axes)."""
    ticks = [torch.arange(side, device=device, dtype=torch.float32) for side in sides]
    return torch.stack(torch.meshgrid(*ticks, indexing="ij"), dim=-1).flatten(0, -2)
