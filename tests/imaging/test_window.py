from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from sfumato.imaging.window import around, bounds, cut, sides_of, union


def test_bounds_are_those_of_the_marked_pixels() -> None:
    marked = np.zeros((9, 12), np.bool_)
    marked[3, 5] = marked[6, 2] = True
    assert bounds(marked) == ((3, 7), (2, 6))


def test_a_small_part_is_in_the_middle_of_a_window_of_the_model() -> None:
    assert around(((40, 50), (70, 74)), (100, 200), (32, 32)) == ((29, 61), (56, 88))


def test_a_window_does_not_leave_the_picture() -> None:
    assert around(((0, 4), (196, 200)), (100, 200), (32, 32)) == ((0, 32), (168, 200))


def test_a_large_part_is_surrounded_by_half_a_window() -> None:
    assert around(((40, 80), (60, 64)), (200, 200), (32, 32)) == ((24, 96), (46, 78))


@pytest.mark.parametrize("side", [32, 33, 50, 80])
def test_any_part_keeps_what_surrounds_it(side: int) -> None:
    least = 32
    for first, last in product(range(side), range(1, side + 1)):
        if first < last:
            (start, end), _ = around(((first, last), (0, 1)), (side, side), (least, least))
            assert 0 <= start <= first < last <= end <= side
            assert end - start >= least
            assert first - start >= min(4, first)
            assert end - last >= min(4, side - last)


def test_beyond_the_picture_its_edge_is_repeated() -> None:
    pixels = np.arange(6).reshape(1, 2, 3)
    region = (-1, 2), (1, 5)
    assert sides_of(region) == (3, 4)
    found = cut(pixels, region)
    np.testing.assert_array_equal(found, [[[1, 2, 2, 2], [1, 2, 2, 2], [4, 5, 5, 5]]])
    assert union(region, (2, 3)) == ((-1, 2), (0, 5))
