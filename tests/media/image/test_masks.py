from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sfumato.errors import DataError, SettingError
from sfumato.media.image.masks import around_of, box_of, mask_of
from sfumato.media.image.settings import ImageSettings

SIDES = (20, 30)


def settings(**changes: object) -> ImageSettings:
    return ImageSettings.model_validate({"channels": "rgb", "size": 8, **changes})


def painted(value: object = 255) -> np.ndarray:
    levels = np.zeros(SIDES, np.uint8)
    levels[4:9, 10:20] = value
    return levels


def save(path: Path, pixels: np.ndarray) -> Path:
    Image.fromarray(pixels).save(path)
    return path


def marked(path: Path, pixels: np.ndarray) -> np.ndarray:
    return mask_of(save(path, pixels), SIDES, settings(), resize=False).pixels


def test_white_is_marked(tmp_path: Path) -> None:
    np.testing.assert_array_equal(marked(tmp_path / "m.png", painted()), painted() > 0)


def test_a_mask_of_one_bit(tmp_path: Path) -> None:
    np.testing.assert_array_equal(marked(tmp_path / "m.png", painted() > 0), painted() > 0)


def test_grey_is_marked_from_half_on_and_that_is_stated(tmp_path: Path) -> None:
    levels = painted()
    levels[0, 0], levels[0, 1], levels[0, 2] = 127, 128, 4
    found = mask_of(save(tmp_path / "m.png", levels), SIDES, settings(), resize=False)
    assert not found.pixels[0, 0] and found.pixels[0, 1]
    (note,) = found.notes
    assert note.startswith("0.33% of the mask is grey")


def test_paint_on_a_transparent_ground(tmp_path: Path) -> None:
    for colour in [(255, 255, 255), (200, 0, 0), (0, 0, 0)]:
        rgba = np.zeros((*SIDES, 4), np.uint8)
        rgba[..., :3], rgba[..., 3] = colour, painted()
        np.testing.assert_array_equal(marked(tmp_path / "m.png", rgba), painted() > 0)


def test_transparent_parts_of_colours_are_black(tmp_path: Path) -> None:
    rgba = np.full((*SIDES, 4), 255, np.uint8)
    rgba[:, :15, :3] = 0
    rgba[10:, :, 3] = 0
    expected = np.zeros(SIDES, np.bool_)
    expected[:10, 15:] = True
    np.testing.assert_array_equal(marked(tmp_path / "m.png", rgba), expected)


def test_a_mask_of_another_size(tmp_path: Path) -> None:
    path = save(tmp_path / "m.png", painted().T.copy())
    with pytest.raises(SettingError) as caught:
        mask_of(path, SIDES, settings(), resize=False)
    assert "20 x 30" in caught.value.what
    assert "30 x 20" in caught.value.why


@pytest.mark.parametrize(("value", "words"), [(0, "marks no pixel"), (255, "marks every pixel")])
def test_a_mask_of_one_level(tmp_path: Path, value: int, words: str) -> None:
    path = save(tmp_path / "m.png", np.full(SIDES, value, np.uint8))
    with pytest.raises(SettingError) as caught:
        mask_of(path, SIDES, settings(), resize=False)
    assert words in caught.value.why


def test_a_file_that_is_no_image(tmp_path: Path) -> None:
    (tmp_path / "m.png").write_bytes(b"no image")
    with pytest.raises(DataError):
        mask_of(tmp_path / "m.png", SIDES, settings(), resize=False)


@pytest.mark.parametrize("fit", ["crop", "pad", "stretch"])
def test_a_mask_is_fitted_as_its_picture_is(tmp_path: Path, fit: str) -> None:
    # The same pixels as a picture that is read by the nearest pixel.
    from sfumato.media.image.medium import ImageMedium

    own = settings(channels="grey", fit=fit, resample="nearest", background="black")
    path = save(tmp_path / "m.png", painted())
    picture = ImageMedium(own).read(path)[0]
    found = mask_of(path, (8, 8), own, resize=True)
    np.testing.assert_array_equal(found.pixels, picture >= 128)
    assert found.pixels.any()


def test_a_mask_of_the_size_of_the_model_is_not_fitted(tmp_path: Path) -> None:
    levels = np.zeros((8, 8), np.uint8)
    levels[2, 3] = 255
    found = mask_of(save(tmp_path / "m.png", levels), (8, 8), settings(), resize=True)
    assert np.argwhere(found.pixels).tolist() == [[2, 3]]


def test_a_box() -> None:
    found = box_of((10, 4, 10, 5), SIDES)
    np.testing.assert_array_equal(found.pixels, painted() > 0)


@pytest.mark.parametrize(
    ("box", "word"),
    [
        ((0, 0, 0, 5), "0 x 5"),
        ((0, 0, 5, -1), "5 x -1"),
        ((25, 4, 10, 5), "the part inside is 25,4,5,5"),
        ((-2, 4, 10, 5), "the part inside is 0,4,8,5"),
        ((40, 4, 10, 5), "30 x 20 pixels"),
        ((0, 0, 30, 20), "marks every pixel"),
    ],
)
def test_bad_boxes(box: tuple[int, int, int, int], word: str) -> None:
    with pytest.raises(SettingError) as caught:
        box_of(box, SIDES)
    assert word in str(caught.value)
    assert ("inside is" in word) == ("inside is" in str(caught.value))


def test_pixels_around() -> None:
    found = around_of({"left": 3, "bottom": 2}, SIDES, 10_000)
    assert found.pixels.shape == (22, 33)
    assert found.corner == (0, -3)
    assert not found.pixels[:20, 3:].any()
    assert found.pixels[20:].all() and found.pixels[:, :3].all()


@pytest.mark.parametrize(
    ("amounts", "word"),
    [
        ({"lef": 3}, "did you mean 'left'"),
        ({"left": -3}, "cannot be added"),
        ({"left": 0}, "No pixels"),
        ({}, "No pixels"),
        ({"left": 10**8}, "too large"),
    ],
)
def test_bad_amounts(amounts: dict[str, int], word: str) -> None:
    with pytest.raises(SettingError) as caught:
        around_of(amounts, SIDES, 10_000)
    assert word in str(caught.value)
