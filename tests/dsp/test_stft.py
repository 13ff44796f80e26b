from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from sfumato.dsp.stft import analyse, frame_count, synthesise

windows = st.sampled_from([2, 4, 6, 64, 100, 256])
lengths = st.integers(0, 700)
EPS = {dtype: torch.finfo(dtype).eps for dtype in (torch.float32, torch.float64)}


def noise(*shape: int, dtype: torch.dtype = torch.float64, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


@settings(max_examples=60, deadline=None)
@given(lengths, windows, st.sampled_from(sorted(EPS, key=str)))
def test_nothing_is_lost(length: int, window: int, dtype: torch.dtype) -> None:
    x = noise(2, 3, length, dtype=dtype)
    s = analyse(x, window)
    assert s.shape == (2, 3, window // 2, frame_count(length, window))
    assert s.dtype == dtype.to_complex()
    back = synthesise(s, window, length)
    assert back.dtype == dtype
    # A transform of W points rounds about log2 W times.
    assert (back - x).norm() <= 2 * EPS[dtype] * (2 + math.log2(window)) * x.norm()


@settings(max_examples=30, deadline=None)
@given(lengths, windows)
def test_energy_is_kept(length: int, window: int) -> None:
    x = noise(length)
    torch.testing.assert_close(analyse(x, window).abs().square().sum(), x.square().sum())


@settings(max_examples=30, deadline=None)
@given(lengths, windows)
def test_synthesis_is_the_adjoint(length: int, window: int) -> None:
    x = noise(length)
    s = torch.complex(*noise(2, window // 2, frame_count(length, window), seed=1))
    inner = (analyse(x, window).conj() * s).real.sum()
    torch.testing.assert_close(inner, (x * synthesise(s, window, length)).sum())
    # What was synthesised is nearest to the lines: the rest is orthogonal to every signal.
    rest = s - analyse(synthesise(s, window, length), window)
    assert abs((analyse(x, window).conj() * rest).real.sum()) <= 1e-12 * (1 + x.norm() * s.norm())


def test_frames_reach_over_the_end() -> None:
    x = noise(100)
    s = torch.cat([analyse(x, 32), torch.complex(*noise(2, 16, 3))], -1)
    torch.testing.assert_close(synthesise(s, 32, 96)[:80], x[:80])
    assert synthesise(s, 32, 160).shape == (160,)


@pytest.mark.parametrize("bin_", [0, 1, 2, 31, 62, 63])
def test_a_sine_lands_in_its_bin(bin_: int) -> None:
    window = 128
    time = torch.arange(2000, dtype=torch.float64)
    power = analyse(torch.cos(2 * math.pi * bin_ / window * time), window)[:, 4:-4].abs().square()
    share = power.sum(1) / power.sum()
    assert share.argmax() == bin_
    # The main lobe of a sine window is three bins wide; the last bin's neighbour is in the first.
    assert share.roll(1 - bin_)[:3].sum() > 0.97


def test_zero_and_half_the_rate_do_not_mix() -> None:
    constant = torch.ones(640, dtype=torch.float64)
    alternating = constant * (-1) ** torch.arange(640)
    dc, nyquist = analyse(constant, 64)[0, 1:-1], analyse(alternating, 64)[0, 1:-1]
    torch.testing.assert_close(dc.real, dc.real[:1].expand(len(dc)))
    assert dc.real[0] > 4
    assert dc.imag.abs().max() < 0.1
    assert nyquist.real.abs().max() < 0.1
    assert nyquist.imag.abs().min() > 4


def test_delay_by_a_hop_moves_by_a_frame() -> None:
    x = noise(512)
    late = torch.cat([torch.zeros(3 * 16, dtype=x.dtype), x])
    torch.testing.assert_close(analyse(late, 32)[:, 3:], analyse(x, 32))


def test_white_noise_has_the_same_variance_everywhere() -> None:
    s = analyse(noise(400_000), 16)[:, 1:-1]
    for part in (s.real, s.imag):
        torch.testing.assert_close(
            part.square().mean(1), torch.full((8,), 0.5, dtype=torch.float64), atol=0.01, rtol=0
        )


def test_gradients_flow() -> None:
    x = noise(2, 50).requires_grad_()
    assert torch.autograd.gradcheck(lambda x: synthesise(2 * analyse(x, 8), 8, 50), x)


@pytest.mark.parametrize("window", [0, -2, 7])
def test_bad_windows(window: int) -> None:
    with pytest.raises(ValueError, match="window"):
        analyse(noise(10), window)
    with pytest.raises(ValueError, match="window"):
        synthesise(analyse(noise(10), 8), window, 10)


@pytest.mark.parametrize(("window", "length"), [(16, 10), (8, 13), (8, -1)])
def test_what_does_not_fit(window: int, length: int) -> None:
    with pytest.raises(ValueError, match="do not hold"):
        synthesise(analyse(noise(12), 8), window, length)
