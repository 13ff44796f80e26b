from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from pydantic import ValidationError

from sfumato.data.index import scan
from sfumato.errors import DataError, Diverged, SettingError
from sfumato.media.image.medium import ImageMedium
from sfumato.media.image.open import IMAGES
from sfumato.media.image.settings import ImageSettings


def medium(**settings: object) -> ImageMedium:
    return ImageMedium(ImageSettings.model_validate({"channels": "rgb", "size": 8, **settings}))


def save(path: Path, pixels: np.ndarray) -> Path:
    Image.fromarray(pixels).save(path)
    return path


@pytest.mark.parametrize(
    "bad",
    [
        {"size": 7},
        {"size": 1025},
        {"channels": "cmyk"},
        {"background": "no colour"},
        {"background": "#ff000080"},
        {"shift": -1},
        {"colour": 3},
        {"max_pixels": 5_000_000_000},
        {"size": "48x7"},
        {"size": "2000x48"},
        {"size": "48x"},
        {"size": "wide"},
        {"size": True},
        {"size": 32.5},
        {"resample": "cubic"},
        {"white": 0},
    ],
)
def test_bad_settings(bad: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        ImageSettings.model_validate(bad)


def test_auto_must_be_settled_first() -> None:
    with pytest.raises(SettingError, match="resolve"):
        ImageMedium(ImageSettings())


@pytest.mark.parametrize(("channels", "count"), [("grey", 1), ("rgb", 3), ("rgba", 4)])
def test_shape(tmp_path: Path, channels: str, count: int) -> None:
    reader = medium(channels=channels, size=9)
    path = save(tmp_path / "a.png", np.zeros((20, 30, 3), np.uint8))
    pixels = reader.read(path)
    assert pixels.shape == reader.shape == (count, 9, 9)
    assert pixels.dtype == reader.dtype == np.uint8
    assert pixels.flags.c_contiguous


@pytest.mark.parametrize("fit", ["crop", "pad", "stretch"])
def test_a_picture_of_the_right_size_is_untouched(tmp_path: Path, fit: str) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (8, 8, 3), dtype=np.uint8)
    path = save(tmp_path / "a.png", pixels)
    np.testing.assert_array_equal(medium(fit=fit).read(path), pixels.transpose(2, 0, 1))


def test_crop_takes_the_middle(tmp_path: Path) -> None:
    thirds = np.repeat(np.array([[10, 120, 240]], np.uint8), 8, axis=1).repeat(8, axis=0)
    path = save(tmp_path / "a.png", thirds)
    assert set(medium(channels="grey", fit="crop").read(path).ravel()) == {120}


def test_pad_keeps_all_and_fills_with_the_background(tmp_path: Path) -> None:
    path = save(tmp_path / "a.png", np.full((16, 32), 40, np.uint8))
    pixels = medium(fit="pad", background="#ff0000").read(path)
    assert (pixels[:, 2:6] == 40).all()
    for rows in (slice(0, 2), slice(6, 8)):
        assert (pixels[0, rows] == 255).all()
        assert (pixels[1:, rows] == 0).all()
    transparent = medium(fit="pad", channels="rgba").read(path)
    assert set(transparent[3, :2].ravel()) == {0}
    assert set(transparent[3, 2:6].ravel()) == {255}


def test_stretch_keeps_the_halves(tmp_path: Path) -> None:
    halves = np.repeat(np.array([[0, 200]], np.uint8), 40, axis=1).repeat(10, axis=0)
    pixels = medium(channels="grey", fit="stretch").read(save(tmp_path / "a.png", halves))[0]
    # The filter rings by a few levels beside the edge.
    assert np.abs(pixels[:, :3].astype(int)).max() <= 4
    assert np.abs(pixels[:, 5:].astype(int) - 200).max() <= 4


def test_transparency_is_laid_on_the_background(tmp_path: Path) -> None:
    pixels = np.zeros((8, 8, 4), np.uint8)
    pixels[..., 0] = 255
    pixels[:, 4:, 3] = 51  # a fifth
    path = save(tmp_path / "a.png", pixels)
    read = medium(background="#0000ff").read(path)
    assert read[:, 0, 0].tolist() == [0, 0, 255]
    assert read[:, 0, 7].tolist() == [51, 0, 204]


@pytest.mark.parametrize("channels", ["rgb", "rgba"])
def test_reduction_leaves_no_dark_fringe(tmp_path: Path, channels: str) -> None:
    rows, columns = np.indices((64, 64)) - 31.5
    pixels = np.zeros((64, 64, 4), np.uint8)  # black where it cannot be seen
    pixels[rows**2 + columns**2 < 24**2] = (255, 240, 0, 255)
    read = medium(channels=channels, background="#fff000").read(save(tmp_path / "a.png", pixels))
    colours = read[:3].reshape(3, -1).T.astype(int)
    if channels == "rgba":
        alpha = read[3].ravel()
        assert np.any((alpha > 32) & (alpha < 224))
        colours = colours[(alpha == 0) | (alpha > 32)]
    difference = colours - (255, 240, 0)
    assert difference.min() >= -4
    assert difference.max() <= 16  # the Lanczos filter may ring, to the bright side only


def test_reduction_does_not_alias(tmp_path: Path) -> None:
    checks = (np.indices((256, 256)).sum(0) % 2 * 255).astype(np.uint8)
    pixels = medium(channels="grey").read(save(tmp_path / "a.png", checks))
    assert np.abs(pixels.astype(int) - 127).max() <= 2


def test_every_level_survives_the_round_trip() -> None:
    levels = np.arange(256, dtype=np.uint8).reshape(1, 1, 16, 16)
    x0 = medium().encode(levels)
    assert (x0.min().item(), x0.max().item()) == (-1.0, 1.0)
    np.testing.assert_array_equal(medium().decode(x0), levels.transpose(0, 2, 3, 1))


def test_decode_clips_and_refuses_what_is_not_finite() -> None:
    assert medium().decode(torch.tensor([-9.0, 9.0]).view(2, 1, 1, 1)).ravel().tolist() == [0, 255]
    with pytest.raises(Diverged):
        medium().decode(torch.full((1, 3, 2, 2), torch.nan))


def test_augment_does_nothing_unless_asked() -> None:
    x0 = torch.randn(2, 3, 8, 8)
    assert medium().augment(x0, np.zeros((2, 3))) is x0


def test_flip_mirrors_when_the_uniform_is_low() -> None:
    x0 = torch.randn(3, 3, 8, 8)
    uniforms = np.array([[0.49, 0, 0], [0.5, 0, 0], [0.0, 0.9, 0.9]])
    flipped = medium(flip=True).augment(x0, uniforms)
    assert torch.equal(flipped[0], x0[0].flip(-1))
    assert torch.equal(flipped[1], x0[1])
    assert torch.equal(flipped[2], x0[2].flip(-1))


@pytest.mark.parametrize("down", range(-2, 3))
@pytest.mark.parametrize("right", range(-2, 3))
def test_shift_repeats_the_edge(down: int, right: int) -> None:
    x0 = np.random.default_rng(0).standard_normal((1, 3, 8, 8)).astype(np.float32)
    padded = np.pad(x0, ((0, 0), (0, 0), (2, 2), (2, 2)), mode="edge")
    expected = padded[:, :, 2 - down : 10 - down, 2 - right : 10 - right]
    uniforms = np.array([[0.9, (down + 2.5) / 5, (right + 2.5) / 5]])
    moved = medium(shift=2).augment(torch.from_numpy(x0), uniforms)
    np.testing.assert_array_equal(moved.numpy(), expected)


def test_augmentation_does_not_change_what_is_cached() -> None:
    plain = medium().cache_key
    assert medium(flip=True, shift=3).cache_key == plain
    assert medium(background="black").cache_key != plain


def test_resolve(tmp_path: Path) -> None:
    grey, colour, mixed = (tmp_path / name for name in ("grey", "colour", "mixed"))
    for folder in (grey, colour, mixed):
        folder.mkdir()
        save(folder / "1.png", np.full((8, 8, 3), 80, np.uint8))
        save(folder / "2.png", np.full((8, 8), 80, np.uint8))
        (folder / "0.png").write_bytes(b"damaged")
    save(mixed / "3.png", np.full((8, 8, 3), (80, 90, 80), np.uint8))
    for name in ("1.png", "2.png"):
        save(colour / name, np.full((8, 8, 4), (255, 0, 0, 60), np.uint8))
    resolved = [
        ImageMedium.resolved(ImageSettings(flip=True), scan(folder, IMAGES))
        for folder in (grey, colour, mixed)
    ]
    assert [settings.channels for settings in resolved] == ["grey", "rgb", "rgb"]
    assert all(settings.flip for settings in resolved)
    asked = ImageSettings(channels="rgba")
    assert ImageMedium.resolved(asked, scan(grey, IMAGES)) is asked


def test_recipe_goes_into_the_file_and_out(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (8, 8, 3), dtype=np.uint8)
    reader = medium()
    reader.write(tmp_path / "a.png", pixels, {"seed": 3})
    assert reader.read_provenance(tmp_path / "a.png") == {"seed": 3}
    np.testing.assert_array_equal(reader.read(tmp_path / "a.png"), pixels.transpose(2, 0, 1))
    reader.write(tmp_path / "b.png", pixels)
    with pytest.raises(DataError, match="no recipe"):
        reader.read_provenance(tmp_path / "b.png")
