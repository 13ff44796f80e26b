"""Clipping and rounding, and the intervals that they leave."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from sfumato.restoration import BitDepth, Clip

F64 = torch.float64


def test_a_clipped_value_says_that_the_data_lie_beyond():
    values = torch.tensor([[[0.5, -0.5, 0.2]]], dtype=F64)
    low, high = Clip(level=0.5).bounds(values)
    assert low.tolist() == [[[0.5, -math.inf, 0.2]]] and high.tolist() == [[[math.inf, -0.5, 0.2]]]
    guess = torch.tensor([[[0.9, 0.1, 0.7]], [[0.3, -2.0, 0.2]]], dtype=F64)
    moved = Clip(level=0.5).projected(guess, values)
    assert moved.tolist() == [[[0.9, -0.5, 0.2]], [[0.5, -2.0, 0.2]]]


def test_clipped_values_of_a_stored_sound_are_recognised():
    sound = torch.sin(torch.linspace(0, 20, 999, dtype=F64))[None, None]
    stored = (sound.clamp(-0.6, 0.6) * 32767).round() / 32767
    low, high = Clip(level=0.6).bounds(stored)
    # Apart from values that the rounding itself moved to the level.
    certain = (sound.abs() - 0.6).abs() > 1e-3
    assert torch.equal((high - low).isinf()[certain], (sound.abs() > 0.6)[certain])


@pytest.mark.parametrize("bits", [1, 3, 8, 16])
def test_the_levels_are_those_of_whole_numbers(bits):
    most = 2**bits - 1
    x0 = torch.linspace(-1, 1, 4001, dtype=F64)[None, None]
    stored = BitDepth(bits=bits).observed(x0)
    levels = (stored + 1) / 2 * most
    torch.testing.assert_close(levels, levels.round(), rtol=0, atol=1e-9)
    assert len(set(levels.round().flatten().tolist())) == min(2**bits, 4001)
    assert (stored - x0).abs().max() <= 1 / most + 1e-12


def test_its_noise_is_that_of_rounding():
    x0 = torch.from_numpy(np.random.default_rng(0).uniform(-0.9, 0.9, (1, 1, 100_000)))
    operator = BitDepth(bits=5)
    values = operator.observed(x0)
    measured = (values - operator.forward(x0)).std()
    assert abs(measured / operator.deviation(values) - 1) < 0.01


@pytest.mark.parametrize("make", [lambda: Clip(level=0), lambda: Clip(level=math.nan),
                                  lambda: BitDepth(bits=0), lambda: BitDepth(bits=25)])  # fmt: skip
def test_settings_out_of_range_are_refused(make):
    with pytest.raises(ValidationError):
        make()
