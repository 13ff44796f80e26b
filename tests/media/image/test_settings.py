from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sfumato.errors import SettingError
from sfumato.media.image import ImageMedium, ImageSettings
from sfumato.media.image.recipes import transformer, unet
from sfumato.media.image.settings import require_size
from sfumato.nets.specs import TransformerSpec, UNetSpec
from sfumato.recipes import override


@pytest.mark.parametrize(
    ("size", "width", "height", "stored"),
    [
        (64, 64, 64, 64),
        ("64", 64, 64, 64),
        ("64x64", 64, 64, 64),
        ("48x32", 48, 32, "48x32"),
        (" 48 X 32 ", 48, 32, "48x32"),
        ("48\u00d732", 48, 32, "48x32"),
        ((48, 32), 48, 32, "48x32"),
        ([48, 48], 48, 48, 48),
    ],
)
def test_sizes(size: int | str, width: int, height: int, stored: int | str) -> None:
    settings = ImageSettings(size=size, channels="rgb")
    assert (settings.width, settings.height, settings.size) == (width, height, stored)
    assert ImageSettings.model_validate_json(settings.model_dump_json()) == settings
    assert ImageMedium(settings).shape == (3, height, width)


def test_a_size_that_is_none_is_explained() -> None:
    with pytest.raises(SettingError) as caught:
        override(unet(), ["medium.size=48 by 32"])
    assert "medium.size" in str(caught.value)
    assert "width x height, such as 48x32" in caught.value.why


def test_pictures_are_wide_or_tall(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (20, 30, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "a.png")
    medium = ImageMedium(ImageSettings(size="30x20", channels="rgb"))
    np.testing.assert_array_equal(medium.read(tmp_path / "a.png").transpose(1, 2, 0), pixels)


def test_a_picture_on_its_side_is_turned_first(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 8
    pixels = np.random.default_rng(0).integers(0, 256, (30, 20, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "a.png", exif=exif)
    medium = ImageMedium(ImageSettings(size="30x20", channels="rgb"))
    found = medium.read(tmp_path / "a.png").transpose(1, 2, 0)
    np.testing.assert_array_equal(found, np.rot90(pixels))


def test_reading_depends_on_all_its_settings() -> None:
    keys = {
        ImageMedium(ImageSettings(**{"channels": "rgb", **more})).cache_key
        for more in (
            {},
            {"size": "48x32"},
            {"size": "32x48"},
            {"resample": "nearest"},
            {"white": 4095},
            {"truncated": True},
            {"max_pixels": 1000},
        )
    }
    assert len(keys) == 7
    assert ImageMedium(ImageSettings(channels="rgb", flip=True)).cache_key in keys


@pytest.mark.parametrize(
    ("size", "nearest"),
    [("50x31", "48x32"), ("33", "32"), ("8x1000", "8x1000"), ("44x44", "48"), ("12x9", "16x8")],
)
def test_a_size_that_the_network_cannot_take(size: str, nearest: str) -> None:
    settings, network = ImageSettings(size=size), UNetSpec(patch=2)
    if size == nearest:
        require_size(settings, network)
        return
    with pytest.raises(SettingError) as caught:
        require_size(settings, network)
    assert f"medium.size={nearest};" in caught.value.hint
    require_size(ImageSettings(size=nearest), network)


def test_every_size_has_a_nearest_one() -> None:
    for patch in (3, 5, 64):
        network = TransformerSpec(patch=patch)
        with pytest.raises(SettingError, match="cannot take images of 8 x 1024"):
            require_size(ImageSettings(size="8x1024"), network)


@pytest.mark.parametrize("recipe", [unet(), transformer()])
def test_networks_take_pictures_that_are_not_square(recipe: object) -> None:
    import torch

    from sfumato.nets.specs import BackboneSpec

    backbone: BackboneSpec = recipe.backbone  # type: ignore[attr-defined]
    network = backbone.build(3, (16, 40))
    x = torch.randn(2, 3, 16, 40)
    assert network(x, torch.zeros(2)).shape == x.shape
