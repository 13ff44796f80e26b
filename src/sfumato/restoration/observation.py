"""Observations: what is known of data, through an operator and with noise."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from sfumato.errors import SettingError
from sfumato.restoration.operator import LinearMap, Operator


@dataclass(frozen=True, eq=False)
class Observation:
    """An observation ``y = A(x0) + s e`` with independent standard normal ``e``.

    All methods measure in units of the noise, so that a residual should be about 1.

    Attributes:
        operator: ``A``.
        values: ``y``, shape (1, *out): one observation that all samples of a batch explain.
        noise: ``s``, the standard deviation of the noise, above 0; it broadcasts to ``values``.

    Raises:
        SettingError: The noise is not positive and finite, or the values are not finite.
    """

    operator: Operator
    values: Tensor
    noise: Tensor

    def __post_init__(self) -> None:
        if not bool((torch.isfinite(self.noise) & (self.noise > 0)).all()):
            raise SettingError(
                "The noise of an observation should be a positive number.",
                hint="use a small number, such as 0.01, for an observation without noise.",
            )
        if not bool(torch.isfinite(self.values).all()):
            raise SettingError("The observation has values that are not finite.")

    def require(self, shape: tuple[int, ...]) -> None:
        """Check that the operator maps data of a shape (C, *sides) to these values.

        Raises:
            SettingError: It does not.
        """
        self.operator.require(shape)
        zero = torch.zeros(1, *shape, dtype=self.values.dtype, device=self.values.device)
        with torch.no_grad():
            seen = tuple(self.operator.forward(zero).shape[1:])
        if seen != tuple(self.values.shape[1:]):
            raise SettingError(
                f"The observation has shape {tuple(self.values.shape[1:])}.",
                why=f"the operator maps data of shape {shape} to shape {seen}",
            )

    def to(self, device: torch.device | str) -> Observation:
        """The observation on a device."""
        return replace(self, values=self.values.to(device), noise=self.noise.to(device))

    def residual(self, x0: Tensor) -> Tensor:
        """``(y - A(x0)) / s``, shape (B, *out)."""
        seen = self.operator.forward(x0)
        return (self.values.to(seen) - seen) / self.noise.to(seen)

    def linearised(self, at: Tensor) -> LinearMap:
        """The Jacobian of ``A(x0) / s`` at some data, and its transpose."""
        own = self.operator.linearised(at)
        return LinearMap(
            lambda direction: own.apply(direction) / self.noise.to(direction),
            lambda observed: own.transpose(observed / self.noise.to(observed)),
        )

    def misfit(self, x0: Tensor) -> Tensor:
        """The mean square of the residual of each sample, float64, shape (B,)."""
        return self.residual(x0).double().square().flatten(1).mean(1)
