"""Plans of edits of pictures and what they state of the file, before anything is restored."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from sfumato.errors import DataError, SettingError
from sfumato.media.editing import Edit, Task, Wanted
from sfumato.media.image.editing import NOISE, ROUNDING
from sfumato.media.image.medium import ImageMedium
from sfumato.media.image.settings import ImageSettings
from sfumato.restoration import Blur, Mask, Mean

SIDE = 16


def medium(**changes: object) -> ImageMedium:
    settings = {"channels": "rgb", "size": SIDE, **changes}
    return ImageMedium(ImageSettings.model_validate(settings))


def scene(height: int = 40, width: int = 48) -> np.ndarray:
    """A smooth picture in colour, uint8 (H, W, 3)."""
    rows, columns = np.mgrid[:height, :width]
    waves = np.sin(columns / 7), np.cos(rows / 6), np.sin((rows + columns) / 9)
    return np.rint(127.5 + 90 * np.stack(waves, -1)).astype(np.uint8)


def save(path: Path, pixels: np.ndarray, **options: Any) -> Path:
    Image.fromarray(pixels).save(path, **options)
    return path


def planned(path: Path, own: ImageMedium | None = None, **wanted: Any) -> tuple[Edit, Task]:
    """The plan of an edit as it is stored, and its task."""
    own = own or medium()
    edit = own.plan(path, Wanted(**wanted))
    stored = Edit.model_validate_json(edit.model_dump_json())
    assert stored == edit
    return stored, own.task(path, stored)


def signal(pixels: np.ndarray) -> torch.Tensor:
    """Pixels (H, W, C) as data, shape (1, C, H, W)."""
    return torch.from_numpy(pixels.transpose(2, 0, 1)[None].astype(np.float32) / 127.5 - 1)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return save(tmp_path / "scene.png", scene())


def test_a_box_is_made_anew_in_a_window_of_the_model(path: Path) -> None:
    edit, task = planned(path, box=(20, 10, 6, 4))
    assert edit.region == ((4, 20), (15, 31))
    assert task.canvas == (3, SIDE, SIDE)
    np.testing.assert_array_equal(task.start, signal(scene()[4:20, 15:31]))
    assert edit.noise == pytest.approx(2 * NOISE["box"])
    assert task.observation.misfit(task.start).item() == 0
    assert task.observation.values.shape == (1, 3 * (SIDE**2 - 6 * 4))


def test_a_large_box_needs_more_than_a_window(path: Path) -> None:
    edit, task = planned(path, box=(10, 10, 20, 4))
    assert edit.region == ((4, 20), (2, 38))
    assert task.canvas == (3, SIDE, 36)


def test_a_mask_is_stored_in_the_plan(path: Path, tmp_path: Path) -> None:
    levels = np.zeros((40, 48), np.uint8)
    levels[10:14, 20:26] = 255
    mask = save(tmp_path / "mask.png", levels)
    edit = medium().plan(path, Wanted(mask=mask))
    mask.unlink()
    by_box = planned(path, box=(20, 10, 6, 4))[0]
    assert edit.operator == by_box.operator
    assert medium().task(path, edit).canvas == (3, SIDE, SIDE)


def test_a_mask_that_is_too_complicated(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).random((2000, 2500)) < 0.5
    picture = save(tmp_path / "a.png", np.zeros((2000, 2500), np.uint8))
    mask = save(tmp_path / "mask.png", noise)
    own = medium(size=1024)
    with pytest.raises(SettingError, match="too complicated"):
        own.plan(picture, Wanted(mask=mask))


def test_pixels_beyond_the_file_are_unknown(path: Path) -> None:
    edit, task = planned(path, outpaint={"left": 6})
    assert edit.region == ((0, 40), (-6, 10))
    assert task.canvas == (3, 40, SIDE)
    np.testing.assert_array_equal(task.start[..., 6:], signal(scene()[:, :10]))
    assert task.observation.values.shape == (1, 3 * 40 * 10)


def test_a_small_picture_can_grow_to_the_size_of_the_model(tmp_path: Path) -> None:
    path = save(tmp_path / "small.png", scene(12, 14))
    _, task = planned(path, outpaint={"top": 4, "right": 2})
    assert task.canvas == (3, SIDE, SIDE)
    with pytest.raises(SettingError, match="smaller than what the model makes") as caught:
        medium().plan(path, Wanted(box=(2, 2, 4, 4)))
    assert "--resize" in caught.value.hint


def test_the_mean_of_blocks_is_the_file(path: Path) -> None:
    edit, task = planned(path, super_resolve=3)
    assert edit.operator == Mean(factor=3)
    assert task.canvas == (3, 120, 144)
    blocks = scene().repeat(3, axis=0).repeat(3, axis=1)
    assert task.observation.misfit(signal(blocks)).item() < 1e-6
    # What an edit begins from is near to what is known, relative to 0.01 of the range.
    assert task.observation.misfit(task.start).item() < 1


def test_blurred_pixels_differ_from_those_of_the_truth_by_rounding(tmp_path: Path) -> None:
    truth = signal(np.random.default_rng(0).integers(40, 216, (64, 64, 3), dtype=np.uint8))
    blurred = Blur(sigma=1.5).forward(truth)[0].permute(1, 2, 0)
    levels = ((blurred + 1) * 127.5).round().numpy().astype(np.uint8)
    path = save(tmp_path / "blurred.png", levels)
    _, task = planned(path, deblur=1.5, noise=ROUNDING)
    assert task.observation.misfit(truth).item() == pytest.approx(1, abs=0.05)
    assert planned(path, deblur=1.5)[0].noise == pytest.approx(0.02)


def test_a_blur_with_the_kernel_of_a_file(path: Path, tmp_path: Path) -> None:
    dot = np.zeros((3, 3), np.uint8)
    dot[1, 1] = 200
    kernel = save(tmp_path / "kernel.png", dot)
    _, task = planned(path, deblur=kernel)
    assert task.observation.misfit(signal(scene())).item() < 1e-6
    with pytest.raises(DataError, match="kernel"):
        medium().plan(path, Wanted(deblur=save(tmp_path / "black.png", 0 * dot)))


def test_the_grey_of_a_colour_picture_is_that_of_its_file(tmp_path: Path) -> None:
    grey = Image.fromarray(scene()).convert("L")
    grey.save(tmp_path / "grey.png")
    edit, task = planned(tmp_path / "grey.png", colourise=True, noise=2 * ROUNDING)
    assert edit.notes == ()
    assert task.observation.misfit(signal(scene())).item() < 0.5
    assert task.observation.values.shape == (1, 1, 40, 48)


def test_colours_of_the_file_are_not_used(path: Path) -> None:
    edit, task = planned(path, colourise=True)
    assert edit.notes == ("the colours of the file are not used",)
    assert task.observed is not None
    assert not np.ptp(task.observed, axis=-1).any()
    assert not torch.equal(task.start, signal(scene()))


@pytest.mark.parametrize("stored", ["even", "repeated", "dropped"])
@pytest.mark.parametrize("bits", [1, 3, 5, 7])
def test_few_bits_state_intervals(tmp_path: Path, stored: str, bits: int) -> None:
    values = np.random.default_rng(0).random((20, 20, 3))
    most = (1 << bits) - 1
    if stored == "dropped":
        number = np.floor(values * (1 << bits)).astype(int)
        levels = number << (8 - bits)
    else:
        number = np.rint(values * most).astype(int)
        text = np.vectorize(lambda n: int((format(n, f"0{bits}b") * 8)[:8], 2))
        levels = np.rint(number * 255 / most).astype(int) if stored == "even" else text(number)
    path = save(tmp_path / "few.png", levels.astype(np.uint8))
    edit, task = planned(path, bits=bits)
    assert edit.noise is None
    truth = torch.from_numpy(values.transpose(2, 0, 1)[None] * 2 - 1).float()
    # The variance of a uniform number in its interval; with dropped bits that is a little smaller.
    expected = (most / (1 << bits)) ** 2 if stored == "dropped" else 1
    assert task.observation.misfit(truth).item() == pytest.approx(expected, rel=0.15)
    np.testing.assert_allclose(task.finish(truth)[0], values * 255, atol=0.51)


def test_other_levels_than_those_of_the_bits(path: Path) -> None:
    with pytest.raises(SettingError, match="not stored with 3 bits"):
        medium().plan(path, Wanted(bits=3))


@pytest.mark.parametrize("subsampling", ["4:4:4", "4:2:0"])
def test_a_jpeg_file_states_its_coefficients(tmp_path: Path, subsampling: str) -> None:
    path = save(tmp_path / "a.jpg", scene(), quality=60, subsampling=subsampling)
    edit, task = planned(path, dejpeg=True)
    assert edit.noise is None
    assert task.canvas == (3, 40, 48)
    # Most coefficients are rounded to 0 from less than half a step.
    assert task.observation.misfit(signal(scene())).item() < 1


def test_a_grey_jpeg_file_for_a_run_in_colour(tmp_path: Path) -> None:
    Image.fromarray(scene()).convert("L").save(tmp_path / "grey.jpg", quality=70)
    _, task = planned(tmp_path / "grey.jpg", dejpeg=True)
    assert task.canvas == (3, 40, 48)
    assert task.observation.misfit(signal(scene())).item() < 1


def test_the_level_of_noise_is_that_of_the_full_range(path: Path, tmp_path: Path) -> None:
    assert planned(path, denoise=0.05)[0].noise == pytest.approx(0.1)
    rng = np.random.default_rng(0)
    noisy = scene(80, 80) + rng.normal(0, 0.04 * 255, (80, 80, 3))
    noisy_path = save(tmp_path / "noisy.png", np.rint(noisy).clip(0, 255).astype(np.uint8))
    edit, task = planned(noisy_path, denoise="auto")
    assert edit.noise == pytest.approx(0.08, rel=0.1)
    assert edit.notes[0].startswith("the noise is estimated: 0.0")
    assert task.observation.misfit(signal(scene(80, 80))).item() == pytest.approx(1, rel=0.2)


def test_an_estimate_from_noise_that_was_cut_off_is_doubted(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    noisy = rng.normal(0, 0.1 * 255, (80, 80, 3)).clip(0, 255)
    edit, _ = planned(save(tmp_path / "dark.png", noisy.astype(np.uint8)), denoise="auto")
    assert "too low" in edit.notes[1]


def test_a_picture_without_noise_has_that_of_rounding(tmp_path: Path) -> None:
    path = save(tmp_path / "flat.png", np.full((20, 20, 3), 90, np.uint8))
    assert planned(path, denoise="auto")[0].noise == pytest.approx(2 * ROUNDING)


def test_resized_files_are_edited_as_they_are_trained_on(path: Path) -> None:
    edit, task = planned(path, box=(4, 4, 5, 5), resize=True)
    assert edit.resize
    assert task.canvas == (3, SIDE, SIDE)
    np.testing.assert_array_equal(task.original, medium().read(path).transpose(1, 2, 0))


def test_conversions_are_stated(tmp_path: Path, path: Path) -> None:
    rgba = np.dstack([scene(), np.full((40, 48), 255, np.uint8)])
    rgba[:4, :4, 3] = 0
    clear = save(tmp_path / "clear.png", rgba)
    assert planned(clear, box=(20, 10, 6, 4))[0].notes == (
        "transparent parts are laid on white, as in training",
    )
    assert planned(clear, medium(channels="rgba"), box=(20, 10, 6, 4))[0].notes == ()
    (note,) = planned(path, medium(channels="grey"), box=(20, 10, 6, 4))[0].notes
    assert "in grey" in note
    grey = save(tmp_path / "grey.png", scene()[..., 0])
    assert planned(grey, medium(channels="grey"), box=(20, 10, 6, 4))[0].notes == ()


@pytest.mark.parametrize(
    ("wanted", "words"),
    [
        ({}, "No operation"),
        ({"colourise": True, "super_resolve": 2}, "--super-resolve and --colourise"),
        ({"gap": (0.1, 0.2)}, "--gap is not for images"),
        ({"super_resolve": 1}, "1 leaves it as it is"),
        ({"super_resolve": 0}, "0 times"),
        ({"super_resolve": -2}, "-2 times"),
        ({"super_resolve": 65}, "from 2 to 64"),
        ({"super_resolve": 2.5}, "2.5 times"),
        ({"deblur": 0}, "blur of 0"),
        ({"deblur": 100.0}, "wider than the picture"),
        ({"deblur": 30.0}, "too large"),
        ({"deblur": "missing.png"}, "missing.png"),
        ({"denoise": 0.0}, "Noise of 0"),
        ({"denoise": 25.0}, "0.098 is 25 levels of 255"),
        ({"denoise": "much"}, "not a level of noise"),
        ({"denoise": 0.1, "noise": 0.1}, "same number"),
        ({"box": (1, 1, 4, 4), "noise": float("nan")}, "noise of nan"),
        ({"box": (1, 1, 4, 4), "feather": -1}, "transition of -1"),
        ({"box": (1, 1, 4, 4), "feather": 10_000}, "transition of 10000"),
        ({"outpaint": {"left": 4}, "feather": 2}, "no meaning for --outpaint"),
        ({"outpaint": {"left": 20_000_000}}, "too large"),
        ({"bits": 8}, "8 bits"),
        ({"bits": 0}, "0 bits"),
        ({"bits": 4, "resize": True}, "--bits and --resize"),
        ({"dejpeg": True, "resize": True}, "--dejpeg and --resize"),
        ({"dejpeg": True}, "it is a PNG file"),
        ({"mask": "missing.png"}, "missing.png"),
    ],
)
def test_one_message_before_any_work(path: Path, wanted: dict[str, Any], words: str) -> None:
    with pytest.raises((SettingError, DataError)) as caught:
        medium().plan(path, Wanted(**wanted))
    assert words in str(caught.value)


def test_enlarged_pictures_are_as_large_as_the_model(tmp_path: Path) -> None:
    path = save(tmp_path / "tiny.png", scene(5, 6))
    with pytest.raises(SettingError) as caught:
        medium().plan(path, Wanted(super_resolve=2))
    assert "--super-resolve 4 is enough" in caught.value.hint
    assert planned(path, super_resolve=4)[1].canvas == (3, 20, 24)


@pytest.mark.parametrize("channels", ["grey", "rgba"])
def test_only_runs_in_colour_give_colours(path: Path, channels: str) -> None:
    with pytest.raises(SettingError, match="cannot give colours"):
        medium(channels=channels).plan(path, Wanted(colourise=True))


def test_turned_jpeg_files_have_other_coefficients(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    path = save(tmp_path / "a.jpg", scene(), exif=exif)
    with pytest.raises(SettingError) as caught:
        medium().plan(path, Wanted(dejpeg=True))
    assert "turned" in caught.value.why
    with pytest.raises(SettingError, match="this run"):
        medium(channels="grey").plan(save(tmp_path / "b.jpg", scene()), Wanted(dejpeg=True))


def test_a_canvas_of_too_many_windows(path: Path) -> None:
    with pytest.raises(SettingError, match="windows"):
        medium().plan(path, Wanted(super_resolve=64))


def test_a_plan_for_another_file(path: Path, tmp_path: Path) -> None:
    own = medium()
    small = save(tmp_path / "small.png", scene(16, 16))
    with pytest.raises(SettingError, match="does not fit the file"):
        own.task(small, own.plan(path, Wanted(box=(30, 20, 6, 4))))
    wide = own.plan(save(tmp_path / "wide.png", scene(40, 60)), Wanted(box=(50, 10, 6, 4)))
    with pytest.raises(SettingError, match="does not fit the file"):
        own.task(path, wide)
    few = own.plan(save(tmp_path / "few.png", scene() & 0xE0), Wanted(bits=3))
    with pytest.raises(SettingError, match="not stored with 3 bits"):
        own.task(path, few)


def test_a_plan_is_not_trusted(path: Path) -> None:
    own = medium()
    edit = own.plan(path, Wanted(box=(20, 10, 6, 4)))
    data = edit.model_dump(mode="json")
    any_sides = Mask.of(np.array([[True], [False]])).model_dump(mode="json")
    far = [[[-(10**9), 10**9], [0, 20]], [[0, 2], [0, 10**9]], [[5, 4], [0, 20]], [[0, 20]]]
    for region in far:
        changed = Edit.model_validate({**data, "region": region, "operator": any_sides})
        with pytest.raises(SettingError):
            own.task(path, changed)
    large = Edit(task="super_resolve", operator=Mean(factor=4096), noise=0.01)
    with pytest.raises(SettingError, match="too many"):
        own.task(path, large)
