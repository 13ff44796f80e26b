"""Blurs, against convolutions of PyTorch, the waves that they only scale, and exact lines."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from pydantic import ValidationError

from sfumato.errors import SettingError
from sfumato.restoration import Blur, Kernel, Motion

F64 = torch.float64


def wave(side: int, cycles: int) -> torch.Tensor:
    """A cosine that goes on through the mirror at both ends of a side."""
    return torch.cos(math.pi * cycles * (torch.arange(side, dtype=F64) + 0.5) / side)


@pytest.mark.parametrize("cycles", [0, 1, 3, 8])
def test_a_wave_keeps_its_shape_and_loses_what_a_gaussian_takes(cycles):
    sigma, side = 1.7, 40
    x0 = wave(side, cycles)
    kept = math.exp(-0.5 * (sigma * math.pi * cycles / side) ** 2)
    y = Blur(sigma=sigma).forward(x0[None, None])
    torch.testing.assert_close(y[0, 0], kept * x0, rtol=0, atol=3e-4)
    # A picture of the wave along one side, blurred with another deviation along the other.
    y = Blur(sigma=(sigma, 0.4)).forward(x0[:, None].expand(side, 9)[None, None])
    torch.testing.assert_close(y[0, 0], (kept * x0)[:, None].expand(side, 9), rtol=0, atol=3e-4)


@pytest.mark.parametrize("shape", [(3, 3), (4, 7), (6, 2), (1, 5)], ids=str)
@pytest.mark.parametrize("border", ["reflect", "wrap", "valid"])
def test_it_is_the_convolution_of_pytorch(shape, border):
    generator = torch.Generator().manual_seed(0)
    values = torch.rand(shape, dtype=F64, generator=generator)
    x0 = torch.randn(2, 3, 11, 9, dtype=F64, generator=generator)
    # PyTorch correlates: the kernel is turned, and its centre with it.
    turned = (values / values.sum()).flip(0, 1)[None, None]
    rows, columns = shape
    around = (columns - 1 - columns // 2, columns // 2, rows - 1 - rows // 2, rows // 2)
    if border == "wrap":
        padded = F.pad(x0, around, mode="circular")
    elif border == "valid":
        padded = x0
    else:
        left, right, top, bottom = around
        padded = torch.from_numpy(np.pad(
            x0.numpy(), ((0, 0), (0, 0), (top, bottom), (left, right)), mode="symmetric"
        ))  # fmt: skip
    wanted = F.conv2d(padded.flatten(0, 1)[:, None], turned)[:, 0].unflatten(0, (2, 3))
    found = Kernel.of(values, border).forward(x0)
    torch.testing.assert_close(found, wanted, rtol=1e-12, atol=1e-12)


def test_a_bright_pixel_becomes_the_kernel():
    values = torch.tensor([[1.0, 2.0, 0.0], [0.0, 4.0, 0.0], [0.0, 0.0, 1.0]])
    x0 = torch.zeros(1, 1, 7, 7)
    x0[..., 3, 3] = 8.0
    torch.testing.assert_close(Kernel.of(values).forward(x0)[0, 0, 2:5, 2:5], values)


def test_a_gaussian_blur_is_that_of_scipy():
    ndimage = pytest.importorskip("scipy.ndimage")
    x0 = torch.randn(20, 17, dtype=F64, generator=torch.Generator().manual_seed(1))
    for border, mode in (("reflect", "reflect"), ("wrap", "wrap")):
        wanted = ndimage.gaussian_filter(x0.numpy(), 1.5, mode=mode, radius=6)
        found = Blur(sigma=1.5, border=border).forward(x0[None, None])[0, 0]
        torch.testing.assert_close(found, torch.from_numpy(wanted), rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("length", [1, 3, 7])
def test_motion_along_a_side_is_the_mean_of_neighbours(length):
    line = torch.full((1, length), 1 / length, dtype=F64)
    torch.testing.assert_close(Motion(length=length).taps(2), line)
    torch.testing.assert_close(Motion(length=length, angle=180).taps(2), line)
    torch.testing.assert_close(Motion(length=length, angle=-90).taps(2), line.T)


def test_motion_between_whole_pixels_shares_the_ends():
    torch.testing.assert_close(
        Motion(length=4).taps(2), torch.tensor([[0.125, 0.25, 0.25, 0.25, 0.125]], dtype=F64)
    )


def test_motion_along_the_diagonal_goes_through_the_corners_of_pixels():
    taps = Motion(length=5 * math.sqrt(2), angle=45).taps(2)
    torch.testing.assert_close(taps, torch.eye(5, dtype=F64).flip(0) / 5)
    falling = Motion(length=5 * math.sqrt(2), angle=-45).taps(2)
    torch.testing.assert_close(falling, torch.eye(5, dtype=F64) / 5)


@pytest.mark.parametrize("angle", [0, 17, 30, 61, 90, 133, -20])
def test_motion_spreads_as_far_as_its_line(angle):
    length = 24.3
    taps = Motion(length=length, angle=angle).taps(2)
    torch.testing.assert_close(taps, taps.flip(0, 1))
    torch.testing.assert_close(taps.sum(), torch.ones((), dtype=F64))
    rows, columns = (torch.arange(n, dtype=F64) - n // 2 for n in taps.shape)
    radians = math.radians(angle)
    ahead = columns * math.cos(radians) - rows[:, None] * math.sin(radians)
    aside = columns * math.sin(radians) + rows[:, None] * math.cos(radians)
    # The variance of a uniform law, and the place within a pixel.
    assert abs((taps * ahead.square()).sum() - length**2 / 12) < 0.02 * length**2 / 12
    assert (taps * aside.square()).sum() < 0.2


@pytest.mark.parametrize("sigma", [0, -1, math.nan, math.inf, (1.0, 0.0)])
def test_a_deviation_is_positive(sigma):
    with pytest.raises(ValidationError):
        Blur(sigma=sigma)


@pytest.mark.parametrize(
    "values", [(), (1.0, 2.0), ((1.0,), (0.0, 0.0)), (math.nan, 1.0), (0.0002,) * 5000], ids=len
)
def test_a_kernel_in_a_spec_is_normalised_and_small(values):
    with pytest.raises(ValidationError):
        Kernel(values=values)


@pytest.mark.parametrize(
    "values",
    [np.zeros((3, 3)), np.array([1.0, -1.0]), np.array([1.0, np.inf]), np.ones((65, 64)),
     np.ones((2, 2, 2)), np.ones(())],
    ids=str,
)  # fmt: skip
def test_arrays_that_are_no_kernels_are_refused(values):
    with pytest.raises(SettingError, match="cannot be a kernel"):
        Kernel.of(values)


def test_a_kernel_is_not_made_before_its_size_is_known():
    for operator, shape in ((Blur(sigma=1e4), (1, 64, 64)), (Blur(sigma=300), (1, 4096, 4096))):
        with pytest.raises(SettingError, match="too large"):
            operator.require(shape)
    Blur(sigma=1e4).require((1, 100_000))
