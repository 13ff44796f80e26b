"""Blur: each value becomes a weighted mean of its neighbours."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, ClassVar, Literal, Self

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field, model_validator
from torch import Tensor

from sfumato.errors import SettingError
from sfumato.restoration.operator import Operator
from sfumato.restoration.sides import require_sides

Border = Literal["reflect", "wrap", "valid"]

MOST_TAPS = 4096
"""The largest number of values of a kernel that is stored in a spec."""

_MOST_VALUES = 2**22


class Convolution(Operator):
    """Base of all blurs: a convolution of each channel with one kernel, whose sum is 1.

    The centre of a kernel of length L is its place ``L // 2``, so a single bright pixel becomes a
    picture of the kernel. Beyond the border the data are continued as ``border`` states:
    ``reflect`` as in a mirror at the outer edge of the border pixel (d c b a | a b c d), ``wrap``
    from the opposite side; ``valid`` leaves out the results that need more than the data.
    The product is made in the frequency domain, so that the cost does not depend on the kernel.
    """

    border: Border = Field(default="reflect", description="how the data go on beyond their border")

    @abstractmethod
    def taps(self, sides: int) -> Tensor:
        """The kernel for data with a number of sides, float64, with as many axes.

        Raises:
            SettingError: There is none for so many sides.
        """

    def size(self, sides: int) -> tuple[int, ...]:
        """The shape of the kernel for data with a number of sides.

        Raises:
            SettingError: There is none for so many sides.
        """
        return tuple(self.taps(sides).shape)

    def require(self, shape: Sequence[int]) -> None:
        """See :meth:`Operator.require`; the kernel must not be larger than the data."""
        sides = require_sides("A blur", shape)
        size = _size(self, len(sides))
        # Reflected data reach as far as one side beyond the border.
        reach = tuple(n // 2 if self.border == "reflect" else n for n in size)
        if any(n > side for n, side in zip(reach, sides, strict=True)):
            raise SettingError(
                f"A kernel of size {size} is too large for data with sides {sides}.",
                why=f"the border rule is '{self.border}'",
            )
        if math.prod(size) > _MOST_VALUES:
            raise SettingError(
                f"A kernel of size {size} is too large.",
                why=f"it has more than {_MOST_VALUES:,} values",
            )

    def forward(self, x0: Tensor) -> Tensor:
        """See :meth:`Operator.forward`; with the border rule ``valid`` the sides are smaller."""
        self.require(x0.shape[1:])
        axes = tuple(range(2, x0.ndim))
        sizes = _size(self, len(axes))
        if self.border != "valid":
            for axis, size in zip(axes, sizes, strict=True):
                x0 = _continued(x0, axis, size - 1 - size // 2, size // 2, self.border)
        lengths = tuple(_fast(side) for side in x0.shape[2:])
        spectrum = _spectrum(self, lengths, x0.dtype, x0.device)
        product = torch.fft.rfftn(x0, s=lengths, dim=axes) * spectrum
        y: Tensor = torch.fft.irfftn(product, s=lengths, dim=axes)
        # Before these places the kernel reaches over the end of the transform.
        for axis, size in zip(axes, sizes, strict=True):
            y = y.narrow(axis, size - 1, x0.shape[axis] - size + 1)
        return y


class Blur(Convolution):
    """A Gaussian blur, which ends at four standard deviations."""

    summary: ClassVar[str] = "a Gaussian blur"

    kind: Literal["blur"] = "blur"
    sigma: float | tuple[float, ...] = Field(
        description="standard deviation in pixels or samples, for all sides or for each one"
    )

    @model_validator(mode="after")
    def _is_positive(self) -> Self:
        if not all(0 < sigma <= 1e4 for sigma in self._sigmas(2)):
            raise ValueError("sigma is a positive number of at most 10,000 pixels")
        return self

    def _sigmas(self, sides: int) -> tuple[float, ...]:
        return self.sigma if isinstance(self.sigma, tuple) else (self.sigma,) * sides

    def size(self, sides: int) -> tuple[int, ...]:
        """See :meth:`Convolution.size`."""
        sigmas = self._sigmas(sides)
        if len(sigmas) != sides:
            raise SettingError(
                f"A blur with {len(sigmas)} standard deviations does not fit data with {sides} "
                f"side{'s' * (sides > 1)}.",
                hint="give one number for all sides, or one for each.",
            )
        return tuple(2 * math.ceil(4 * sigma) + 1 for sigma in sigmas)

    def taps(self, sides: int) -> Tensor:
        """See :meth:`Convolution.taps`."""
        kernel = torch.ones((), dtype=torch.float64)
        for length, sigma in zip(self.size(sides), self._sigmas(sides), strict=True):
            places = torch.arange(length, dtype=torch.float64) - length // 2
            weights = torch.exp(-0.5 * (places / sigma).square())
            kernel = kernel[..., None] * (weights / weights.sum())
        return kernel


class Motion(Convolution):
    """A blur by motion at a constant speed along a line, centred on the pixel.

    The weight of a pixel is the part of the line that lies in it (Siddon 1985, "Fast calculation of
    the exact radiological path for a three-dimensional CT array").
    """

    summary: ClassVar[str] = "a blur by motion along a line"

    kind: Literal["motion"] = "motion"
    length: float = Field(gt=0, le=1024, description="the length of the line in pixels")
    angle: float = Field(
        default=0.0, ge=-360, le=360, description="degrees anticlockwise from the horizontal"
    )

    def taps(self, sides: int) -> Tensor:
        """See :meth:`Convolution.taps`."""
        if sides != 2:
            raise SettingError("A blur by motion needs data with two sides.")
        radians = math.radians(self.angle)
        # Rounded, so that the sine of 180 degrees is 0.
        way = self.length * np.array([-round(math.sin(radians), 12), round(math.cos(radians), 12)])
        # Less than a billionth of a pixel is rounding.
        reach = np.ceil(np.abs(way) / 2 - 0.5 - 1e-9).astype(int).clip(0)
        kernel = np.zeros(2 * reach + 1)
        cuts = [np.array([0.0, 1.0])]
        for step, most in zip(way, reach, strict=True):
            if step:
                cuts.append((np.arange(-most, most + 1) - 0.5) / step + 0.5)
                cuts.append((np.arange(-most, most + 1) + 0.5) / step + 0.5)
        times = np.unique(np.concatenate(cuts).clip(0, 1))
        middles = (times[:-1] + times[1:]) / 2 - 0.5
        places = (np.rint(middles[:, None] * way).astype(int) + reach).clip(0, 2 * reach)
        np.add.at(kernel, (places[:, 0], places[:, 1]), np.diff(times))
        return torch.from_numpy(kernel)


class Kernel(Convolution):
    """A blur with any kernel of at most 4,096 values, such as a measured point spread."""

    summary: ClassVar[str] = "a blur with a kernel of your own"

    kind: Literal["kernel"] = "kernel"
    values: tuple[float, ...] | tuple[tuple[float, ...], ...] = Field(
        description="the kernel, whose sum is 1: numbers for one side, rows of them for two"
    )

    @model_validator(mode="after")
    def _is_normalised(self) -> Self:
        rows = [row if isinstance(row, tuple) else (row,) for row in self.values]
        count = sum(map(len, rows))
        if len({len(row) for row in rows}) != 1 or not 1 <= count <= MOST_TAPS:
            raise ValueError(f"a kernel has rows of one length and at most {MOST_TAPS:,} values")
        if not abs(sum(map(sum, rows)) - 1) < 1e-5:
            raise ValueError("the values of a kernel sum to 1; Kernel.of divides by their sum")
        return self

    @classmethod
    def of(cls, values: Tensor | NDArray[Any], border: Border = "reflect") -> Kernel:
        """The kernel of an array, divided by its sum.

        Args:
            values: Shape (L,) for data with one side, (L, M) for data with two.
            border: See the class.

        Raises:
            SettingError: It has another number of axes or too many values, they are not finite, or
                their sum is not positive.
        """
        given = values.detach().cpu() if isinstance(values, Tensor) else values
        array = np.asarray(given, np.float64)
        if array.ndim not in (1, 2) or not 1 <= array.size <= MOST_TAPS:
            raise SettingError(
                f"An array of shape {array.shape} cannot be a kernel.",
                why=f"a kernel has one or two axes and at most {MOST_TAPS:,} values",
                hint="crop it to its centre.",
            )
        total = array.sum()
        if not (np.isfinite(array).all() and total > 1e-9 * np.abs(array).sum()):
            raise SettingError(
                "An array cannot be a kernel.",
                why="its values are not finite, or their sum is not positive",
            )
        rows = (array / total).tolist()
        listed = tuple(tuple(row) for row in rows) if array.ndim == 2 else tuple(rows)
        return cls(values=listed, border=border)

    def taps(self, sides: int) -> Tensor:
        """See :meth:`Convolution.taps`."""
        kernel = torch.tensor(self.values, dtype=torch.float64)
        if kernel.ndim != sides:
            raise SettingError(
                f"A kernel with {kernel.ndim} axes does not fit data with {sides} "
                f"side{'s' * (sides > 1)}."
            )
        return kernel


def _continued(x: Tensor, axis: int, before: int, after: int, border: Border) -> Tensor:
    """Continue data beyond both ends of an axis."""
    size = x.shape[axis]
    if border == "wrap":
        first, last = x.narrow(axis, size - before, before), x.narrow(axis, 0, after)
    else:
        first = x.narrow(axis, 0, before).flip(axis)
        last = x.narrow(axis, size - after, after).flip(axis)
    return torch.cat([first, x, last], axis)


def _fast(length: int) -> int:
    """The next length whose transform is fast: 1, 3 or 5 times a power of 2."""
    powers = ((length - 1) // factor for factor in (1, 3, 5))
    return min(
        factor << power.bit_length() for factor, power in zip((1, 3, 5), powers, strict=True)
    )


@lru_cache(maxsize=64)
def _size(operator: Convolution, sides: int) -> tuple[int, ...]:
    return operator.size(sides)


@lru_cache(maxsize=16)
def _spectrum(
    operator: Convolution, lengths: tuple[int, ...], dtype: torch.dtype, device: torch.device
) -> Tensor:
    """The transform of the kernel at the lengths of the transform of the data."""
    spectrum: Tensor = torch.fft.rfftn(operator.taps(len(lengths)), s=lengths)
    return spectrum.to(device, dtype.to_complex())
