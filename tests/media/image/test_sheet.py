from __future__ import annotations

import numpy as np
import pytest

from sfumato.media.image.sheet import sheet, strip


def test_every_picture_is_found_at_its_place() -> None:
    pictures = np.random.default_rng(0).integers(0, 256, (5, 4, 6, 3), dtype=np.uint8)
    paper = np.asarray(sheet(pictures, columns=3, scale=2))
    gap = 2
    assert paper.shape == (2 * (8 + gap) + gap, 3 * (12 + gap) + gap, 3)
    for place, picture in enumerate(pictures):
        top, left = place // 3 * 10 + gap, place % 3 * 14 + gap
        tile = paper[top : top + 8, left : left + 12]
        for dy in (0, 1):
            for dx in (0, 1):
                np.testing.assert_array_equal(tile[dy::2, dx::2], picture)


def test_defaults_are_large_enough_to_see() -> None:
    tall = np.zeros((9, 32, 32, 1), np.uint8)
    assert sheet(tall).size == (3 * 99 + 3, 3 * 99 + 3)
    assert sheet(np.zeros((1, 256, 256, 3), np.uint8)).size == (260, 260)
    assert sheet(tall[:2], columns=50).size == (2 * 99 + 3, 99 + 3)


def test_strip_is_one_row() -> None:
    assert strip(np.zeros((7, 8, 8, 3), np.uint8), scale=1).size == (7 * 10 + 2, 12)


def test_transparency_shows_checks() -> None:
    clear = np.zeros((1, 32, 32, 4), np.uint8)
    solid = clear.copy()
    solid[..., 3] = 255
    checks = np.asarray(sheet(clear, scale=1))[2:-2, 2:-2]
    assert set(np.unique(checks)) == {224, 255}
    assert set(np.unique(np.asarray(sheet(solid, scale=1))[2:-2, 2:-2])) == {0}


@pytest.mark.parametrize("shape", [(0, 4, 4, 3), (4, 4, 3), (1, 4, 4, 2)])
def test_bad_shapes(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="images"):
        sheet(np.zeros(shape, np.uint8))
