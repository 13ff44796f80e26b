from __future__ import annotations

import math
import re

import pytest
import torch
from torch import Tensor

from sfumato.metrics import log_mel_features
from sfumato.metrics.extractor import Clips, Extractor
from sfumato.metrics.log_mel_features import LogMel

RATE = 16_000
EXTRACTOR: Extractor[Clips] = LogMel()


def tone(hertz: float, seconds: float = 1.0, rate: int = RATE) -> Tensor:
    return 0.5 * torch.sin(2 * math.pi * hertz * torch.arange(round(seconds * rate)) / rate)


def clicks(at: list[float]) -> Tensor:
    x = torch.zeros(RATE)
    for second in at:
        start = round(second * RATE)
        x[start : start + 400] = torch.randn(400, generator=torch.Generator().manual_seed(1)) / 4
    return x


def embedded(*clips: Tensor, rate: int = RATE) -> Tensor:
    return EXTRACTOR(Clips(torch.stack(clips)[:, None], rate))


@pytest.mark.parametrize("rate", [4000, 16_000, 48_000])
@pytest.mark.parametrize("seconds", [0.1, 1.0, 10.0])
@pytest.mark.parametrize("channels", [1, 2])
def test_any_length_rate_and_channels(rate: int, seconds: float, channels: int) -> None:
    noise = torch.randn(2, channels, round(rate * seconds)) / 8
    found = EXTRACTOR(Clips(noise, rate))
    assert found.shape == (2, EXTRACTOR.dimension)
    assert found.dtype == torch.float32
    assert found.isfinite().all()
    assert found.abs().max() < 3


def test_silence_is_at_the_bottom() -> None:
    found = EXTRACTOR(Clips(torch.zeros(1, 1, RATE), RATE))[0]
    mean, spread, grid = found.split([64, 64, 256])
    assert mean.eq(-2).all()
    assert spread.eq(0).all()
    assert grid.eq(-2).all()


def test_a_steady_tone_is_one_band_and_does_not_move() -> None:
    low, high = embedded(tone(300), tone(3000))
    assert low[:64].argmax() < high[:64].argmax()
    grid = high[128:].view(16, 16)
    assert grid.argmax(0).unique().numel() == 1
    # But for the edges, where it begins and ends.
    assert grid[grid[:, 8].argmax(), 1:-1].std() < 0.01


def test_the_course_of_time_is_kept() -> None:
    early, late = embedded(clicks([0.1]), clicks([0.8]))
    assert early[:128] == pytest.approx(late[:128], abs=0.1)
    grids = torch.stack([early[128:], late[128:]]).view(2, 16, 16).mean(1)
    assert grids.argmax(1).tolist() == [1, 12]


def test_what_sounds_alike_is_near() -> None:
    original, quieter, shifted, other = embedded(
        clicks([0.2, 0.5]), 0.9 * clicks([0.2, 0.5]), clicks([0.205, 0.505]), clicks([0.3, 0.9])
    )
    near = max((original - each).norm() for each in (quieter, shifted))
    assert 3 * near < (original - other).norm()


def test_channels_can_change_places_and_do_not_cancel() -> None:
    left, right = tone(440), torch.randn(RATE) / 8
    both = EXTRACTOR(
        Clips(torch.stack([torch.stack([left, right]), torch.stack([right, left])]), RATE)
    )
    assert torch.allclose(both[0], both[1], atol=1e-5)
    against = EXTRACTOR(Clips(torch.stack([left, -left])[None], RATE))
    assert torch.allclose(against, embedded(left), atol=1e-5)


def test_each_clip_is_for_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    clips = torch.randn(5, 1, 2000) / 8
    whole = EXTRACTOR(Clips(clips, RATE))
    monkeypatch.setattr(log_mel_features, "_PIECE", 4000)
    assert torch.allclose(EXTRACTOR(Clips(clips, RATE)), whole, atol=1e-5)
    assert torch.allclose(EXTRACTOR(Clips(clips[3:4], RATE))[0], whole[3], atol=1e-5)
    assert EXTRACTOR(Clips(clips[:0], RATE)).shape == (0, EXTRACTOR.dimension)


def test_the_identity_is_a_digest() -> None:
    assert re.fullmatch("[0-9a-f]{16}", EXTRACTOR.identity)
