"""Windows that agree, on data for which the whole is known exactly."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
import torch
from torch import Tensor

from sfumato.denoiser import Denoiser, Posterior
from sfumato.errors import SettingError
from sfumato.process.gaussian import Gaussian
from sfumato.process.schedule import VP
from sfumato.restoration.windows import Windowed, window_corners

PROCESS = Gaussian(VP())


class OfPixels(Denoiser):
    """The exact denoiser of independent pixels of one deviation, at a level that may be a label."""

    def forward(self, x_t: Tensor, t: Tensor, **cond: Any) -> Posterior:
        """See :meth:`Denoiser.forward`."""
        alpha, sigma = self.process.schedule.coefficients(t)
        label = cond.get("label")
        shift = 0.0 if label is None else label.to(x_t).reshape(-1, 1, 1, 1)
        return Posterior(alpha / (alpha**2 + sigma**2) * x_t + shift)


def test_windows_of_independent_pixels_make_the_exact_mean() -> None:
    x_t = torch.randn(2, 3, 11, 20, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    t, label = torch.tensor(0.4, dtype=torch.float64), torch.tensor([0, 3])
    windowed = Windowed(OfPixels(PROCESS), (8, 8), (11, 20))
    found = windowed(x_t, t, label=label).mean
    assert torch.allclose(found, OfPixels(PROCESS)(x_t, t, label=label).mean, atol=1e-12)


def test_windows_take_a_time_for_each_sample() -> None:
    x_t = torch.ones(2, 1, 8, 12, dtype=torch.float64)
    times = torch.tensor([0.2, 0.9], dtype=torch.float64)
    windowed = Windowed(_OfTimes(PROCESS), (8, 8), (8, 12))
    assert torch.allclose(windowed(x_t, times).mean[:, 0, 0, 0], times)


class _OfTimes(Denoiser):
    def forward(self, x_t: Tensor, t: Tensor, **cond: Any) -> Posterior:
        return Posterior(torch.zeros_like(x_t) + t.reshape(-1, 1, 1, 1))


@pytest.mark.parametrize("whole", [8, 9, 12, 13, 64])
def test_windows_cover_the_canvas_and_overlap(whole: int) -> None:
    corners = [corner[0] for corner in window_corners((8,), (whole,), 0.5)]
    assert corners[0] == 0
    assert corners[-1] == whole - 8
    assert all(b - a <= 4 for a, b in pairwise(corners))


def test_gradients_pass_through_the_windows() -> None:
    x_t = torch.randn(1, 1, 8, 12, dtype=torch.float64, requires_grad=True)
    mean = Windowed(OfPixels(PROCESS), (8, 8), (8, 12))(x_t, torch.tensor(0.5)).mean
    (gradient,) = torch.autograd.grad(mean.sum(), x_t)
    assert torch.allclose(gradient, gradient[0, 0, 0, 0].expand_as(gradient))


def test_a_canvas_smaller_than_a_window_is_refused() -> None:
    with pytest.raises(SettingError, match="smaller than what the model makes"):
        window_corners((8, 8), (8, 7))


def test_too_many_windows_are_refused() -> None:
    with pytest.raises(SettingError, match="too many windows"):
        window_corners((8, 8), (4096, 4096))
