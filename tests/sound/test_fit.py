from __future__ import annotations

import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from sfumato.errors import MissingExtra
from sfumato.sound.fit import (
    cut,
    levelled,
    resampled,
    stretches,
    to_channels,
    trimmed,
    without_offset,
)

RATE = 16_000
PEAK = 10 ** (-1 / 20)


def noise(channels: int, length: int, seed: int = 0, peak: float = 0.5) -> NDArray[np.float32]:
    values = np.random.default_rng(seed).uniform(-peak, peak, (channels, length))
    return values.astype(np.float32)


def sine(frequency: float, rate: int, seconds: float = 1.0) -> NDArray[np.float32]:
    times = np.arange(round(seconds * rate)) / rate
    return np.sin(2 * np.pi * frequency * times)[None].astype(np.float32)


def test_mono_is_the_mean() -> None:
    for channels in (1, 2, 3, 8, 32):
        x = noise(channels, 50)
        np.testing.assert_allclose(to_channels(x, 1), x.mean(0)[None], atol=1e-7)


def test_stereo_from_mono_and_from_stereo() -> None:
    x = noise(1, 50)
    np.testing.assert_array_equal(to_channels(x, 2), np.concatenate([x, x]))
    x = noise(2, 50)
    assert to_channels(x, 2) is x


@pytest.mark.parametrize(
    ("left", "right", "both", "neither"),
    [
        ([0], [1], [2], []),
        ([0, 2], [1, 3], [], []),
        ([0, 3], [1, 4], [2], []),
        ([0, 4], [1, 5], [2], [3]),
        ([0, 5], [1, 6], [2, 4], [3]),
        ([0, 4, 6], [1, 5, 7], [2], [3]),
        ([], [], list(range(12)), []),
    ],
)
def test_where_every_channel_goes(
    left: list[int], right: list[int], both: list[int], neither: list[int]
) -> None:
    count = len(left) + len(right) + len(both) + len(neither)
    mixed = to_channels(np.eye(count, dtype=np.float32), 2)
    assert np.flatnonzero(mixed[0]).tolist() == sorted(left + both)
    assert np.flatnonzero(mixed[1]).tolist() == sorted(right + both)
    np.testing.assert_allclose(mixed.sum(axis=1), 1.0, rtol=1e-6)
    if left:
        ratios = {round(float(value / mixed[0, 0]), 4) for value in mixed[0, 2:] if value}
        assert ratios == {0.7071}


@pytest.mark.parametrize("offset", [0.3, -0.02])
def test_an_offset_goes(offset: float) -> None:
    # Times a decay, as a drum has it, and in one of two channels.
    sound = np.concatenate([sine(200, RATE), sine(300, RATE)]) * np.exp(-np.arange(RATE) / 2_000)
    sound = sound.astype(np.float32)
    shifted = sound + np.array([[offset], [0.0]], np.float32)
    cleaned = without_offset(shifted)
    np.testing.assert_array_equal(cleaned[1], sound[1])
    assert np.abs(cleaned[0] - sound[0]).max() < 5e-3


def test_what_is_no_offset_stays() -> None:
    drum = np.exp(-np.arange(RATE) / 500)[None].astype(np.float32)  # a mean without an offset
    pulses = np.full((1, RATE), -0.1, np.float32)  # a median without an offset
    pulses[:, ::10] = 0.9
    faint = sine(100, RATE) + np.float32(5e-4)
    late = np.pad(noise(1, RATE) + np.float32(0.1), ((0, 0), (RATE, 0)))
    for x in (drum, pulses, noise(2, 500), noise(2, RATE), faint, late):
        assert without_offset(x) is x


def test_a_constant_becomes_silence() -> None:
    assert np.abs(without_offset(np.full((2, 500), 0.37, np.float32))).max() < 1e-7


@pytest.mark.parametrize(
    ("from_rate", "to_rate"), [(8_000, 16_000), (44_100, 16_000), (48_000, 22_050), (16_000, 4_000)]
)
def test_resampling_keeps_frequency_and_level(from_rate: int, to_rate: int) -> None:
    changed = resampled(0.5 * sine(440, from_rate), from_rate, to_rate)
    assert changed.shape == (1, to_rate)
    assert changed.dtype == np.float32
    expected = 0.5 * sine(440, to_rate)
    middle = slice(to_rate // 10, -to_rate // 10)
    np.testing.assert_allclose(changed[:, middle], expected[:, middle], atol=1e-3)


def test_resampling_passes_no_aliases() -> None:
    changed = resampled(sine(7_000, 44_100), 44_100, 8_000)
    assert np.abs(changed[:, 800:-800]).max() < 1e-4


def test_resampling_keeps_channels_apart() -> None:
    x = np.concatenate([sine(440, 44_100), np.zeros((1, 44_100), np.float32)])
    changed = resampled(x, 44_100, RATE)
    assert np.abs(changed[1]).max() == 0
    assert np.abs(changed[0]).max() > 0.9
    assert resampled(x, RATE, RATE) is x


def test_without_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "soxr", None)
    with pytest.raises(MissingExtra, match="soxr") as caught:
        resampled(noise(1, 50), 8_000, RATE)
    assert "sfumato[audio]" in caught.value.hint


@given(
    st.integers(0, 4_000), st.integers(1, 4_000), st.integers(0, 4_000), st.integers(1, 2),
    st.sampled_from([4_000, 16_000, 44_100]), st.sampled_from([20.0, 40.0, 60.0]),
)  # fmt: skip
@settings(max_examples=60, deadline=None)
def test_trimming_takes_the_soft_ends_and_nothing_of_the_loud_part(
    before: int, loud: int, after: int, channels: int, rate: int, decibels: float
) -> None:
    soft = noise(channels, before + loud + after, seed=1, peak=0.01 * 10 ** (-decibels / 20))
    x = soft.copy()
    # Never near zero, so that every frame of it is loud; in the last channel only.
    signs = np.where(np.arange(loud) % 3, 1.0, -1.0).astype(np.float32)
    x[-1, before : before + loud] = 0.5 * signs
    kept = trimmed(x, rate, decibels)
    frame = round(0.005 * rate)
    assert kept.shape[0] == channels
    assert loud <= kept.shape[1] <= loud + 4 * frame
    found = np.flatnonzero(np.abs(kept[-1]) > 0.4)
    np.testing.assert_array_equal(kept[-1, found], 0.5 * signs)
    # What else is kept lies around it.
    assert found[0] <= min(before, 2 * frame)
    assert kept.shape[1] - 1 - found[-1] <= min(after, 2 * frame)


def test_trimming_leaves_a_soft_margin() -> None:
    x = np.full((1, RATE), 1e-5, np.float32)
    x[:, 8_000:8_800] = 0.5
    kept = trimmed(x, RATE, 60)
    assert kept.shape == (1, 800 + 2 * 80)
    np.testing.assert_array_equal(kept[:, 80:-80], 0.5)
    assert 0 < kept[0, 0] < 1e-6  # faded where something was taken off


def test_trimming_where_nothing_is_soft() -> None:
    x = noise(2, 3_000)
    for one in (x, np.zeros_like(x), x[:, :1], x[:, :0]):
        np.testing.assert_array_equal(trimmed(one, RATE, 60), one)


@given(st.integers(0, 5_000), st.integers(40, 1_500), st.integers(1, 2))
@settings(max_examples=60, deadline=None)
def test_all_stretches_laid_end_to_end_are_the_sound(
    length: int, samples: int, channels: int
) -> None:
    x = noise(channels, length)
    pieces = cut(x, RATE, samples, "all")
    assert len(pieces) == stretches(length, samples)
    assert {piece.shape for piece in pieces} == {(channels, samples)}
    laid = np.concatenate(pieces, axis=1)
    dropped = length - laid.shape[1]
    assert 2 * dropped < samples
    x = np.pad(x, ((0, 0), (0, samples)))[:, : laid.shape[1]]
    fade = 32  # 2 ms
    place = np.arange(laid.shape[1]) % samples
    inside = (place >= fade) & (place < samples - fade)
    np.testing.assert_array_equal(laid[:, inside], x[:, inside])
    assert (np.abs(laid) <= np.abs(x)).all()


def test_a_last_stretch_counts_from_half_on() -> None:
    expected = {0: 1, 1: 1, 149: 1, 150: 2, 200: 2, 249: 2, 250: 3}
    assert {length: stretches(length, 100) for length in expected} == expected


def test_start_and_middle() -> None:
    x = noise(2, 1_000)
    start, middle = (cut(x, RATE, 400, rule)[0] for rule in ("start", "middle"))
    np.testing.assert_array_equal(start[:, :368], x[:, :368])
    np.testing.assert_array_equal(middle[:, 32:368], x[:, 332:668])


@pytest.mark.parametrize("rule", ["start", "middle", "all"])
def test_what_is_shorter_is_filled_up_and_not_faded(rule: str) -> None:
    x = noise(1, 300)
    (piece,) = cut(x, RATE, 400, rule)
    np.testing.assert_array_equal(piece[:, :300], x)
    assert not piece[:, 300:].any()
    (whole,) = cut(noise(1, 400), RATE, 400, rule)
    np.testing.assert_array_equal(whole, noise(1, 400))


def test_cuts_do_not_click() -> None:
    x = np.full((1, 4_000), 0.8, np.float32)
    for piece in cut(x, RATE, 1_000, "all")[1:3]:
        edged = np.concatenate([[0.0], piece[0], [0.0]])
        assert np.abs(np.diff(edged)).max() < 0.03
    assert x.min() == np.float32(0.8)  # left alone


@given(
    st.floats(-90, 30), st.integers(1, 12_000), st.integers(1, 2),
    st.sampled_from(["peak", "loudness"]), st.integers(0, 9),
)  # fmt: skip
@settings(max_examples=60, deadline=None)
def test_levels(decibels: float, length: int, channels: int, level: str, seed: int) -> None:
    x = noise(channels, length, seed, peak=10 ** (decibels / 20))
    out = levelled(x, RATE, level)
    peak = np.abs(out).max()
    assert peak <= PEAK * (1 + 1e-6)
    if level == "peak":
        np.testing.assert_allclose(peak, PEAK, rtol=1e-6)
    else:
        # As loud as asked, or as loud as the peak allows.
        window = min(6_400, length)
        power = np.convolve((out.astype(np.float64) ** 2).mean(0), np.ones(window), "valid")
        loudness = np.sqrt(power.max() / window)
        assert min(abs(loudness - 0.1), abs(peak - PEAK)) < 1e-5
        assert loudness < 0.1 + 1e-5
    # One factor for all.
    np.testing.assert_allclose(out * np.abs(x).max(), x * peak, rtol=1e-5)


def test_loudness_is_that_of_the_loudest_part() -> None:
    x = np.concatenate([0.01 * sine(440, RATE), 0.2 * sine(440, RATE)], axis=1)
    loud = levelled(x, RATE, "loudness")[:, 20_000:28_000]
    np.testing.assert_allclose(np.sqrt((loud**2).mean()), 0.1, rtol=1e-3)


def test_keep() -> None:
    x = noise(1, 500, peak=0.9)
    assert levelled(x, RATE, "keep") is x
    out = levelled(x * 4, RATE, "keep")
    np.testing.assert_allclose(np.abs(out).max(), 1.0, rtol=1e-6)
    np.testing.assert_allclose(out, x / np.abs(x).max(), rtol=1e-5)


@pytest.mark.parametrize("level", ["peak", "loudness", "keep"])
def test_silence_stays_silence(level: str) -> None:
    assert not levelled(np.zeros((2, 100), np.float32), RATE, level).any()
