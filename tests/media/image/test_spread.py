from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sfumato.data.marks import OUTPUT
from sfumato.media.image.medium import ImageMedium
from sfumato.media.image.settings import ImageSettings
from sfumato.media.image.spread import coloured, deviation, spread_map


def test_the_deviation_of_several_images() -> None:
    items = np.random.default_rng(0).integers(0, 256, (5, 6, 7, 3), dtype=np.uint8)
    expected = np.sqrt(items.astype(np.float64).var(0, ddof=1).mean(-1))
    np.testing.assert_allclose(deviation(items), expected)
    with pytest.raises(ValueError, match="two"):
        deviation(items[:1])


def test_colours_become_lighter() -> None:
    shades = np.asarray(Image.fromarray(coloured(np.linspace(0, 1, 256)[None])).convert("L"))
    assert (np.diff(shades[0].astype(int)) >= 0).all()
    assert shades[0, -1] - shades[0, 0] > 200


def test_the_map_is_at_the_size_of_the_file_above_its_legend() -> None:
    items = np.zeros((4, 100, 300, 3), np.uint8)
    items[:2, 20:40, 50:80] = 100
    image = spread_map(items)
    assert image.width == 300
    assert image.height > 120
    pixels = np.asarray(image)[:100]
    dark, light = (tuple(colour) for colour in coloured(np.array([[0, 57.74 / 100]]))[0])
    assert {tuple(colour) for colour in pixels[25:35, 55:75].reshape(-1, 3)} == {light}
    assert tuple(pixels[0, 0]) == tuple(pixels[60, 60]) == dark
    # The bar of the legend begins and ends with the colours of no and of the largest difference.
    legend = np.asarray(image)[100:]
    bar = [row for row in legend if tuple(row[8]) == dark]
    assert len(bar) == 12
    assert tuple(bar[0][260 - 9]) == tuple(coloured(np.ones((1, 1)))[0, 0])


def test_small_results_are_enlarged() -> None:
    items = np.zeros((4, 20, 32, 1), np.uint8)
    items[0, 3, 4] = 255
    pixels = np.asarray(spread_map(items))
    light = (pixels[:60, :96] != pixels[0, 0]).any(-1)
    assert np.argwhere(light).tolist() == [[y, x] for y in (9, 10, 11) for x in (12, 13, 14)]


def test_no_difference_is_all_dark() -> None:
    pixels = np.asarray(spread_map(np.full((4, 100, 100, 4), 7, np.uint8)))[:100, :100]
    assert len(np.unique(pixels.reshape(-1, 3), axis=0)) == 1


def test_the_file_is_marked_as_an_output(tmp_path: Path) -> None:
    medium = ImageMedium(ImageSettings.model_validate({"channels": "rgb", "size": 16}))
    path = tmp_path / "spread.png"
    medium.write_spread(np.zeros((4, 16, 16, 3), np.uint8), path)
    with Image.open(path) as image:
        assert OUTPUT in image.info
