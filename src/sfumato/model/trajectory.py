"""Trajectories: some states of samples between noise and data, decoded."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from sfumato.model.provenance import Making
from sfumato.process.gaussian import spread
from sfumato.process.schedule import Schedule

_FRAMES = 10


class Trajectory(ABC):
    """Collects the states of a batch of samples."""

    @abstractmethod
    def add(self, making: Making) -> None:
        """Add the states after one step."""

    @abstractmethod
    def frames(self) -> Sequence[Any]:
        """The frames of each sample, as ``SampleFolder.add_trajectory`` takes them."""


class SignalTrajectory(Trajectory):
    """The states of samples of numbers, decoded.

    Args:
        decode: Turns states (B, C, *sides) into what is shown.
        schedule: Schedule of the process.
        sigma_data: Standard deviation of the data.
    """

    def __init__(
        self, decode: Callable[[Tensor], NDArray[Any]], schedule: Schedule, sigma_data: float
    ) -> None:
        self._decode = decode
        self._schedule = schedule
        self._sigma_data = sigma_data
        self._angles: list[float] = []
        self._frames: list[NDArray[Any]] = []

    def add(self, making: Making) -> None:
        """See :meth:`Trajectory.add`."""
        state = making.state
        alpha, sigma = self._schedule.coefficients(torch.tensor(state.t, dtype=torch.float64))
        self._angles.append(math.atan2(sigma.item(), alpha.item() * self._sigma_data))
        self._frames.append(self._decode(self._visible(state.x_t, alpha, sigma)))

    def frames(self, count: int = _FRAMES) -> list[NDArray[Any]]:
        """At most ``count`` states of each sample, from noise to data.

        Samplers place most steps where a state looks like pure noise or like clean data. The frames
        are the states nearest to equal steps in the angle between signal and noise instead.

        Returns:
            One array of shape (frames, ...) per sample.
        """
        wanted = np.linspace(self._angles[0], self._angles[-1], count)
        apart = np.abs(np.array(self._angles)[None, :] - wanted[:, None])
        places = np.unique(apart.argmin(axis=1))
        return list(np.stack([self._frames[place] for place in places], axis=1))

    def _visible(self, x_t: Tensor, alpha: Tensor, sigma: Tensor) -> Tensor:
        """A state scaled to the standard deviation of the data."""
        scale = self._sigma_data / torch.hypot(alpha * self._sigma_data, sigma)
        return x_t * spread(scale, x_t)


class TextTrajectory(Trajectory):
    """The states of texts, each with a sign at every masked place."""

    def __init__(self) -> None:
        self._states: list[list[dict[str, Any]]] = []

    def add(self, making: Making) -> None:
        """See :meth:`Trajectory.add`."""
        texts = making.texts or []
        if not self._states:
            self._states = [[] for _ in texts]
        for states, text in zip(self._states, texts, strict=True):
            # States in which this text did not change are skipped.
            if not states or states[-1]["text"] != text:
                states.append({"t": round(making.state.t, 6), "text": text})

    def frames(self) -> list[list[dict[str, Any]]]:
        """See :meth:`Trajectory.frames`: dictionaries ``{"t": ..., "text": ...}``."""
        return self._states
