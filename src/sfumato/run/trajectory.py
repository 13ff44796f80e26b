"""A picture emerging from noise: some states of one sample, ready to look at."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from sfumato.media.image import ImageMedium
from sfumato.process.gaussian import spread
from sfumato.process.schedule import Schedule
from sfumato.sampling import State


def visible(state: State, schedule: Schedule, sigma_data: float) -> Tensor:
    """A state scaled to the deviation of the data, so that noise looks like noise on a screen."""
    alpha, sigma = schedule.coefficients(torch.tensor(state.t, dtype=torch.float64))
    scale = sigma_data / torch.hypot(alpha * sigma_data, sigma)
    return state.x_t * spread(scale, state.x_t)


def evenly(frames: Sequence[NDArray[np.uint8]], count: int) -> list[NDArray[np.uint8]]:
    """At most ``count`` frames, evenly spaced, the first and the last among them."""
    places = np.unique(np.linspace(0, len(frames) - 1, count).round().astype(int))
    return [frames[place] for place in places]


def frame(
    state: State, row: int, medium: ImageMedium, schedule: Schedule, sigma_data: float
) -> NDArray[np.uint8]:
    """One sample of a state as a picture, uint8 (H, W, C)."""
    shown = visible(state, schedule, sigma_data)[row : row + 1]
    picture: NDArray[np.uint8] = medium.decode(shown)[0]
    return picture
