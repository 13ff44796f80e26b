from __future__ import annotations

import math

import pytest
import torch

from sfumato.errors import DataError
from sfumato.metrics.levels import levels


def sine(amplitude: float, samples: int = 1000) -> torch.Tensor:
    return amplitude * torch.sin(2 * math.pi * 10 * torch.arange(samples) / samples)


def test_a_full_sine() -> None:
    found = levels(sine(1.0).expand(1, 2, -1))
    assert found.count == 1
    assert found.peak == pytest.approx(0, abs=1e-3)
    assert found.rms == pytest.approx(-10 * math.log10(2), abs=1e-3)
    assert found.offset == pytest.approx(0, abs=1e-6)
    assert found.silent == 0


@pytest.mark.parametrize("gain", [0.5, 0.01])
def test_a_gain_is_seen_in_decibels(gain: float) -> None:
    found = levels(sine(gain)[None, None])
    assert found.peak == pytest.approx(20 * math.log10(gain), abs=1e-3)
    assert found.rms == pytest.approx(20 * math.log10(gain) - 10 * math.log10(2), abs=1e-3)


def test_silence_is_silent_and_a_whisper_is_not() -> None:
    clips = torch.stack([torch.zeros(1, 100), torch.full((1, 100), 0.9e-3), sine(2e-3, 100)[None]])
    found = levels(clips)
    assert found.silent == pytest.approx(2 / 3)
    assert levels(torch.zeros(2, 1, 5)).peak == -120 == levels(torch.zeros(2, 1, 5)).rms


@pytest.mark.parametrize(
    ("samples", "clipped"),
    [
        ([0, 1, 1, 1, 0], 1),
        ([0, -1.5, 2, -1, 0], 1),
        ([1, 1, 0, 1, 1], 0),
        ([0, 32767 / 32768] + [32767 / 32768] * 2, 1),
        ([0.999] * 5, 0),
        ([1, 1], 0),
    ],
)
def test_clipping_is_three_in_a_row(samples: list[float], clipped: float) -> None:
    assert levels(torch.tensor([[samples]])).clipped == clipped


def test_runs_do_not_reach_into_the_next_channel() -> None:
    assert levels(torch.tensor([[[0.0, 1, 1], [1, 0, 0]]])).clipped == 0


def test_a_constant_part() -> None:
    clips = torch.stack([sine(0.1) + 0.2, sine(0.1) - 0.2, sine(0.1)])[:, None]
    assert levels(clips).offset == pytest.approx(0.4 / 3, abs=1e-6)


def test_the_median_clip_counts() -> None:
    clips = torch.tensor([1.0, 0.1, 0.01])[:, None, None].expand(-1, 1, 10)
    assert levels(clips).peak == pytest.approx(-20)
    assert levels(clips[:2]).rms == pytest.approx(-10)


def test_bad_clips() -> None:
    with pytest.raises(DataError, match="no clips"):
        levels(torch.zeros(0, 1, 10))
    with pytest.raises(DataError, match="not finite"):
        levels(torch.tensor([[[0.0, math.nan]]]))
