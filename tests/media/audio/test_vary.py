from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from sfumato.media.audio.settings import AudioSettings
from sfumato.media.audio.vary import VARIATIONS, varied

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
