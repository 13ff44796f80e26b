"""Operators whose observations leave an interval: rounding, clipping and compression."""

from __future__ import annotations

import math
from abc import abstractmethod

import torch
from torch import Tensor

from sfumato.restoration.operator import Operator


class Interval(Operator):
    """Base of operators whose observation states an interval for each measured number.

    The measured numbers are a linear function of the data, ``measured``. Their likelihood is
    uniform within the interval and zero outside of it. Methods that need a normal likelihood use
    the operator with a noise; afterwards ``projected`` moves data into the intervals.
    """

    @abstractmethod
    def observed(self, x0: Tensor) -> Tensor:
        """The observation of clean data as it is really made, shape (B, *out)."""

    @abstractmethod
    def bounds(self, values: Tensor) -> tuple[Tensor, Tensor]:
        """Least and greatest measured numbers that an observation allows, shape (B, *out)."""

    @abstractmethod
    def projected(self, x0: Tensor, values: Tensor) -> Tensor:
        """The data nearest to ``x0`` whose measured numbers lie within the intervals.

        Args:
            x0: Data, shape (B, C, *sides).
            values: The observation, shape (1, *out) or (B, *out).

        Returns:
            Shape (B, C, *sides).
        """

    def measured(self, x0: Tensor) -> Tensor:
        """The numbers of which the observation states intervals, shape (B, *out)."""
        return self.forward(x0)

    def excess(self, x0: Tensor, values: Tensor) -> Tensor:
        """How far the measured numbers lie outside of their intervals, shape (B, *out).

        Returns:
            0 within; positive above and negative below.
        """
        low, high = self.bounds(values)
        numbers = self.measured(x0)
        return numbers - numbers.clamp(low, high)


class Rounded(Interval):
    """Base of operators whose observation is the measured number, rounded to a multiple of a step.

    ``forward`` does not round, so its derivatives are those of the measured numbers. The normal
    likelihood that stands for the interval has the variance of a uniform one, ``step^2 / 12``.
    """

    @abstractmethod
    def step(self, like: Tensor) -> Tensor:
        """The distance of neighbouring values; it broadcasts to observations.

        Args:
            like: An observation, whose data type and device it gets.
        """

    def bounds(self, values: Tensor) -> tuple[Tensor, Tensor]:
        """See :meth:`Interval.bounds`."""
        half = self.step(values) / 2
        return values - half, values + half

    def deviation(self, values: Tensor) -> Tensor:
        """The standard deviation of the normal likelihood that stands for the intervals.

        Returns:
            ``step / sqrt(12)``, which broadcasts to ``values``.
        """
        return torch.as_tensor(self.step(values)) / math.sqrt(12)
