from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from sfumato.imaging.fit import FITS, RESAMPLING, crop, pad, stretch

LANCZOS, NEAREST = RESAMPLING["lanczos"], RESAMPLING["nearest"]
GREEN = (0, 255, 0)


def halves(width: int, height: int) -> Image.Image:
    """Black on the left, white on the right."""
    columns = np.where(np.arange(width) < width / 2, 0, 255).astype(np.uint8)
    return Image.fromarray(np.broadcast_to(columns[None, :, None], (height, width, 3)).copy())


@pytest.mark.parametrize("fit", FITS)
@pytest.mark.parametrize("size", [(48, 32), (32, 48), (16, 16), (64, 8)])
@pytest.mark.parametrize("stored", [(10, 10), (100, 7), (7, 100), (48, 32), (1, 1), (301, 200)])
@pytest.mark.parametrize("resample", RESAMPLING)
def test_every_picture_gets_the_size(
    fit: str, size: tuple[int, int], stored: tuple[int, int], resample: str
) -> None:
    for mode in ("L", "RGB", "RGBA"):
        picture = Image.new(mode, stored)
        assert FITS[fit](picture, size, GREEN, RESAMPLING[resample]).size == size


def test_crop_takes_the_middle_of_either_axis() -> None:
    picture = halves(60, 20)
    found = np.asarray(crop(picture, (20, 20), GREEN, NEAREST))
    np.testing.assert_array_equal(found, np.asarray(picture)[:, 20:40])
    tall = picture.transpose(Image.Transpose.ROTATE_90)
    found = np.asarray(crop(tall, (20, 40), GREEN, NEAREST))
    np.testing.assert_array_equal(found, np.asarray(tall)[10:50])


def test_crop_keeps_a_picture_of_the_same_proportions_whole() -> None:
    picture = halves(96, 64)
    np.testing.assert_array_equal(
        np.asarray(crop(picture, (48, 32), GREEN, LANCZOS)),
        np.asarray(stretch(picture, (48, 32), GREEN, LANCZOS)),
    )


def test_pad_shows_all_and_fills_the_rest() -> None:
    found = np.asarray(pad(halves(40, 20), (40, 40), GREEN, NEAREST))
    assert (found[:10] == GREEN).all()
    assert (found[30:] == GREEN).all()
    np.testing.assert_array_equal(found[10:30], np.asarray(halves(40, 20)))
    wide = np.asarray(pad(halves(20, 20), (48, 32), GREEN, NEAREST))
    assert (wide[:, :8] == GREEN).all()
    assert (wide[:, 40:] == GREEN).all()


@pytest.mark.parametrize("fit", FITS)
def test_pixel_art_keeps_its_colours(fit: str) -> None:
    art = Image.fromarray(np.random.default_rng(0).integers(0, 256, (8, 8, 3), dtype=np.uint8))
    large = np.asarray(FITS[fit](art, (32, 32), GREEN, NEAREST))
    np.testing.assert_array_equal(large, np.asarray(art).repeat(4, 0).repeat(4, 1))
    again = np.asarray(FITS[fit](Image.fromarray(large), (8, 8), GREEN, NEAREST))
    np.testing.assert_array_equal(again, np.asarray(art))
