from __future__ import annotations

import numpy as np
import pytest
import torch

from sfumato.process.schedule import VE, Linear, Schedule
from sfumato.run.trajectory import evenly, visible
from sfumato.sampling import State


@pytest.mark.parametrize(("have", "want"), [(1, 10), (5, 10), (10, 10), (33, 10), (100, 2)])
def test_the_first_and_the_last_are_among_them(have: int, want: int) -> None:
    frames = [np.full((1, 1, 3), k, np.uint8) for k in range(have)]
    shown = [int(frame[0, 0, 0]) for frame in evenly(frames, want)]
    assert len(shown) == min(have, want)
    assert (shown[0], shown[-1]) == (0, have - 1)
    assert shown == sorted(set(shown))


@pytest.mark.parametrize("schedule", [Linear(), VE()])
@pytest.mark.parametrize("t", [0.0, 0.3, 1.0])
def test_every_state_has_the_deviation_of_the_data(schedule: Schedule, t: float) -> None:
    generator = torch.Generator().manual_seed(0)
    sigma_data = 0.4
    x0, eps = torch.randn(2, 1, 3, 100, 100, generator=generator).unbind()
    alpha, sigma = schedule.coefficients(torch.tensor(t, dtype=torch.float64))
    x_t = (alpha * sigma_data * x0 + sigma * eps).float()
    shown = visible(State(0, 1, t, x_t, x_t), schedule, sigma_data)
    assert shown.std().item() == pytest.approx(sigma_data, rel=0.02)
