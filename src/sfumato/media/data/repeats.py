"""Which items of a data set are equal, by digests of what they hold."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def repeats(digests: NDArray[np.uint64]) -> NDArray[np.int64]:
    """Pairs of equal items, int64 (M, 2): a later place and the first, by the later place.

    Args:
        digests: A hash of every item, shape (N,).
    """
    order = np.argsort(digests, kind="stable")
    ordered = digests[order]
    again = np.flatnonzero(ordered[1:] == ordered[:-1]) + 1
    firsts = order[np.searchsorted(ordered, ordered[again])]
    pairs = np.stack([order[again], firsts], axis=1).astype(np.int64)
    return pairs[np.argsort(pairs[:, 0])]
