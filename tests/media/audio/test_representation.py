from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from sfumato.media.audio.augmentation import VARIATIONS, varied
from sfumato.media.audio.representation import (
    Spectrogram,
    Waveform,
    build,
    measured,
)
from sfumato.media.audio.settings import (
    AdvanceSpec,
    AudioSettings,
    LinesSpec,
    SpectrogramSpec,
    WaveformSpec,
)

EPS = {dtype: torch.finfo(dtype).eps for dtype in (torch.float32, torch.float64)}
lengths = st.integers(1, 1500)
windows = st.sampled_from([64, 128, 512])
powers = st.sampled_from([0.1, 0.3, 0.5, 2 / 3, 1.0])
kinds = st.sampled_from([SpectrogramSpec, AdvanceSpec])
dtypes = st.sampled_from(sorted(EPS, key=str))


def noise(*shape: int, dtype: torch.dtype = torch.float64, seed: int = 0) -> Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed), dtype=dtype) * 2 - 1


def check_round_trip(spec: LinesSpec, x: Tensor) -> None:
    representation = build(spec)
    x0 = representation.encode(x)
    assert x0.shape[1:] == representation.shape(*x.shape[1:])
    assert x0.dtype == x.dtype
    assert x0.isfinite().all()
    back = representation.decode(x0, x.shape[-1])
    assert back.dtype == x.dtype
    # Relative to the energy, which the transform keeps: each number of x0 is rounded a few times,
    # the power 1 / power makes that 1 / power as much, and an FFT of W points rounds log2 W times.
    rounding = 4 * EPS[x.dtype] * (1 / spec.power + math.log2(spec.window))
    if isinstance(spec, AdvanceSpec):
        # Angles of up to pi are rounded, and their errors add up at random from frame to frame.
        rounding += 4 * EPS[x.dtype] * math.pi * math.sqrt(x0.shape[-1])
    assert (back - x).norm() <= rounding * x.norm()


@settings(max_examples=80, deadline=None)
@given(kinds, lengths, st.sampled_from([1, 2]), windows, powers, dtypes, st.integers(-12, 0))
def test_spectrograms_of_noise_come_back(
    kind: type[SpectrogramSpec | AdvanceSpec],
    length: int,
    channels: int,
    window: int,
    power: float,
    dtype: torch.dtype,
    level: int,
) -> None:
    spec = kind(window=window, power=power)
    check_round_trip(spec, noise(3, channels, length, dtype=dtype) * 10.0**level)


@settings(max_examples=60, deadline=None)
@given(kinds, lengths, powers, dtypes, st.data())
def test_spectrograms_of_impulses_come_back(
    kind: type[SpectrogramSpec | AdvanceSpec],
    length: int,
    power: float,
    dtype: torch.dtype,
    data: st.DataObject,
) -> None:
    x = torch.zeros(1, 1, length, dtype=dtype)
    x[..., data.draw(st.integers(0, length - 1))] = data.draw(
        st.sampled_from([1.0, -1.0, 1 / 32768])
    )
    check_round_trip(kind(window=64, power=power), x)


@settings(max_examples=20, deadline=None)
@given(powers, st.lists(st.floats(1e-3, 1e3), min_size=32, max_size=32))
def test_scales_are_undone(power: float, scales: list[float]) -> None:
    spec = SpectrogramSpec(window=64, power=power, scales=tuple(scales))
    x = noise(2, 1, 333)
    check_round_trip(spec, x)
    plain = build(SpectrogramSpec(window=64, power=power)).encode(x)
    column = torch.tensor(scales, dtype=torch.float64)[:, None]
    torch.testing.assert_close(build(spec).encode(x) * column, plain)


@pytest.mark.parametrize("power", [0.05, 0.5, 1.0])
def test_silence_stays_silence(power: float) -> None:
    representation = build(SpectrogramSpec(power=power))
    x = torch.zeros(2, 2, 1000)
    x0 = representation.encode(x)
    assert not x0.any()
    assert not representation.decode(x0, 1000).any()


@pytest.mark.parametrize("power", [0.2, 0.5, 1.0])
@pytest.mark.parametrize("size", [1e-45, 1e-30, 1e-20, 1e-10])
def test_next_to_nothing_stays_next_to_nothing(power: float, size: float) -> None:
    representation = build(SpectrogramSpec(window=64, power=power))
    x0 = representation.encode(noise(1, 1, 500, dtype=torch.float32) * size)
    # The slope at zero, 1e-8^(power - 1), is the steepest; a full-scale line is about 7.
    assert x0.abs().max() <= 10 * size * 1e-8 ** (power - 1)
    sound = representation.decode(size * noise(1, 2, 32, 8, dtype=torch.float32), 100)
    assert sound.isfinite().all()
    assert sound.abs().max() <= 100 * size


def test_gradients_are_finite_at_silence() -> None:
    representation = build(SpectrogramSpec(window=64))
    x = torch.zeros(1, 1, 200, requires_grad=True)
    x0 = representation.encode(x)
    representation.decode(x0, 200).sum().backward()
    assert x.grad is not None
    assert x.grad.isfinite().all()


@pytest.mark.parametrize("size", [1.0, 1e3, 1e18, 1e30])
@pytest.mark.parametrize("power", [0.1, 0.5, 1.0])
def test_what_no_sound_has_becomes_a_sane_sound(size: float, power: float) -> None:
    representation = build(SpectrogramSpec(window=64, power=power))
    sound = representation.decode(size * noise(4, 2, 32, 16, dtype=torch.float32), 400)
    assert sound.shape == (4, 1, 400)
    assert sound.isfinite().all()
    assert sound.abs().max() < 100


def test_the_limit_is_above_every_sound() -> None:
    representation = build(SpectrogramSpec(window=64, power=0.5))
    worst = torch.stack([torch.ones(1000), torch.tensor([1.0, -1.0]).repeat(500)]).double()
    for loudness in (1.0, 2.0):
        x = loudness * worst[:, None]
        torch.testing.assert_close(representation.decode(representation.encode(x), 1000), x)


def test_the_real_lines_do_not_mix() -> None:
    representation = build(SpectrogramSpec(window=64, power=0.5))
    constant = torch.full((1, 1, 640), 0.5, dtype=torch.float64)
    alternating = constant * (-1) ** torch.arange(640)
    one, other = representation.encode(constant), representation.encode(alternating)
    both = representation.encode(constant + alternating)
    inner = slice(2, 18)
    torch.testing.assert_close(both[0, 0, 0, inner], one[0, 0, 0, inner], rtol=1e-2, atol=0)
    torch.testing.assert_close(both[0, 1, 0, inner], other[0, 1, 0, inner], rtol=1e-2, atol=0)


@pytest.mark.parametrize("bin_", [1, 20, 60])
def test_a_sine_lands_in_its_bin(bin_: int) -> None:
    time = torch.arange(4000, dtype=torch.float64)
    x = torch.cos(2 * math.pi * bin_ / 128 * time).reshape(1, 1, -1)
    x0 = build(SpectrogramSpec(window=128)).encode(x)
    assert x0.square().sum((0, 1, 3)).argmax() == bin_


def test_channels_follow_each_other() -> None:
    representation = build(SpectrogramSpec(window=64))
    x = noise(2, 2, 300)
    both = representation.encode(x)
    for channel in (0, 1):
        alone = representation.encode(x[:, [channel]])
        torch.testing.assert_close(both[:, 2 * channel : 2 * channel + 2], alone)


def test_delay_by_a_hop_moves_by_a_frame() -> None:
    representation = build(SpectrogramSpec(window=64))
    x = noise(1, 1, 32 * 20)
    late = torch.cat([torch.zeros(1, 1, 32 * 32, dtype=x.dtype), x], -1)
    torch.testing.assert_close(representation.encode(late)[..., 32:], representation.encode(x))


def test_added_frames_are_silent() -> None:
    x0 = build(SpectrogramSpec(window=64)).encode(noise(1, 1, 32 * 10))
    assert x0.shape[-1] == 32
    assert not x0[..., 11:].any()
    assert x0[..., 10].any()


class TestAdvance:
    def test_a_steady_tone_stands_still(self) -> None:
        representation = build(AdvanceSpec(window=128))
        time = torch.arange(4000, dtype=torch.float64)
        frequency = 20.3 / 128
        first, second = (
            representation.encode(torch.cos(2 * math.pi * frequency * time + phase)[None, None])
            for phase in (0.0, 1.7)
        )
        # Away from the ends, and in the bins that hear the tone.
        inner = first[..., 18:23, 4:40]
        torch.testing.assert_close(inner, inner[..., :1].expand_as(inner), rtol=0.02, atol=0.01)
        torch.testing.assert_close(second[..., 18:23, 4:40], inner, rtol=0.02, atol=0.01)
        # 0.3 of a bin above its middle: by so much of half a turn more than expected.
        angle = torch.atan2(inner[0, 1, 2, 0], inner[0, 0, 2, 0])
        assert angle.item() == pytest.approx(0.3 * math.pi, abs=0.03)

    def test_moduli_are_those_of_the_spectrogram(self) -> None:
        x = noise(2, 1, 700)
        ours, theirs = (build(kind(window=64)).encode(x) for kind in (AdvanceSpec, SpectrogramSpec))
        torch.testing.assert_close(ours.square().sum(1), theirs.square().sum(1))
        assert not torch.allclose(ours, theirs)
        torch.testing.assert_close(ours[:, :, 0], theirs[:, :, 0])

    def test_phases_outlast_silence(self) -> None:
        x = noise(1, 1, 64 * 40)
        x[..., 64 * 10 : 64 * 25] = 0
        check_round_trip(AdvanceSpec(window=64), x)
        assert not build(AdvanceSpec(window=64)).encode(x)[..., 24:48].any()

    def test_an_error_of_phase_stays_in_its_bin(self) -> None:
        representation = build(AdvanceSpec(window=64))
        x = noise(1, 1, 640)
        x0 = representation.encode(x)
        turned = x0.clone()
        turned[:, :, 7, 5] = torch.stack([-x0[:, 1, 7, 5], x0[:, 0, 7, 5]], 1)
        plain = build(SpectrogramSpec(window=64))
        before, after = (plain.encode(representation.decode(part, 640)) for part in (x0, turned))
        changed = (after - before).square().sum((0, 1, 3)).sqrt()
        assert changed[7] > 4 * changed[11:].max()


@settings(max_examples=30, deadline=None)
@given(lengths, st.sampled_from([1, 2]), st.sampled_from([1, 8, 64]))
def test_waveforms_come_back_as_they_were(length: int, channels: int, patch: int) -> None:
    representation = build(WaveformSpec(patch=patch))
    assert isinstance(representation, Waveform)
    assert isinstance(build(SpectrogramSpec()), Spectrogram)
    x = noise(2, channels, length, dtype=torch.float32)
    x0 = representation.encode(x)
    assert x0.shape[1:] == representation.shape(channels, length)
    assert x0.shape[-1] % (8 * patch) == 0
    assert x0.shape[-1] - length < 8 * patch
    assert not x0[..., length:].any()
    assert torch.equal(representation.decode(x0, length), x)


def test_axes() -> None:
    assert build(WaveformSpec()).axes == 1
    assert build(SpectrogramSpec()).axes == 2


@pytest.mark.parametrize("spec", [WaveformSpec(patch=64), SpectrogramSpec(window=64)])
def test_longer_than_it_is(spec: WaveformSpec | SpectrogramSpec) -> None:
    representation = build(spec)
    x0 = representation.encode(noise(1, 1, 500))
    with pytest.raises(ValueError, match="hold"):
        representation.decode(x0, 1_200)


def coloured(amplitudes: Tensor, clips: int, samples: int) -> Tensor:
    """Noise with the given amplitude spectrum, from 0 to half the rate."""
    white = torch.randn(clips, 1, samples, generator=torch.Generator().manual_seed(3))
    spectrum = torch.fft.rfft(white.double())
    places = torch.linspace(0, len(amplitudes) - 1, spectrum.shape[-1], dtype=torch.float64)
    low = places.long().clamp_max(len(amplitudes) - 2)
    return torch.fft.irfft(
        spectrum * torch.lerp(amplitudes[low], amplitudes[low + 1], places - low)
    )


def deviations(spec: SpectrogramSpec, clips: Tensor) -> Tensor:
    return build(spec).encode(clips).square().mean((0, 1, 3)).sqrt()


@pytest.mark.parametrize("power", [0.5, 1.0])
def test_measured_scales_level_the_bins(power: float) -> None:
    # 26 dB from bottom to top: within the range of the scales, whatever the power.
    falling = 0.1 * 10 ** torch.linspace(0, -1.3, 65, dtype=torch.float64)
    clips = coloured(falling, 100, 4096)
    spec = measured(SpectrogramSpec(window=128, power=power), clips)
    assert spec.scales is not None
    assert (spec.window, spec.power) == (128, power)
    deviation = deviations(spec, clips)
    assert (deviation[1:] - 0.5).abs().max() < 0.01
    torch.testing.assert_close(deviation[0].item(), 0.5, atol=1e-3, rtol=0)
    known = falling**power
    ratio = torch.tensor(spec.scales, dtype=torch.float64)[1:] / known[1:64]
    assert (ratio / ratio.mean() - 1).abs().max() < 0.03


def test_quiet_bins_are_not_blown_up() -> None:
    step = torch.full((65,), 0.1, dtype=torch.float64)
    step[40:] = 1e-6
    # Faded, for a sudden end would be heard in every bin.
    clips = coloured(step, 20, 4096) * torch.hann_window(4096)
    spec = measured(SpectrogramSpec(window=128, power=1.0), clips)
    assert spec.scales is not None
    assert min(spec.scales) == pytest.approx(max(spec.scales) * 10**-1.5, rel=1e-3)
    deviation = deviations(spec, clips)
    assert (deviation[5:38] - 0.5).abs().max() < 0.03
    assert deviation[50:].max() < 0.1


def test_a_hum_is_held_back() -> None:
    time = torch.arange(4096, dtype=torch.float64)
    clips = 0.5 * torch.sin(2 * math.pi * 20 / 128 * time).reshape(1, 1, -1) + 1e-3 * noise(
        5, 1, 4096
    )
    spec = measured(SpectrogramSpec(window=128), clips)
    assert deviations(spec, clips).max() <= 0.5 * math.sqrt(2) * 1.001


def test_measured_does_not_depend_on_old_scales_or_on_the_order() -> None:
    clips = noise(130, 2, 200)
    spec = SpectrogramSpec(window=64)
    first = measured(spec, clips)
    assert measured(first, clips) == first
    assert measured(spec, clips.flip(0)) == first


def test_scales_of_silence() -> None:
    spec = measured(SpectrogramSpec(window=64), torch.zeros(2, 1, 100))
    assert spec.scales == (1.0,) * 32
    with pytest.raises(ValueError, match="no clips"):
        measured(spec, torch.zeros(0, 1, 100))


RATE = 4_000
STILL = {"rate": RATE, "seconds": 0.05, "shift": 0.0, "gain": 0.0, "flip": False}


def allowing(**changes: object) -> AudioSettings:
    return AudioSettings.model_validate({**STILL, **changes})


def clips(count: int = 3, channels: int = 2) -> Tensor:
    return torch.randn(count, channels, 200, generator=torch.Generator().manual_seed(0))


def numbers(*rows: tuple[float, float, float]) -> Tensor:
    return torch.tensor(rows, dtype=torch.float64)


def test_without_leave_nothing_changes() -> None:
    x = clips()
    uniforms = numbers((0.9, 0.9, 0.1), (0.5, 0.5, 0.9), (0, 0, 0))
    assert uniforms.shape[1] == VARIATIONS
    assert torch.equal(varied(x, uniforms, allowing()), x)


@settings(max_examples=40, deadline=None)
@given(st.floats(0, 1, exclude_max=True), st.sampled_from([0.01, 0.02, 0.049]))
def test_a_shift_moves_by_whole_samples_and_lets_silence_in(u: float, shift: float) -> None:
    x = clips(1)
    moved = varied(x, numbers((u, 0, 0)), allowing(shift=shift))
    by = int(u * shift * RATE)
    assert not moved[..., :by].any()
    assert torch.equal(moved[..., by:], x[..., : 200 - by])


def test_every_clip_is_shifted_for_itself() -> None:
    x = clips(3)
    moved = varied(x, numbers((0, 0, 0), (0.5, 0, 0), (0.25, 0, 0)), allowing(shift=0.02))
    for clip, original, by in zip(moved, x, (0, 40, 20), strict=True):
        assert torch.equal(clip[:, by:], original[:, : 200 - by])


@given(st.floats(0, 1, exclude_max=True))
def test_a_gain_makes_softer_by_so_many_decibels_at_most(u: float) -> None:
    x = clips(1)
    softer = varied(x, numbers((0, u, 0)), allowing(gain=12))
    torch.testing.assert_close(softer, x * 10 ** (-u * 12 / 20))
    assert softer.abs().max() > x.abs().max() * 0.25118  # 12 dB


@pytest.mark.parametrize(("u", "sign"), [(0.0, -1), (0.499, -1), (0.5, 1), (0.99, 1)])
def test_half_of_them_are_turned(u: float, sign: int) -> None:
    x = clips(1)
    assert torch.equal(varied(x, numbers((0, 0, u)), allowing(flip=True)), sign * x)


def test_it_is_a_function_of_its_uniforms() -> None:
    x, leave = clips(4), allowing(shift=0.03, gain=6, flip=True)
    uniforms = torch.rand(4, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    before = x.clone()
    first = varied(x, uniforms, leave)
    torch.rand(9)
    assert torch.equal(varied(x, uniforms, leave), first)
    assert torch.equal(x, before)
    assert first.dtype == x.dtype
    alone = varied(x[2:3], uniforms[2:3], leave)
    assert torch.equal(alone[0], first[2])
