"""Data larger than a model: overlapping windows that agree on one posterior mean.

Each window of a large state is denoised by itself, and the means are averaged where windows
overlap, with weights that fall to the edges of each window. So the windows agree at every step, and
any sampler or method of restoration works on the whole. Source: Bar-Tal et al. 2023
(MultiDiffusion, arXiv:2302.08113), eq. 5, with smooth weights.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cached_property, reduce
from itertools import product
from typing import Any

import torch
from torch import Tensor

from sfumato.conditions import Conditions
from sfumato.denoiser import Denoiser, Posterior
from sfumato.errors import SettingError

# The smallest weight of a number at the edge of a window, relative to its middle.
_EDGE = 0.05
_MOST_WINDOWS = 4096


class Windowed(Denoiser):
    """A denoiser of a canvas, made from one of a window.

    Args:
        denoiser: A denoiser of data of shape (C, *window).
        window: The sides of a window.
        canvas: The sides of the canvas, each at least as long as that of the window.
        overlap: The least share of a window that it has in common with the next one, in [0, 1).

    Raises:
        SettingError: The canvas is smaller than a window, or it has too many windows.
    """

    def __init__(
        self,
        denoiser: Denoiser,
        window: Sequence[int],
        canvas: Sequence[int],
        overlap: float = 0.5,
    ) -> None:
        super().__init__(denoiser.process)
        self.denoiser = denoiser
        self.window, self.canvas = tuple(window), tuple(canvas)
        self.corners = window_corners(window, canvas, overlap)

    def forward(self, x_t: Tensor, t: Tensor, **cond: Any) -> Posterior:
        """The averaged posterior mean of all windows; see :meth:`Denoiser.forward`.

        The windows of a sample are consecutive rows of the inner denoiser's batch.
        """
        count = len(self.corners)
        places = [self._place(corner) for corner in self.corners]
        windows = torch.stack([x_t[place] for place in places], 1).flatten(0, 1)
        times = t if t.ndim == 0 else t.repeat_interleave(count)
        repeated = Conditions(cond).map(lambda rows: rows.repeat_interleave(count, 0))
        means = self.denoiser(windows, times, **repeated).mean.unflatten(0, (-1, count))
        weights = self._weights.to(x_t)
        mean, total = torch.zeros_like(x_t), torch.zeros_like(x_t[:1])
        for number, place in enumerate(places):
            mean[place] += weights * means[:, number]
            total[place] += weights
        return Posterior(mean / total)

    def _place(self, corner: tuple[int, ...]) -> tuple[slice, ...]:
        """The index of a window in a batch of canvases."""
        sides = zip(corner, self.window, strict=True)
        return (slice(None), slice(None), *(slice(low, low + side) for low, side in sides))

    @cached_property
    def _weights(self) -> Tensor:
        """The weight of each number of a window, float64, shape ``window``."""
        slopes = []
        for side, whole in zip(self.window, self.canvas, strict=True):
            place = (torch.arange(side, dtype=torch.float64) + 0.5) / side
            slope = (torch.sin(math.pi * place)).square() * (1 - _EDGE) + _EDGE
            slopes.append(torch.ones_like(slope) if side == whole else slope)
        return reduce(lambda a, b: a[..., None] * b, slopes)


def window_corners(
    window: Sequence[int], canvas: Sequence[int], overlap: float = 0.5
) -> tuple[tuple[int, ...], ...]:
    """The first corners of windows that cover a canvas evenly.

    Args:
        window: The sides of a window.
        canvas: The sides of the canvas.
        overlap: The least share of a window that it has in common with the next one, in [0, 1).

    Raises:
        SettingError: The canvas is smaller than a window, or it has too many windows.
    """
    if len(window) != len(canvas) or any(a > b for a, b in zip(window, canvas, strict=False)):
        raise SettingError(
            f"Data of {' x '.join(map(str, canvas))} are smaller than what the model makes.",
            why=f"the model makes {' x '.join(map(str, window))}",
        )
    axes = []
    for side, whole in zip(window, canvas, strict=True):
        stride = max(1, int(side * (1 - overlap)))
        count = 1 + -(-(whole - side) // stride)
        axes.append([round(k * (whole - side) / max(1, count - 1)) for k in range(count)])
    if math.prod(map(len, axes)) > _MOST_WINDOWS:
        raise SettingError(
            f"Data of {' x '.join(map(str, canvas))} take too many windows of the model.",
            why=f"the model makes {' x '.join(map(str, window))}, and at most {_MOST_WINDOWS:,} "
            "windows are used",
            hint="use a smaller file, or read it at the size of the model.",
        )
    return tuple(product(*axes))
