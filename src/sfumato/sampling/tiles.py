"""The same numbers for a sample in any batch.

Matrix kernels choose how to sum by the shape of what they are given, so a network's output for one
sample differs in the last bits between batches of 1 and of 16, and rounding to 8 bits makes that
visible. Here the network only ever sees batches of one shape, with sample ``i`` always at place
``i mod tile``: the same instructions on the same numbers, whatever batch the caller uses.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from sfumato.denoiser import Denoiser, Posterior


class Tiled(Denoiser):
    """A denoiser that evaluates in tiles of constant size.

    Args:
        denoiser: What to evaluate; its rows must not depend on each other.
        tile: Rows per evaluation, at least 1.
        first: Global index of the first row of the batches to come; those that follow have
            consecutive indices.
    """

    def __init__(self, denoiser: Denoiser, tile: int, first: int = 0) -> None:
        super().__init__(denoiser.process)
        self.denoiser = denoiser
        self.tile = tile
        self.before = first % tile

    def forward(self, x_t: Tensor, t: Tensor, **cond: Any) -> Posterior:
        """See :meth:`Denoiser.forward`."""
        count = len(x_t)
        padded = self._padded(x_t)
        times = t if t.ndim == 0 else self._padded(t, value=1.0)
        conds = {k: self._padded(v) if isinstance(v, Tensor) else v for k, v in cond.items()}
        means = []
        for low in range(0, len(padded), self.tile):
            rows = slice(low, low + self.tile)
            part = {k: v[rows] if isinstance(v, Tensor) else v for k, v in conds.items()}
            means.append(
                self.denoiser(padded[rows], t if t.ndim == 0 else times[rows], **part).mean
            )
        return Posterior(torch.cat(means)[self.before : self.before + count])

    def _padded(self, rows: Tensor, value: float = 0.0) -> Tensor:
        """Rows with filler before and behind, so that they fall into their places in the tiles."""
        behind = -(self.before + len(rows)) % self.tile
        return F.pad(rows, (0, 0) * (rows.ndim - 1) + (self.before, behind), value=value)
