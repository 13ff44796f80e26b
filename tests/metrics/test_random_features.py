from __future__ import annotations

import itertools
import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from sfumato.errors import DataError
from sfumato.metrics import random_features as module
from sfumato.metrics.extractor import Extractor
from sfumato.metrics.kernel_distance import GaussianKernel, kernel_distance
from sfumato.metrics.random_features import RandomFeatures

UInt8 = NDArray[np.uint8]


def discs(seed: int, count: int, side: int = 32, channels: int = 3) -> UInt8:
    """Pictures of a disc in one colour on another."""
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[:side, :side]
    out = np.empty((count, channels, side, side))
    for picture in out:
        back, front = rng.uniform(0, 255, (2, channels, 1, 1))
        (y, x), radius = rng.uniform(0.2, 0.8, 2) * side, rng.uniform(0.1, 0.4) * side
        picture[:] = np.where((rows - y) ** 2 + (columns - x) ** 2 < radius**2, front, back)
    return out.astype(np.uint8)


def blurred(pictures: UInt8, times: int) -> UInt8:
    x = pictures.astype(float)
    for _ in range(times):
        for axis in (2, 3):
            x = (np.roll(x, 1, axis) + 2 * x + np.roll(x, -1, axis)) / 4
    return x.astype(np.uint8)


def noisy(pictures: UInt8, spread: float) -> UInt8:
    noise = np.random.default_rng(9).normal(0, spread, pictures.shape)
    return (pictures + noise).clip(0, 255).astype(np.uint8)


def redder(pictures: UInt8, by: float) -> UInt8:
    return (pictures + np.array([by, 0, -by])[:, None, None]).clip(0, 255).astype(np.uint8)


def blocky(pictures: UInt8, side: int) -> UInt8:
    count, channels, height, width = pictures.shape
    blocks = pictures.reshape(count, channels, height // side, side, width // side, side)
    means = blocks.mean((3, 5)).astype(np.uint8)
    return means.repeat(side, 2).repeat(side, 3)


@pytest.mark.parametrize(
    ("change", "amounts"),
    [(blurred, (1, 4, 16)), (noisy, (8, 16, 45)), (redder, (40, 80, 160)), (blocky, (2, 4, 8))],
)
def test_the_worse_pictures_get_the_farther_they_are(
    change: Callable[[UInt8, float], UInt8], amounts: tuple[int, ...]
) -> None:
    extractor = RandomFeatures(3)
    real, others = extractor(discs(0, 200)), discs(1, 200)
    kernel = GaussianKernel.of(real)
    same = kernel_distance(real, extractor(others), kernel)
    assert same.low < 0 < same.high
    found = [kernel_distance(real, extractor(change(others, each)), kernel) for each in amounts]
    values = [same.value, *(each.value for each in found)]
    assert values == sorted(values)
    assert found[-1].low > same.high


@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize("side", [8, 13, 40])
def test_any_size(channels: int, side: int) -> None:
    extractor = RandomFeatures(channels)
    typed: Extractor[UInt8] = extractor
    found = typed(np.zeros((2, channels, side, 17), np.uint8))
    assert found.shape == (2, extractor.dimension)
    assert found.dtype == torch.float32
    assert found.isfinite().all()
    assert 256 <= extractor.dimension <= 528


def test_colours_of_a_picture_with_four_corners() -> None:
    levels = np.array([[0, 51], [204, 255]], np.uint8)
    picture = np.kron(levels, np.ones((16, 16), np.uint8))[None, None]
    found = RandomFeatures(1)(picture)[0]
    cells = np.kron(levels / 127.5 - 1, np.ones((2, 2)))
    assert found[:16].numpy() == pytest.approx(2 * cells.ravel(), abs=1e-6)
    assert found[16].item() == pytest.approx(2 * (levels / 127.5 - 1).std(), abs=1e-6)


def test_responses_are_white_for_pixels_as_alike_as_assumed() -> None:
    filters = module._filters(5, 0, 3, 5, 16, module._CHANNELS_ALIKE).double().flatten(1)
    places = list(itertools.product(range(3), range(5), range(5)))
    alike = torch.tensor(
        [
            [
                (1 if c == d else module._CHANNELS_ALIKE)
                * math.exp(-math.hypot(y - v, x - w) / module._REACH)
                for d, v, w in places
            ]
            for c, y, x in places
        ],
        dtype=torch.float64,
    )
    assert (filters @ alike @ filters.T).numpy() == pytest.approx(np.eye(16), abs=1e-5)


def test_each_picture_for_itself_and_the_same_again(monkeypatch: pytest.MonkeyPatch) -> None:
    pictures = discs(2, 7)
    pictures.setflags(write=False)
    torch.manual_seed(0)
    whole = RandomFeatures(3)(pictures)
    torch.manual_seed(1)
    assert RandomFeatures(3)(pictures).equal(whole)
    monkeypatch.setattr(module, "_PIXELS", 2 * 32 * 32)
    assert RandomFeatures(3)(pictures).numpy() == pytest.approx(whole.numpy(), abs=1e-4)


def test_the_identity_is_that_of_the_weights() -> None:
    extractors = RandomFeatures(3), RandomFeatures(3), RandomFeatures(3, seed=1), RandomFeatures(1)
    first, again, *others = (each.identity for each in extractors)
    assert again == first
    assert len({first, *others}) == 3
    assert not extractors[0](discs(3, 1)).equal(extractors[2](discs(3, 1)))


def test_what_it_refuses() -> None:
    with pytest.raises(ValueError, match="have 3 channels, not 1"):
        RandomFeatures(1)(discs(0, 1))
    with pytest.raises(DataError, match="not hold images"):
        RandomFeatures(3)(discs(0, 1, side=7))
