from __future__ import annotations

import numpy as np
import pytest

from sfumato.sound.clipping import at_rate, clipped, peaks_estimated
from sfumato.sound.fit import Samples


def tone(seconds: float = 0.1, rate: int = 16_000, frequency: float = 300.0) -> Samples:
    return np.sin(2 * np.pi * frequency * np.arange(round(seconds * rate)) / rate).astype(
        np.float32
    )[None]


@pytest.mark.parametrize("level", [0.05, 0.4, 0.9])
@pytest.mark.parametrize("scale", [32768, 2**23])
def test_cut_samples_are_found_in_files_of_any_depth(level: float, scale: int) -> None:
    x = tone()
    y = (np.rint(x.clip(-level, level) * scale) / scale).astype(np.float32)
    found = clipped(y)
    true = np.abs(x) >= level
    # A sample within a step of the level is cut off or not; it makes no difference.
    surely = np.abs(np.abs(x) - level) > 2 * level * 3e-4 + 2 / scale
    assert (found == true)[surely].all()


def test_a_sound_that_is_not_cut_has_no_cut_samples() -> None:
    assert not clipped(tone(frequency=1000.0)).any()
    assert not clipped(np.zeros((2, 100), np.float32)).any()
    assert not clipped(np.zeros((1, 2), np.float32)).any()


def test_both_signs_next_to_each_other_are_no_run() -> None:
    assert not clipped(np.array([[1, -1, 1, -1, 1, 1, -1, 0]], np.float32)).any()


def test_noise_that_is_cut_off_is_found() -> None:
    x = 0.1 * np.random.default_rng(0).standard_normal((1, 16_000)).astype(np.float32)
    assert not clipped(x).any()
    level = np.quantile(np.abs(x), 0.95).astype(np.float32)
    found = clipped(x.clip(-level, level))
    assert (found == (np.abs(x) >= level * (1 - 3e-4))).all()


def test_single_samples_at_the_level_are_cut_off_where_others_are() -> None:
    y = np.array([[0, 0.5, 0.1, 0.5, 0.5, 0.5, 0.2, -0.5, 0]], np.float32)
    assert (clipped(y) == (np.abs(y) == 0.5)).all()


def test_peaks_of_a_tone_are_estimated_better_than_left() -> None:
    x = 0.5 * tone()
    y = x.clip(-0.4, 0.4)
    guess = peaks_estimated(y, clipped(y))
    assert (guess[~clipped(y)] == y[~clipped(y)]).all()
    assert (np.abs(guess) >= np.abs(y)).all()
    left, rest = np.square(y - x).sum(), np.square(guess - x).sum()
    assert rest < left / 10


def test_a_cubic_comes_back_exactly() -> None:
    # Between 5 and 15 the parabola is cut off; its slopes are those between samples, so it is
    # exact for straight edges of that slope.
    places = np.arange(21.0)
    x = (1.0 - 0.01 * (places - 10) ** 2).astype(np.float32)[None]
    cut = np.zeros((1, 21), np.bool_)
    cut[0, 6:15] = True
    y = np.where(cut, x[0, 5], x).astype(np.float32)
    # The slope before the run is 0.11 instead of 0.10: Hermite's cubic is higher by
    # span u (1 - u) 0.01 = 0.025 in the middle.
    assert peaks_estimated(y, cut)[0, 10] == pytest.approx(1.025, abs=1e-5)


def test_peaks_are_never_estimated_without_bound() -> None:
    y = np.zeros((1, 400), np.float32)
    y[0, 100:300] = 0.1
    y[0, 99] = -0.9
    cut = np.zeros(y.shape, np.bool_)
    cut[0, 100:300] = True
    assert peaks_estimated(y, cut).max() <= 0.4 + 1e-6


def test_cut_samples_are_found_again_at_another_rate() -> None:
    chosen = np.zeros((1, 100), np.bool_)
    chosen[0, 50:60] = True
    found = np.flatnonzero(at_rate(chosen, 200, margin=2)[0])
    assert found.min() == 98
    assert found.max() == 120
    assert (np.flatnonzero(at_rate(chosen, 50, margin=0)[0]) == np.arange(25, 31)).all()
