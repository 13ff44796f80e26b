from __future__ import annotations

import math
import sys

import numpy as np
import pytest
import torch

from sfumato.errors import MissingExtra
from sfumato.metrics.resampling import mono_at


def sine(hertz: float, rate: int) -> torch.Tensor:
    return torch.sin(2 * math.pi * hertz * torch.arange(rate).double() / rate).float()


def test_the_same_rate_is_only_mixed() -> None:
    clips = torch.tensor([[[1.0, 0.0], [0.0, 0.5]]])
    assert mono_at(100, clips, 100).tolist() == [[0.5, 0.25]]


@pytest.mark.parametrize("rate", [8000, 22_050, 48_000])
def test_a_sine_stays_itself(rate: int) -> None:
    pytest.importorskip("soxr")
    found = mono_at(16_000, sine(440, rate).expand(2, 1, -1), rate)
    assert found.shape == (2, 16_000)
    assert found.dtype == np.float32
    expected = sine(440, 16_000).numpy()
    # But for the edges.
    assert np.abs(found[1] - expected)[1000:-1000].max() < 1e-3


def test_what_the_rate_cannot_hold_is_gone() -> None:
    pytest.importorskip("soxr")
    found = mono_at(16_000, sine(12_000, 48_000)[None, None], 48_000)
    assert np.abs(found[0, 1000:-1000]).max() < 1e-4


def test_nothing_and_a_missing_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "soxr", None)  # type: ignore[arg-type]
    assert mono_at(16_000, torch.zeros(0, 1, 10), 8000).shape[0] == 0
    with pytest.raises(MissingExtra, match="soxr") as caught:
        mono_at(16_000, torch.zeros(1, 1, 10), 8000)
    assert "sfumato[audio]" in caught.value.hint
