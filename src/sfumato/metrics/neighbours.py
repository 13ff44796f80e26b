"""The nearest neighbours of some items among others, by root-mean-square difference."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

_CHUNK = 4096


@dataclass(frozen=True)
class Neighbours:
    """For each query its nearest item.

    Attributes:
        indices: Shape (Q,), int64; of equally near items the first.
        distances: Root-mean-square difference per element, shape (Q,), float32, in units of the
            data.
    """

    indices: NDArray[np.int64]
    distances: NDArray[np.float32]


def nearest(queries: Tensor, items: NDArray[np.uint8]) -> Neighbours:
    """The nearest item of each query.

    Args:
        queries: uint8, shape (Q, ...).
        items: uint8, shape (N, ...) with the same trailing shape and N >= 1; it may be
            memory-mapped and is read in pieces.

    Returns:
        Distances in levels of 0..255.

    Raises:
        ValueError: There are no items.
    """
    if not len(items):
        raise ValueError("there are no items to be near to")
    wanted = queries.flatten(1).float()
    best = torch.full((len(wanted),), torch.inf)
    where = torch.zeros(len(wanted), dtype=torch.int64)
    for low in range(0, len(items), _CHUNK):
        part = torch.from_numpy(items[low : low + _CHUNK].astype(np.float32))
        # Explicit differences: expanding the square would cancel for near copies.
        distance, index = torch.cdist(
            wanted, part.flatten(1), compute_mode="donot_use_mm_for_euclid_dist"
        ).min(1)
        better = distance < best
        best = torch.where(better, distance, best)
        where = torch.where(better, index + low, where)
    scale = wanted.shape[1] ** 0.5
    return Neighbours(where.numpy(), (best / scale).numpy())
