"""Evaluation in tiles, so that a sample has the same bits in any batch.

Matrix kernels choose the order of summation by the shape of their inputs, so a network's output for
one sample differs in the last bits between batches of 1 and of 16, and rounding to 8 bits makes
that visible. The alignment of a batch in memory matters as well. Here the network only ever sees
batches of one shape in separate memory, with sample ``i`` always at place ``i mod tile``: the same
instructions on the same numbers, whatever batch the caller uses.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from sfumato.conditions import Conditions
from sfumato.denoiser import Denoiser, Posterior, ProcessT
from sfumato.errors import SettingError


class Tiled(Denoiser[ProcessT]):
    """A denoiser that evaluates in tiles of constant size.

    Args:
        denoiser: The denoiser to evaluate; its rows must not depend on each other.
        tile: Rows per evaluation, at least 1.
        first: Global index of the first row of a batch; indices of a batch are consecutive.

    Raises:
        SettingError: ``tile`` is below 1.
    """

    def __init__(self, denoiser: Denoiser[ProcessT], tile: int, first: int = 0) -> None:
        super().__init__(denoiser.process)
        if tile < 1:
            raise SettingError(f"tile cannot be {tile}.", why="it must be at least 1")
        self.denoiser = denoiser
        self.tile = tile
        self.before = first % tile

    def forward(self, x_t: Tensor, t: Tensor, **cond: Any) -> Posterior:
        """See :meth:`Denoiser.forward`."""
        count = len(x_t)
        x_t = self._padded(x_t)
        t = t.expand(len(x_t)) if t.ndim == 0 else self._padded(t, value=1.0)
        conditions = Conditions(cond).map(self._padded)
        beliefs = []
        for low in range(0, len(x_t), self.tile):
            rows = slice(low, low + self.tile)
            part = conditions.rows(rows).map(Tensor.clone)
            beliefs.append(self.denoiser(x_t[rows].clone(), t[rows].clone(), **part).parameter)
        return Posterior(torch.cat(beliefs)[self.before : self.before + count])

    def _padded(self, rows: Tensor, value: float = 0.0) -> Tensor:
        """Rows with padding before and after them, so that each is at its place in a tile."""
        behind = -(self.before + len(rows)) % self.tile
        return F.pad(rows, (0, 0) * (rows.ndim - 1) + (self.before, behind), value=value)
