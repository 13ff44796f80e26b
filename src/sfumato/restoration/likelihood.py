"""The likelihood of an observation for the rows of a batch, with the same bits in any batch.

Around a posterior mean ``m`` with covariance ``C`` of the clean data, an observation through a
linear operator is normal, in units of its noise:

    e = (y - A m) / s ~ N(0, S),    S = A C A^T / s^2 + I
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from sfumato.restoration.covariance import Covariance
from sfumato.restoration.observation import Observation
from sfumato.restoration.operator import LinearMap
from sfumato.restoration.problem import Tiling
from sfumato.restoration.solver import conjugate_gradients

# The largest number of observed values whose covariance is factorised as a matrix. Beyond it a
# system is solved by a few inner iterations, which cost two transforms each and no network.
_DENSE = 1024
INNER, _INNER_TOLERANCE = 40, 1e-4
_AT_ONCE = 256
# Relative error of A A^T = c^2 below which the operator counts as a selection of coordinates.
_ALIKE = 0.3
# Ratio of the variance of the signal to that of the noise from which on float32 is not enough.
_FAR_ABOVE = 1e4


@dataclass(frozen=True, eq=False)
class Linearised:
    """An observation at the posterior means of a batch.

    Attributes:
        residual: ``e``, shape (B, *out).
        maps: ``A / s`` for each group of rows.
        tiling: How rows are grouped.
    """

    residual: Tensor
    maps: Sequence[LinearMap]
    tiling: Tiling

    @classmethod
    def at(cls, observation: Observation, mean: Tensor, tiling: Tiling) -> Linearised:
        """Linearise an observation.

        Args:
            observation: The observation.
            mean: The posterior means, shape (B, C, *sides).
            tiling: How rows are grouped.
        """
        parts = tiling.split(mean)
        residual = tiling.apply([observation.residual] * len(parts), mean)
        return cls(residual, [observation.linearised(part) for part in parts], tiling)

    def apply(self, direction: Tensor) -> Tensor:
        """``A v / s``, shape (B, *out)."""
        return self.tiling.apply([each.apply for each in self.maps], direction)

    def transpose(self, observed: Tensor) -> Tensor:
        """``A^T u / s``, shape (B, C, *sides)."""
        return self.tiling.apply([each.transpose for each in self.maps], observed)

    def inverse(
        self, covariance: Covariance, is_linear: bool, iterations: int = INNER
    ) -> Callable[[Tensor], Tensor]:
        """``S^-1`` for a covariance that is the same for all rows.

        Args:
            covariance: ``C``.
            is_linear: Whether the operator is the same for all rows.
            iterations: Largest number of iterations where there are too many values for a matrix.
        """
        if is_linear and self.residual[0].numel() <= _DENSE:
            factor = _factor(self.maps[0], covariance, self.residual[:1])

            def solve(observed: Tensor) -> Tensor:
                right = observed.flatten(1).mT.to(factor)
                return torch.cholesky_solve(right, factor).mT.to(observed).view_as(observed)

            return lambda observed: self.tiling.apply([solve] * len(self.maps), observed)
        # Linearised at each row, an operator is another one for each: nothing is known of all.
        rough = self._rough(covariance) if is_linear else _same
        return self._iterated(covariance, rough, iterations)

    def _iterated(
        self, covariance: Covariance, rough: Callable[[Tensor], Tensor], iterations: int
    ) -> Callable[[Tensor], Tensor]:
        """``S^-1`` by iterations, which begin from a rough inverse."""

        def product(observed: Tensor) -> tuple[Tensor, Tensor]:
            image = self._each(covariance.apply, self.transpose(observed))
            return self.apply(image) + observed, image

        return lambda observed: (
            conjugate_gradients(product, observed, rough, iterations, _INNER_TOLERANCE).vector
        )

    def _rough(self, covariance: Covariance) -> Callable[[Tensor], Tensor]:
        """An approximation of ``S^-1`` that costs nothing or two transforms.

        With ``A A^T = c^2 I``, as of a mask or a block mean with one noise for all values, it is
        ``A (C + 1 / c^2)^-1 A^T / c^4``; with a diagonal ``A A^T``, as with a noise for each value,
        the inverse of the diagonal of ``S`` for independent numbers.
        """
        squares = self._squares()
        if squares is None:
            return _same
        gain = float(squares.double().mean())
        if float((squares - gain).double().square().mean().sqrt()) > _ALIKE * gain:
            diagonal = squares * float(covariance.variances.double().mean()) + 1
            return lambda observed: observed / diagonal
        known = covariance.inverse_with(1 / gain)

        def rough(observed: Tensor) -> Tensor:
            within = self._each(known.apply, self.transpose(observed))
            return self.apply(within) / gain**2

        return rough

    def _each(self, function: Callable[[Tensor], Tensor], rows: Tensor) -> Tensor:
        return self.tiling.apply([function] * len(self.maps), rows)

    def _squares(self) -> Tensor | None:
        """The diagonal of ``A A^T``, shape (1, *out), if it is nearly all of it; else None.

        Found from one random direction of signs, and checked on another.
        """
        generator = torch.Generator().manual_seed(0)
        like, found = self.residual, []
        for _ in range(2):
            signs = torch.randint(2, like.shape[1:], generator=generator, dtype=torch.int8)
            probe = (2.0 * signs - 1).to(like).expand_as(like)
            found.append((self.apply(self.transpose(probe)) * probe)[:1])
        apart = (found[0] - found[1]).double().square().mean()
        size = found[0].double().square().mean()
        return found[0] if apart < _ALIKE**2 * size and bool((found[0] >= 0).all()) else None


def _same(observed: Tensor) -> Tensor:
    return observed


def _factor(linear: LinearMap, covariance: Covariance, like: Tensor) -> Tensor:
    """The Cholesky factor of ``S`` of one row, shape (M, M).

    It is float64 where the signal is far above the noise, else of the data type of the values.
    """
    size = like.numel()
    units = torch.eye(size, dtype=like.dtype, device=like.device).reshape(size, *like.shape[1:])
    backward = torch.cat([linear.transpose(part) for part in torch.split(units, _AT_ONCE)])
    columns = linear.apply(covariance.apply(backward)).flatten(1)
    signal = (columns + columns.mT) / 2
    if float(signal.diagonal().max()) > _FAR_ABOVE:
        signal = signal.double()
    unit = torch.eye(size).to(signal)
    factor, failed = torch.linalg.cholesky_ex(signal + unit)
    if bool(failed):
        # Far above the noise, the small eigenvalues of ``A C A^T`` are lost in rounding.
        signal, unit = signal.double(), unit.double()
        values, directions = torch.linalg.eigh(signal)
        least = values[-1] * torch.finfo(like.dtype).eps
        matrix = (directions * (values.clamp_min(least) + 1)) @ directions.mT
        factor = torch.linalg.cholesky((matrix + matrix.mT) / 2)
    found: Tensor = factor
    return found
