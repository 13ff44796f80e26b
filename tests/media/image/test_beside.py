from __future__ import annotations

import numpy as np
import pytest

from sfumato.media.image.beside import beside


def solid(level: int, height: int, width: int, channels: int = 3) -> np.ndarray:
    return np.full((height, width, channels), level, np.uint8)


def cells(paper: np.ndarray, height: int, width: int, gap: int) -> list[np.ndarray]:
    tops = range(gap, paper.shape[0] - height, height + gap)
    lefts = range(gap, paper.shape[1] - width, width + gap)
    return [paper[top : top + height, left : left + width] for top in tops for left in lefts]


def test_the_file_and_what_is_known_come_first() -> None:
    items = np.stack([solid(level, 100, 100) for level in (30, 40)])
    paper = np.asarray(beside(solid(10, 100, 100), solid(20, 100, 100), items))
    found = cells(paper, 100, 100, 2)
    assert [np.unique(cell).tolist() for cell in found] == [[10], [20], [30], [40]]


def test_small_files_are_enlarged_by_whole_pixels() -> None:
    original = np.arange(25 * 25 * 3, dtype=np.uint8).reshape(25, 25, 3)
    paper = np.asarray(beside(original, None, solid(30, 100, 100)[None]))
    first, second = cells(paper, 100, 100, 2)[:2]
    np.testing.assert_array_equal(first, original.repeat(4, axis=0).repeat(4, axis=1))
    assert (second == 30).all()


def test_files_of_other_proportions_are_centred() -> None:
    paper = np.asarray(beside(solid(10, 100, 80, 1), None, solid(30, 100, 100, 1)[None]))
    first = cells(paper, 100, 100, 2)[0]
    assert (first[:, 10:90] == 10).all()
    assert not (first[:, :10] == 10).any() and not (first[:, 90:] == 10).any()


def test_files_larger_than_the_results() -> None:
    with pytest.raises(ValueError, match="does not fit"):
        beside(solid(10, 101, 100), None, solid(30, 100, 100)[None])
