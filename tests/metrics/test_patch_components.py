from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch.nn.functional import unfold

from sfumato.errors import DataError
from sfumato.metrics.extractor import Extractor
from sfumato.metrics.kernel_distance import GaussianKernel, kernel_distance
from sfumato.metrics.patch_components import PatchComponents

UInt8 = NDArray[np.uint8]


def stripes(seed: int, count: int, axis: int, side: int = 24) -> UInt8:
    """Waves of random length and place along one axis."""
    rng = np.random.default_rng(seed)
    lengths, places = rng.uniform(4, 8, (count, 1)), rng.uniform(0, 8, (count, 1))
    waves = np.sin(2 * np.pi * (np.arange(side) + places) / lengths)[:, None, None]
    whole = np.broadcast_to(waves, (count, 1, side, side)) * 100 + 128
    return (whole if axis == 1 else whole.swapaxes(2, 3)).astype(np.uint8)


def anything(count: int, channels: int = 3, side: int = 12, seed: int = 0) -> UInt8:
    shape = (count, channels, side, side)
    return np.random.default_rng(seed).integers(0, 256, shape).astype(np.uint8)


def all_patches(pictures: UInt8) -> torch.Tensor:
    """By torch's own way, shape (n, 49 C)."""
    columns = unfold(torch.from_numpy(pictures).double(), 7)
    return columns.transpose(1, 2).flatten(0, 1)


def test_components_are_those_of_the_patches() -> None:
    pictures = anything(20)
    pictures[:, 1] = pictures[:, 0] // 2  # Some directions vary more than others.
    found = PatchComponents.of(pictures)
    patches = all_patches(pictures)
    assert found.moments[0, 0] == len(patches)
    assert found.moments[0, 1:].tolist() == patches.sum(0).tolist()
    assert found.moments[1:, 1:].tolist() == (patches.T @ patches).tolist()
    centred = patches - patches.mean(0)
    _, values, vectors = torch.linalg.svd(centred, full_matrices=False)
    directions = torch.nn.functional.normalize(found._filters.double().flatten(1))
    along = (directions @ vectors.T).abs()
    assert along.diagonal().numpy() == pytest.approx(1, abs=1e-4)
    # Each varies by 1, but for the floor.
    responses = centred @ found._filters.double().flatten(1).T
    assert responses.std(0).numpy() == pytest.approx(1, abs=0.01)
    assert (values[:-1] >= values[1:]).all()


def test_a_vector_holds_means_over_quarters() -> None:
    found = PatchComponents.of(anything(20, channels=1))
    picture = anything(1, channels=1, side=16, seed=1)
    # Each pixel is the middle of one patch of the picture that goes on beyond its edge.
    patches = all_patches(np.pad(picture, ((0, 0), (0, 0), (3, 3), (3, 3)), "edge"))
    mean = found.moments[0, 1:].double() / found.moments[0, 0]
    responses = (patches - mean) @ found._filters.double().flatten(1).T
    quarters = responses.reshape(2, 8, 2, 8, 32)
    expected = [part.mean((1, 3)).permute(2, 0, 1).ravel() for part in (quarters, quarters.abs())]
    assert found(picture)[0].numpy() == pytest.approx(torch.cat(expected).numpy(), abs=1e-4)


def test_textures_are_told_apart() -> None:
    extractor: Extractor[UInt8] = PatchComponents.of(stripes(0, 100, axis=1))
    real = extractor(stripes(0, 100, axis=1))
    kernel = GaussianKernel.of(real)
    same = kernel_distance(real, extractor(stripes(1, 100, axis=1)), kernel)
    across = kernel_distance(real, extractor(stripes(1, 100, axis=0)), kernel)
    assert same.low < 0 < same.high
    assert across.low > 10 * same.high


@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize("side", [8, 31])
def test_any_size(channels: int, side: int) -> None:
    extractor = PatchComponents.of(anything(3, channels, side))
    found = extractor(anything(2, channels, side + 1))
    assert found.shape == (2, extractor.dimension) == (2, 256)
    assert found.dtype == torch.float32
    assert found.isfinite().all()
    assert extractor(anything(0, channels, side)).shape == (0, 256)


def test_the_identity_is_that_of_the_patches() -> None:
    pictures = anything(4)
    first = PatchComponents.of(pictures).identity
    assert PatchComponents.of(pictures[::-1]).identity == first
    changed = pictures.copy()
    changed[0, 0, 5, 5] ^= 1
    assert PatchComponents.of(changed).identity != first


def test_many_and_large_pictures_are_thinned_out() -> None:
    found = PatchComponents.of(anything(1, 1, 100))
    assert found.moments[0, 0] == 256
    many = anything(2500, 1, 8)
    few = PatchComponents.of(many)
    assert few.moments[0, 0] == 1000 * 4
    last = many.copy()
    last[-1] ^= 1  # Is not among the evenly spaced.
    assert PatchComponents.of(last).identity == few.identity


def test_what_it_refuses() -> None:
    for pictures in (np.full((5, 3, 9, 9), 7, np.uint8), anything(0)):
        with pytest.raises(DataError, match="no components"):
            PatchComponents.of(pictures)
    with pytest.raises(DataError, match="not hold images"):
        PatchComponents.of(anything(3, side=7))
    with pytest.raises(ValueError, match="have 1 channels, not 3"):
        PatchComponents.of(anything(3))(anything(3, channels=1))
