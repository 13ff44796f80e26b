from __future__ import annotations

import numpy as np
import pytest

from sfumato.sound.loudness import Loudness, measured

RATE = 8_000


def decibels(power: float) -> float:
    return float(10 * np.log10(power))


def noise(seconds: float, loud: float, channels: int = 1, seed: int = 0) -> np.ndarray:
    draw = np.random.default_rng(seed)
    return (loud * draw.standard_normal((channels, round(seconds * RATE)))).astype(np.float32)


def of(x: np.ndarray) -> Loudness:
    return measured([x], RATE)


@pytest.mark.parametrize("size", [1, 7, 399, 400, 401, 8_000, 40_000])
def test_blocks_do_not_matter(size: int) -> None:
    x = noise(3.03, 0.1, 2)
    whole = of(x)
    parts = measured((x[:, low : low + size] for low in range(0, x.shape[1], size)), RATE)
    assert (parts.length, parts.rate) == (x.shape[1], RATE)
    np.testing.assert_allclose(parts.powers, whole.powers, rtol=1e-5)


def test_steady_sounds_have_their_mean_square() -> None:
    assert decibels(of(noise(5, 0.1)).loudest()) == pytest.approx(-20, abs=0.3)
    tone = 0.5 * np.sin(2 * np.pi * 440 * np.arange(RATE) / RATE)[None].astype(np.float32)
    assert decibels(of(tone).loudest()) == pytest.approx(-9.03, abs=0.05)
    assert decibels(of(np.repeat(tone, 2, 0)).loudest()) == pytest.approx(-9.03, abs=0.05)


def test_a_click_in_a_long_soft_file_counts_for_little() -> None:
    x = noise(60, 1e-3)
    x[0, 100_000] = 1.0
    assert decibels(of(x).loudest()) < -30
    hit = noise(60, 1e-4)
    hit[:, 200_000:200_800] += noise(0.1, 0.3)
    assert decibels(of(hit).loudest()) > -18


def test_an_offset_does_not_count() -> None:
    assert decibels(of(noise(5, 1e-4) + np.float32(0.2)).loudest()) == pytest.approx(-80, abs=0.5)


def test_bad_samples_count_as_silence() -> None:
    x = noise(2, 0.1)
    x[0, 1_000:1_003] = np.nan, np.inf, 1e30
    assert decibels(of(x).loudest()) == pytest.approx(-20, abs=0.5)


def test_where_it_sounds() -> None:
    x = noise(10, 1e-5)
    x[:, 3 * RATE : 4 * RATE] += noise(1, 0.1)
    low, high = of(x).sounding(1e-4)
    assert (low, high) == (3 * RATE, 4 * RATE)
    assert of(x).sounding(1.0) == (0, 10 * RATE)


@pytest.mark.parametrize("length", [0, 1, 2, 399, 401])
def test_short_ones(length: int) -> None:
    x = noise(1, 0.1)[:, :length]
    found = of(x)
    assert found.length == length
    assert 0 <= found.loudest() < 0.1
    assert found.sounding(1.0) == (0, length)
