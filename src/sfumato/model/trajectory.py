"""A sample emerging from noise: some of its states, ready to look at or listen to."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from sfumato.media.medium import SignalMedium
from sfumato.process.gaussian import spread
from sfumato.process.schedule import Schedule
from sfumato.sampling import State


class Way:
    """The way of a batch of samples from noise to data, as the medium decodes it.

    Args:
        medium: How states become pictures or sounds.
        schedule: Of the process.
        sigma_data: Standard deviation of the data.
    """

    def __init__(self, medium: SignalMedium, schedule: Schedule, sigma_data: float) -> None:
        self._medium = medium
        self._schedule = schedule
        self._sigma_data = sigma_data
        self._angles: list[float] = []
        self._frames: list[NDArray[Any]] = []

    def add(self, state: State) -> None:
        """Note a state."""
        alpha, sigma = self._schedule.coefficients(torch.tensor(state.t, dtype=torch.float64))
        self._angles.append(math.atan2(sigma.item(), alpha.item() * self._sigma_data))
        self._frames.append(self._medium.decode(self._visible(state.x_t, alpha, sigma)))

    def strips(self, count: int) -> list[NDArray[Any]]:
        """For each sample at most ``count`` frames, from noise to data.

        Samplers crowd their steps where one perceives only noise, or no more of it. The frames are
        those nearest to equal steps in the angle between signal and noise instead.

        Returns:
            One array of shape (frames, ...) per sample.
        """
        wanted = np.linspace(self._angles[0], self._angles[-1], count)
        apart = np.abs(np.array(self._angles)[None, :] - wanted[:, None])
        places = np.unique(apart.argmin(axis=1))
        return list(np.stack([self._frames[place] for place in places], axis=1))

    def _visible(self, x_t: Tensor, alpha: Tensor, sigma: Tensor) -> Tensor:
        """A state at the deviation of the data, so that noise is as loud as they are."""
        scale = self._sigma_data / torch.hypot(alpha * self._sigma_data, sigma)
        return x_t * spread(scale, x_t)
