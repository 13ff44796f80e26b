"""What a medium makes of its items for a network to learn from."""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor


class Encoded(NamedTuple):
    """A batch of items as a process sees them.

    Attributes:
        x0: Clean data, float32, shape (B, C, *sides).
        filled: Which share of its extent each item fills, in [0, 1], shape (B,); None where all
            items fill theirs.
    """

    x0: Tensor
    filled: Tensor | None = None
