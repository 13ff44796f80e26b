"""Patches: trade resolution for channels, in any number of spatial axes, without loss.

Both backbones use them: the transformer makes each patch a token, the U-Net starts on a coarser
grid. `gather_patches` and `scatter_patches` are exact inverses; in two axes they are the usual
pixel unshuffle and shuffle.
"""

from __future__ import annotations

import torch
from torch import Tensor

from sfumato.nets import require_multiple


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
