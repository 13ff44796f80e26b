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


def test_captions_are_below_pictures_that_are_large_enough_for_them() -> None:
    pictures = np.full((3, 32, 32, 3), 255, np.uint8)
    paper = np.asarray(sheet(pictures, columns=3, captions=["a red bird", "", "a cat"]))
    gap, side, line = 10, 128, 15
    assert paper.shape == (side + line + 2 * gap, 3 * (side + gap) + gap, 3)
    for place, has_words in enumerate((True, False, True)):
        left = gap + place * (side + gap)
        assert (paper[gap : gap + side, left : left + side] == 255).all()
        below = paper[gap + side : gap + side + line, left : left + side]
        assert (below.min() < 100) == has_words
        assert below.max() == 238


def test_each_row_has_room_for_its_own_captions() -> None:
    pictures = np.full((4, 128, 128, 3), 255, np.uint8)
    captions = ["a", "word " * 100, "b", ""]
    paper = np.asarray(sheet(pictures, columns=2, captions=captions))
    assert paper.shape[0] == 2 * (128 + 10) + (3 + 1) * 15 + 10
    top = 10 + 128 + 3 * 15 + 10
    assert (paper[top : top + 128, 10:138] == 255).all()


def test_narrow_pictures_are_centred_in_cells_with_room_for_words() -> None:
    pictures = np.zeros((1, 40, 20, 1), np.uint8)
    paper = np.asarray(sheet(pictures, scale=1, captions=["a"]))
    assert paper.shape == (40 + 15 + 20, 128 + 20, 3)
    rows, columns = np.nonzero((paper[:50] == 0).all(-1))
    assert (columns.min(), columns.max()) == (10 + 54, 10 + 54 + 19)
    assert (rows.min(), rows.max()) == (10, 49)


@pytest.mark.parametrize("captions", [(), ("", ""), (" ", "\n")])
def test_without_captions_a_sheet_is_of_pictures_alone(captions: tuple[str, ...]) -> None:
    pictures = np.random.default_rng(0).integers(0, 256, (2, 32, 48, 3), dtype=np.uint8)
    assert sheet(pictures, captions=captions) == sheet(pictures)


@pytest.mark.parametrize(
    "caption", ["x" * 10_000, "word " * 2_000, "\U0001f34e\ufe0f", "a\nb", "\u202e\u05d0", "\ud800"]
)
def test_any_caption_can_be_shown(caption: str) -> None:
    image = sheet(np.zeros((2, 8, 8, 3), np.uint8), columns=2, captions=[caption, ""])
    # Sixteen times as large, which is also the distance of two cells.
    assert image.width == 2 * (128 + 16) + 16
    assert 128 + 2 * 16 <= image.height <= 128 + 3 * 15 + 2 * 16


def test_captions_are_as_many_as_pictures() -> None:
    with pytest.raises(ValueError, match="1 captions of 2 images"):
        sheet(np.zeros((2, 8, 8, 3), np.uint8), captions=["a"])


@pytest.mark.parametrize("numbers", [{"scale": 0}, {"columns": 0}, {"scale": -1, "columns": 2}])
def test_bad_numbers(numbers: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="at least 1"):
        sheet(np.zeros((2, 8, 8, 3), np.uint8), **numbers)
