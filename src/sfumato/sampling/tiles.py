"""Evaluation in tiles, so that a sample has the same bits in any batch.

Matrix kernels choose the order of summation by the shape of their inputs, so a network's output for
one sample differs in the last bits between batches of 1 and of 16, and rounding to 8 bits makes
that visible. The alignment of a batch in memory matters as well. Here the network only ever sees
batches of one shape in separate memory, with sample ``i`` always at place ``i mod tile``: the same
instructions on the same numbers, whatever batch the caller uses.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from sfumato.conditions import Conditions
from sfumato.denoiser import Denoiser, Posterior, ProcessT
from sfumato.errors import SettingError


def split_tiles(rows: Tensor, tile: int, before: int, value: float = 0.0) -> list[Tensor]:
    """Divide a batch into groups of constant size, each in memory of its own.

    Args:
        rows: Shape (B, ...).
        tile: Rows in a group.
        before: Place of the first row in its group, in [0, tile).
        value: Value of the rows that fill up the first and the last group.
    """
    behind = -(before + len(rows)) % tile
    padded = F.pad(rows, (0, 0) * (rows.ndim - 1) + (before, behind), value=value)
    return [part.clone() for part in torch.split(padded, tile)]


def join_tiles(parts: Sequence[Tensor], before: int, count: int) -> Tensor:
    """The batch of ``count`` rows that was divided by :func:`split_tiles`."""
    return torch.cat(list(parts))[before : before + count]


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
        tile, before = self.tile, self.before
        states = split_tiles(x_t, tile, before)
        times = [t.expand(tile)] * len(states) if t.ndim == 0 else split_tiles(t, tile, before, 1.0)
        conditions = {
            name: split_tiles(value, tile, before) for name, value in Conditions(cond).items()
        }
        beliefs = []
        for number, (state, time) in enumerate(zip(states, times, strict=True)):
            own = Conditions({name: parts[number] for name, parts in conditions.items()})
            beliefs.append(self.denoiser(state, time.clone(), **own).parameter)
        return Posterior(join_tiles(beliefs, before, len(x_t)))
