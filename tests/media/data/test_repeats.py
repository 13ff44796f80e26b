from __future__ import annotations

import numpy as np

from sfumato.media.data.split import repeats


def test_each_later_item_is_paired_with_the_first() -> None:
    digests = np.array([5, 9, 5, 7, 9, 5], np.uint64)
    assert repeats(digests).tolist() == [[2, 0], [4, 1], [5, 0]]


def test_none_among_different_ones() -> None:
    assert repeats(np.arange(4, dtype=np.uint64)).shape == (0, 2)
