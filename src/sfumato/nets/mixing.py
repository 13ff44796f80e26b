"""Mixing of neighbours: what stands next to a token, without attention having to find it."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

NEIGHBOURS = (-3, -2, -1, 0, 1, 2, 3)
"""The offsets that a bidirectional network mixes."""


class LocalMixing(nn.Module):
    """Adds to every channel of a token a learnt blend of that channel of its neighbours.

    A depthwise convolution on a residual path (Allen-Zhu 2025, arXiv:2512.17351, "Canon layers";
    So et al. 2021, arXiv:2109.08668). Attention is told positions by rotation alone, and takes long
    to learn to look next door; a masked token has nothing of its own to begin with.

    Args:
        dim: Size of a token.
        offsets: Which neighbours, consecutive and increasing, from before (-) to behind (+).
    """

    def __init__(self, dim: int, offsets: Sequence[int] = NEIGHBOURS) -> None:
        super().__init__()
        self.offsets = tuple(offsets)
        self.weight = nn.Parameter(torch.randn(dim, 1, 1, len(self.offsets)) * 0.3)

    def forward(self, x: Tensor, segments: Tensor | None = None) -> Tensor:
        """Mix tokens.

        Args:
            x: (B, N, D).
            segments: (B, N) long, each segment in one piece; a token's neighbours in other
                segments do not count.

        Returns:
            (B, N, D).
        """
        # Compiled, a sum over the offsets is one pass; and no size may depend on the segments.
        if torch.compiler.is_compiling():
            return x + self._summed(x, segments)
        return x + (self._across(x) if segments is None else self._within(x, segments))

    def _across(self, x: Tensor) -> Tensor:
        # In two dimensions torch's depthwise kernel is several times as fast on a CPU as in one.
        padded = F.pad(x.transpose(1, 2).unsqueeze(2), (-self.offsets[0], self.offsets[-1]))
        mixed = F.conv2d(padded, self.weight.to(x.dtype), groups=x.shape[2])
        return mixed.squeeze(2).transpose(1, 2)

    def _summed(self, x: Tensor, segments: Tensor | None) -> Tensor:
        """Offset by offset, each where it does not leave the segment."""
        count, borders = x.shape[1], (-self.offsets[0], self.offsets[-1])
        padded = F.pad(x, (0, 0, *borders))
        mixed = torch.zeros_like(x)
        for place, factor in enumerate(self.weight.to(x.dtype).flatten(1).unbind(1)):
            there = padded[:, place : place + count]
            if segments is not None:
                other = F.pad(segments, borders)[:, place : place + count]
                there = there.masked_fill((other != segments).unsqueeze(-1), 0.0)
            mixed = mixed + factor * there
        return mixed

    def _within(self, x: Tensor, segments: Tensor) -> Tensor:
        """As above, with segments moved apart so far that none reaches the next."""
        batch, count, dim = x.shape
        reach = max(-self.offsets[0], self.offsets[-1])
        borders = (segments[:, 1:] != segments[:, :-1]).cumsum(1)
        shift = reach * F.pad(borders, (1, 0))
        size = count + int(shift.max())
        rows = torch.arange(batch, device=x.device).unsqueeze(1) * size
        places = (rows + torch.arange(count, device=x.device) + shift).flatten()
        apart = x.new_zeros(batch * size, dim).index_copy(0, places, x.flatten(0, 1))
        mixed = self._across(apart.view(batch, size, dim))
        return mixed.flatten(0, 1).index_select(0, places).view(batch, count, dim)
