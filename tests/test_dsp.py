from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from sfumato.dsp import (
    FLOOR,
    analyse,
    frame_count,
    hertz_to_mel,
    log_mel,
    mel_edges,
    mel_to_hertz,
    synthesise,
    triangles,
)

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


def sine(frequency: float, rate: int, seconds: float = 0.5) -> Tensor:
    time = torch.arange(int(rate * seconds), dtype=torch.float64) / rate
    return torch.sin(2 * math.pi * frequency * time)


def power(levels: Tensor) -> Tensor:
    return 10 ** (levels / 10)


def test_the_scale() -> None:
    hertz = torch.tensor([0.0, 700.0, 1000.0, 8000.0], dtype=torch.float64)
    # The published anchor: 1000 Hz are 1000 mel.
    torch.testing.assert_close(
        hertz_to_mel(hertz)[[0, 2]], torch.tensor([0.0, 1000.0], dtype=torch.float64),
        atol=0.05, rtol=0,
    )  # fmt: skip
    torch.testing.assert_close(mel_to_hertz(hertz_to_mel(hertz)), hertz)


@settings(max_examples=30, deadline=None)
@given(st.integers(4_000, 192_000), st.integers(1, 128))
def test_edges_and_triangles(rate: int, bands: int) -> None:
    edges = mel_edges(rate, bands)
    assert len(edges) == bands + 2
    assert edges[0] == 0
    torch.testing.assert_close(edges[-1].item(), rate / 2)
    steps = hertz_to_mel(edges).diff()
    torch.testing.assert_close(steps, steps[:1].expand(len(steps)), rtol=1e-9, atol=1e-9)
    # Every edge is the peak of one triangle, and none reaches beyond its neighbours' peaks.
    torch.testing.assert_close(
        triangles(edges, edges)[:, 1:-1], torch.eye(bands, dtype=torch.float64)
    )
    between = torch.linspace(edges[1].item(), edges[-2].item(), 501, dtype=torch.float64)
    torch.testing.assert_close(triangles(edges, between).sum(0), torch.ones_like(between))


@pytest.mark.parametrize("rate", [8_000, 16_000, 44_100])
@pytest.mark.parametrize("band", [10, 25, 50])
def test_a_full_scale_sine_is_zero_decibels(rate: int, band: int) -> None:
    centre = mel_edges(rate, 64)[band + 1].item()
    levels = log_mel(sine(centre, rate), rate)[:, 5:-5]
    assert (levels.argmax(0) == band).all()
    total = 10 * power(levels).sum(0).log10()
    torch.testing.assert_close(total, torch.zeros_like(total), atol=0.05, rtol=0)
    quieter = log_mel(sine(centre, rate) / 10, rate)[:, 5:-5]
    torch.testing.assert_close(quieter.amax(0), levels.amax(0) - 20)


@pytest.mark.parametrize("bands", [16, 64, 200])
def test_white_noise_fills_bands_by_their_width(bands: int) -> None:
    noise = torch.randn(80_000, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    mean = power(log_mel(0.1 * noise, 16_000, bands)[:, 5:-5]).mean(1)
    edges = mel_edges(16_000, bands)
    # A triangle has the area of half its base; a full-scale sine has the power 1/2.
    expected = 0.1**2 * (edges[2:] - edges[:-2]) / 2 / 8_000 / 0.5
    decibels = 10 * (mean / expected).log10()
    assert decibels.abs().max() < 1.0
    assert decibels.mean().abs() < 0.1


@settings(max_examples=40, deadline=None)
@given(
    st.integers(1, 3_000),
    st.integers(4_000, 16_000),
    st.sampled_from([0.001, 0.025]),
    st.sampled_from([0.0001, 0.01, 0.03]),
)
def test_frames_tile_the_signal(samples: int, rate: int, window: float, hop: float) -> None:
    levels = log_mel(torch.zeros(2, samples), rate, 8, window, hop)
    assert levels.shape == (2, 8, math.ceil(samples / max(1, round(hop * rate))))
    assert (levels == FLOOR).all()


def test_a_click_is_in_its_frame() -> None:
    x = torch.zeros(16_000)
    x[160 * 37 + 80] = 1.0
    assert (log_mel(x, 16_000).argmax(1) == 37).all()


def test_batches_and_precisions_agree() -> None:
    x = torch.stack([sine(440, 8_000), sine(1000, 8_000)])
    both = log_mel(x, 8_000)
    torch.testing.assert_close(both[1], log_mel(x[1], 8_000))
    single = log_mel(x.float(), 8_000)
    assert single.dtype == torch.float32
    torch.testing.assert_close(single.double(), both, atol=0.01, rtol=0)


@pytest.mark.parametrize("bad", [{"bands": 0}, {"rate": 0}, {"window": 0.0}, {"hop": -1.0}])
def test_bad_numbers(bad: dict[str, float]) -> None:
    arguments = {"x": torch.zeros(100), "rate": 8_000, **bad}
    with pytest.raises(ValueError, match="positive"):
        log_mel(**arguments)


def test_nothing_has_no_levels() -> None:
    with pytest.raises(ValueError, match="without samples"):
        log_mel(torch.zeros(2, 0), 8_000)
