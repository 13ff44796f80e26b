"""The coefficients that are read from JPEG files, against the pixels that libjpeg decodes."""

from __future__ import annotations

import io

import numpy as np
import pytest
import torch
from PIL import Image

from sfumato.errors import DataError
from sfumato.restoration import JPEG, jpeg_of, observation_of
from sfumato.restoration.jpeg import Maps, _maps

SAMPLINGS = {"4:4:4": (1, 1), "4:2:2": (1, 2), "4:2:0": (2, 2)}
WAYS = [{}, {"progressive": True}, {"restart_marker_blocks": 2}, {"optimize": True}]


def picture(sides: tuple[int, int], channels: int, seed: int = 0) -> np.ndarray:
    """Smooth colours with a black and a white part, in which ringing is clipped."""
    coarse = np.random.default_rng(seed).integers(0, 256, (5, 6, 3)).astype(np.uint8)
    pixels = np.array(Image.fromarray(coarse).resize(sides[::-1], Image.Resampling.BICUBIC))
    pixels[: sides[0] // 3, : sides[1] // 2] = 0
    pixels[-(sides[0] // 3) :, sides[1] // 2 :] = 255
    return pixels if channels == 3 else pixels[..., 0].copy()


def written(pixels: np.ndarray, **settings) -> bytes:
    target = io.BytesIO()
    Image.fromarray(pixels).save(target, "JPEG", **settings)
    return target.getvalue()


def data_of(pixels: np.ndarray) -> torch.Tensor:
    planes = pixels[..., None] if pixels.ndim == 2 else pixels
    return torch.from_numpy(planes.astype(np.float64)).permute(2, 0, 1)[None] / 127.5 - 1


def decoded_luma(observation, sides: tuple[int, int]) -> torch.Tensor:
    """The luma that the coefficients stand for, in levels."""
    maps: Maps = _maps(sides, (1, 1), torch.device("cpu"))
    values = observation.values.double()[0]
    values = values + observation.operator.centre(values)
    plane = values[: len(maps.rows) * len(maps.columns)].reshape(len(maps.rows), -1)
    # The transform of whole blocks is orthonormal.
    whole = _maps((len(maps.rows), len(maps.columns)), (1, 1), torch.device("cpu"))
    return (whole.rows.mT @ plane @ whole.columns)[: sides[0], : sides[1]] + 128


@pytest.mark.parametrize("settings", WAYS, ids=str)
@pytest.mark.parametrize("sampling", SAMPLINGS)
@pytest.mark.parametrize(("sides", "quality"), [((32, 48), 75), ((29, 43), 20), ((50, 33), 98)])
def test_the_coefficients_are_those_that_libjpeg_decodes(sides, quality, sampling, settings):
    pixels = picture(sides, 3)
    data = written(pixels, quality=quality, subsampling=sampling, **settings)
    observation = observation_of(data)
    image = Image.open(io.BytesIO(data))
    image.draft("YCbCr", None)
    luma = torch.from_numpy(np.asarray(image)[..., 0].astype(np.float64))
    found = decoded_luma(observation, sides).clamp(0, 255)
    assert (found - luma).abs().max() < 1.01
    assert observation.operator == jpeg_of(quality, sides, 3, sampling)
    assert observation.operator.subsampling == SAMPLINGS[sampling]


@pytest.mark.parametrize("settings", WAYS[:2], ids=str)
def test_a_grey_picture_has_one_component(settings):
    pixels = picture((21, 30), 1)
    data = written(pixels, quality=60, **settings)
    observation = observation_of(data)
    found = decoded_luma(observation, (21, 30)).clamp(0, 255)
    assert (
        found - torch.from_numpy(np.asarray(Image.open(io.BytesIO(data))) * 1.0)
    ).abs().max() < 1
    assert observation.operator == jpeg_of(60, (21, 30), channels=1)


@pytest.mark.parametrize("sampling", SAMPLINGS)
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("quality", [10, 50, 90])
@pytest.mark.parametrize("sides", [(32, 48), (29, 43)])
def test_the_picture_lies_within_half_a_step(sampling, channels, quality, sides):
    pixels = picture(sides, channels)
    observation = observation_of(written(pixels, quality=quality, subsampling=sampling))
    operator, x0 = observation.operator, data_of(pixels)
    observation.require(tuple(x0.shape[1:]))
    excess = operator.excess(x0, observation.values.double())
    # The encoder rounds luma and chroma, and the means of chroma, to whole levels before.
    assert excess.abs().max() < 3.5 and (excess != 0).double().mean() < 0.04
    differ = operator.observed(x0) - observation.values.double()
    assert (differ.abs() > 1e-3).double().mean() < 0.06
    assert observation.misfit(x0.float()) < 1.5


def test_the_noise_is_that_of_the_cells():
    """Of a picture whose coefficients are spread over many steps."""
    pixels = np.random.default_rng(3).integers(0, 256, (128, 128)).astype(np.uint8)
    observation = observation_of(written(pixels, quality=50))
    assert abs(observation.misfit(data_of(pixels).float()).item() - 1) < 0.1


def test_the_same_file_is_read_from_its_path(tmp_path):
    data = written(picture((16, 24), 3), quality=80)
    (tmp_path / "a.jpg").write_bytes(data)
    here, there = observation_of(tmp_path / "a.jpg"), observation_of(data)
    assert torch.equal(here.values, there.values) and here.operator == there.operator
    with pytest.raises(DataError, match=r"b\.jpg"):
        observation_of(tmp_path / "b.jpg")
    with pytest.raises(DataError, match="folder"):
        observation_of(tmp_path)


def cmyk() -> bytes:
    target = io.BytesIO()
    Image.new("CMYK", (8, 8)).save(target, "JPEG")
    return target.getvalue()


def patched(marker: bytes, offset: int, new: bytes) -> bytes:
    data = written(picture((16, 24), 3), quality=80)
    place = data.index(marker) + offset
    return data[:place] + new + data[place + len(new) :]


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "does not begin"),
        (b"\x89PNG\r\n\x1a\n" + bytes(99), "does not begin"),
        (b"\xff\xd8\xff\xd9", "no picture"),
        (cmyk(), "4 components"),
        (written(picture((16, 24), 3), keep_rgb=True), "red, green and blue"),
        (patched(b"\xff\xc0", 1, b"\xc9"), "arithmetically"),
        (patched(b"\xff\xc0", 4, b"\x0c"), "12 bits"),
        (patched(b"\xff\xc0", 5, b"\x0f\xff\x0f\xff"), "pixels"),
        (patched(b"\xff\xc0", 5, b"\xff\xff"), "65535 pixels"),
        (patched(b"\xff\xc0", 5, b"\x00\x00"), "0 pixels"),
        (written(picture((16, 24), 3))[:-60], "ends early"),
        (written(picture((16, 24), 3))[:200], "ends early"),
    ],
)  # fmt: skip
def test_other_files_are_refused(data, words):
    with pytest.raises(DataError, match=words):
        observation_of(data)


@pytest.mark.parametrize("settings", WAYS[:3], ids=str)
def test_damaged_files_give_coefficients_or_an_error(settings):
    data = written(picture((24, 24), 3), quality=70, **settings)
    random = np.random.default_rng(0)
    refused = 0
    for _ in range(150):
        damaged = bytearray(data)
        for place in random.integers(2, len(data), 3):
            damaged[place] = random.integers(256)
        try:
            observation = observation_of(bytes(damaged))
        except DataError as error:
            assert error.why
            refused += 1
        else:
            assert isinstance(observation.operator, JPEG) and observation.values.isfinite().all()
    assert 10 < refused < 150
