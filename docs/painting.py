"""Pictures of flows: pigment laid on paper, with NumPy and Pillow alone.

Every point of a path leaves a little pigment. Pigments absorb light, so where paths meet the paper
darkens the way a wash does: ``light = paper * exp(-absorbance)``.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from sfumato.process.schedule import Schedule
from sfumato.sampling import State

Array = NDArray[np.float64]

PAPER = np.array([0.965, 0.945, 0.905])
# Absorbance of red, green and blue light.
SLATE = np.array([1.05, 0.66, 0.36])
SIENNA = np.array([0.22, 0.86, 1.40])
VERDIGRIS = np.array([1.25, 0.50, 0.56])

_PATHS = 1200
"""How many paths are drawn; every point is."""


class Canvas:
    """Absorbance of red, green and blue, shape (height, width, 3), and a way to add to it."""

    def __init__(self, width: int, height: int) -> None:
        self.ink = np.zeros((height, width, 3))

    def lay(self, x: Array, y: Array, pigment: Array, amount: Array | float) -> None:
        """Leave pigment at points, each shared among the four nearest pixels.

        Args:
            x, y: Places in pixels, shape (N,).
            pigment: Shape (N, 3) or (3,).
            amount: Shape (N,) or a number.
        """
        height, width, _ = self.ink.shape
        column, row = np.floor(x).astype(int), np.floor(y).astype(int)
        for right in (0, 1):
            for down in (0, 1):
                near = np.abs(1 - right - (x - column)) * np.abs(1 - down - (y - row)) * amount
                c, r = column + right, row + down
                inside = (c >= 0) & (c < width) & (r >= 0) & (r < height)
                place = (r * width + c)[inside]
                share = near[inside, None] * np.broadcast_to(pigment, (len(x), 3))[inside]
                for light in range(3):
                    added = np.bincount(place, share[:, light], height * width)
                    self.ink[..., light] += added.reshape(height, width)

    def smoke(self, radius: float, strength: float) -> None:
        """Add a blurred copy of everything laid so far: soft edges, as in sfumato."""
        rows = np.fft.fftfreq(self.ink.shape[0])[:, None, None]
        columns = np.fft.fftfreq(self.ink.shape[1])[None, :, None]
        blur = np.exp(-2 * (np.pi * radius) ** 2 * (rows**2 + columns**2))
        soft = np.fft.ifft2(np.fft.fft2(self.ink, axes=(0, 1)) * blur, axes=(0, 1)).real
        self.ink += strength * soft.clip(0)

    def save(self, path: Path, colours: int = 160) -> None:
        """Write the picture as a PNG with a palette."""
        light = PAPER * np.exp(-self.ink)
        picture = Image.fromarray(np.rint(255 * light.clip(0, 1)).astype(np.uint8))
        path.parent.mkdir(exist_ok=True)
        few = picture.quantize(
            colours, Image.Quantize.MEDIANCUT, kmeans=1, dither=Image.Dither.NONE
        )
        few.save(path, optimize=True)


def paint_flow(states: Sequence[State], schedule: Schedule, label: Tensor, path: Path) -> None:
    """Paths from noise (left) to data (right), seen from the side.

    States are shown at unit variance. Time runs along the picture, and the plane of the data
    stands across it at a slant.
    """
    times = torch.tensor([state.t for state in states], dtype=torch.float64)
    alpha, sigma = (c.numpy() for c in schedule.coefficients(times))
    points = torch.stack([state.x_t for state in states]).double().numpy()
    points /= np.hypot(0.5 * alpha, sigma)[:, None, None]
    late, points = _smooth(1 - times.numpy(), points, 900)

    canvas = Canvas(1280, 580)
    unit, left, span = 98.0, 190.0, 880.0
    x = left + span * late[:, None] + 0.62 * unit * points[..., 0]
    y = 290.0 - unit * points[..., 1]
    end = np.where((label.numpy() == 0)[:, None], SIENNA, VERDIGRIS)
    pigment = SLATE + (end - SLATE) * (late**1.2)[:, None, None]
    amount = 0.075 * (0.35 + late**1.5) * (1 - 0.75 * late**10)
    _lay_paths(canvas, x[:, :_PATHS], y[:, :_PATHS], pigment[:, :_PATHS], amount)
    canvas.smoke(radius=9.0, strength=0.5)
    canvas.lay(x[0], y[0], SLATE, 0.2)
    canvas.lay(x[-1], y[-1], end, 0.55)
    canvas.smoke(radius=1.2, strength=1.0)
    canvas.save(path)


def paint_panels(panels: Sequence[Tensor], path: Path) -> None:
    """Clouds of points side by side, each (N, 2)."""
    side = 380
    canvas = Canvas(side * len(panels), side)
    for place, points in enumerate(panels):
        x, y = points.double().numpy().T
        canvas.lay(side * (place + 0.5) + 145 * x, side / 2 - 145 * y, SIENNA, 0.45)
    canvas.smoke(radius=1.1, strength=1.5)
    canvas.smoke(radius=10.0, strength=0.4)
    canvas.save(path)


def _lay_paths(canvas: Canvas, x: Array, y: Array, pigment: Array, amount: Array) -> None:
    """Lay paths, columns of (T, N) places, with an amount for each of the T times."""
    shared = np.broadcast_to(amount[:, None], x.shape)
    canvas.lay(x.ravel(), y.ravel(), pigment.reshape(-1, 3), shared.ravel())


def _smooth(at: Array, values: Array, count: int) -> tuple[Array, Array]:
    """Cubic Hermite curves through values of shape (K, ...), read at ``count`` even places."""
    slopes = np.gradient(values, at, axis=0)
    fine = np.linspace(at[0], at[-1], count)
    k = np.clip(np.searchsorted(at, fine, side="right") - 1, 0, len(at) - 2)
    step = (at[k + 1] - at[k])[:, None, None]
    u = (fine - at[k])[:, None, None] / step
    a, b, da, db = values[k], values[k + 1], step * slopes[k], step * slopes[k + 1]
    bend = (1 - u) ** 2 * (1 + 2 * u) * a + u**2 * (3 - 2 * u) * b
    return fine, bend + u * (1 - u) ** 2 * da - u**2 * (1 - u) * db
