"""What is done with restored pictures: everything that is known stays, to the bit."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from sfumato.errors import Diverged
from sfumato.media.editing import Task, Wanted
from sfumato.media.image.medium import ImageMedium
from sfumato.media.image.open import open_image
from sfumato.media.image.settings import ImageSettings

SIDE = 16
BOX = (20, 10, 6, 4)
INSIDE = (slice(10, 14), slice(20, 26))


def medium(**changes: object) -> ImageMedium:
    settings = {"channels": "rgb", "size": SIDE, **changes}
    return ImageMedium(ImageSettings.model_validate(settings))


def noise(height: int = 40, width: int = 48, channels: int = 3) -> np.ndarray:
    shape = (height, width, channels)
    return np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)


def task_of(path: Path, own: ImageMedium | None = None, **wanted: Any) -> Task:
    own = own or medium()
    return own.task(path, own.plan(path, Wanted(**wanted)))


def made(task: Task, seed: int = 1) -> np.ndarray:
    """Three results whose restored data are noise, partly outside of [-1, 1]."""
    generator = torch.Generator().manual_seed(seed)
    return task.finish(torch.randn(3, *task.canvas, generator=generator))


FORMATS: dict[str, dict[str, Any]] = {
    "a.png": {},
    "b.jpg": {"quality": 60},
    "c.gif": {},
    "d.webp": {"quality": 50},
    "e.tif": {},
}


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("channels", ["grey", "rgb", "rgba"])
def test_outside_of_a_box_nothing_changes(tmp_path: Path, name: str, channels: str) -> None:
    path = tmp_path / name
    Image.fromarray(noise()).save(path, **FORMATS[name])
    own = medium(channels=channels)
    task = task_of(path, own, box=BOX)
    found = made(task)
    mode = {"grey": "L", "rgb": "RGB", "rgba": "RGBA"}[channels]
    decoded = np.asarray(open_image(path, 10**6, SIDE, reduced=False).convert(mode))
    decoded = decoded.reshape(40, 48, -1)
    assert found.dtype == np.uint8
    assert found.shape == (3, *decoded.shape)
    outside = np.ones((40, 48), np.bool_)
    outside[INSIDE] = False
    for result in found:
        np.testing.assert_array_equal(result[outside], decoded[outside])
    assert (found[0][INSIDE] != decoded[INSIDE]).any()
    np.testing.assert_array_equal(task.original, decoded)


def test_a_picture_that_is_turned_and_transparent(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    path = tmp_path / "a.png"
    Image.fromarray(noise(channels=4)).save(path, exif=exif)
    found = made(task_of(path, medium(channels="rgba"), box=BOX))
    decoded = np.asarray(open_image(path, 10**6, SIDE, reduced=False))
    assert decoded.shape == (48, 40, 4)
    outside = np.ones((48, 40), np.bool_)
    outside[INSIDE] = False
    outside &= decoded[..., 3] > 0
    np.testing.assert_array_equal(found[0][outside], decoded[outside])


def test_large_jpeg_files_are_not_decoded_at_a_smaller_scale(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    Image.fromarray(noise(200, 240)).save(path)
    assert task_of(path, box=BOX).original.shape == (200, 240, 3)
    assert task_of(path, super_resolve=2).canvas == (3, 400, 480)


def test_the_made_part_is_that_of_the_data(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    Image.fromarray(noise()).save(path)
    task = task_of(path, box=BOX)
    x0 = torch.full((1, *task.canvas), 0.5)
    assert (task.finish(x0)[0][INSIDE] == 191).all()
    assert (task.finish(2 * x0 + 1)[0][INSIDE] == 255).all()


def test_results_do_not_depend_on_each_other(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    Image.fromarray(noise()).save(path)
    task = task_of(path, outpaint={"left": 5})
    x0 = torch.randn(3, *task.canvas, generator=torch.Generator().manual_seed(0))
    alone = np.concatenate([task.finish(row[None]) for row in x0])
    np.testing.assert_array_equal(task.finish(x0), alone)


def test_a_mask_of_any_shape(tmp_path: Path) -> None:
    path, mask = tmp_path / "a.png", tmp_path / "m.png"
    Image.fromarray(noise()).save(path)
    rows, columns = np.mgrid[:40, :48]
    disc = (rows - 20) ** 2 + (columns - 25) ** 2 < 50
    Image.fromarray(disc).save(mask)
    found = made(task_of(path, mask=mask))
    np.testing.assert_array_equal(found[0][~disc], noise()[~disc])
    changed = (found[0] != noise()).any(-1)
    assert changed[disc].mean() > 0.95


def test_a_transition_lies_inside_of_the_mask(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    Image.fromarray(np.zeros((40, 48, 3), np.uint8)).save(path)
    task = task_of(path, box=(10, 10, 9, 9), feather=2)
    (found,) = task.finish(torch.ones(1, *task.canvas))
    assert found[14, 9:20, 0].tolist() == [0, 85, 170, 255, 255, 255, 255, 255, 170, 85, 0]


def test_outpainting_adds_pixels_and_changes_none(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    Image.fromarray(noise()).save(path)
    task = task_of(path, outpaint={"left": 8, "top": 2, "right": 1})
    found = made(task)
    assert found.shape == (3, 42, 57, 3)
    for result in found:
        np.testing.assert_array_equal(result[2:, 8:56], noise())
    assert task.observed is not None
    assert task.observed.shape == (42, 57, 3)
    np.testing.assert_array_equal(task.observed[2:, 8:56], noise())
    assert set(np.unique(task.observed[:2])) == {150, 200}


def test_what_is_not_known_is_shown_as_such(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    Image.fromarray(noise()).save(path)
    task = task_of(path, box=BOX)
    assert task.observed is not None
    differs = (task.observed != noise()).any(-1)
    assert differs[INSIDE].all()
    assert differs.sum() == 6 * 4


@pytest.mark.parametrize(
    ("wanted", "shape"),
    [
        ({"super_resolve": 2}, (80, 96)),
        ({"deblur": 1.0}, (40, 48)),
        ({"colourise": True}, (40, 48)),
        ({"denoise": 0.1}, (40, 48)),
    ],
)
def test_sizes_of_results(tmp_path: Path, wanted: dict[str, Any], shape: tuple[int, int]) -> None:
    path = tmp_path / "a.png"
    Image.fromarray(noise()).save(path)
    task = task_of(path, **wanted)
    assert task.start is not None
    assert task.start.shape == (1, *task.canvas) == (1, 3, *shape)
    assert made(task).shape == (3, *shape, 3)
    task.observation.require(task.canvas)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
@pytest.mark.parametrize("wanted", [{"box": BOX}, {"bits": 3}, {"denoise": 0.1}])
def test_values_that_are_not_finite(tmp_path: Path, wanted: dict[str, Any], value: float) -> None:
    path = tmp_path / "a.png"
    Image.fromarray(noise() & 0xE0).save(path)
    task = task_of(path, **wanted)
    x0 = torch.zeros(1, *task.canvas)
    x0[0, 0, 3, 3] = value
    with pytest.raises(Diverged):
        task.finish(x0)


def test_results_lie_within_the_intervals_of_a_jpeg_file(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    smooth = np.asarray(Image.fromarray(noise(5, 6)).resize((48, 40), Image.Resampling.BICUBIC))
    Image.fromarray(smooth).save(path, quality=50, subsampling="4:4:4")
    task = task_of(path, dejpeg=True)
    (found,) = task.finish(torch.zeros(1, *task.canvas))
    x0 = torch.from_numpy(found.transpose(2, 0, 1)[None].astype(np.float32)) / 127.5 - 1
    # Grey would be many steps away; what is left is that pixels are rounded and clipped.
    assert task.observation.misfit(torch.zeros_like(x0)).item() > 20
    assert task.observation.misfit(x0).item() < 3
