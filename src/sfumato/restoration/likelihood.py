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
# system is solved by inner iterations, which cost two transforms each and no network.
_DENSE = 256
_INNER, _INNER_TOLERANCE = 40, 1e-5


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

    def inverse(self, covariance: Covariance, is_linear: bool) -> Callable[[Tensor], Tensor]:
        """``S^-1`` for a covariance that is the same for all rows.

        Args:
            covariance: ``C``.
            is_linear: Whether the operator is the same for all rows.
        """
        if is_linear and self.residual[0].numel() <= _DENSE:
            factor = _factor(self.maps[0], covariance, self.residual[:1])

            def solve(observed: Tensor) -> Tensor:
                return torch.cholesky_solve(observed.flatten(1).mT, factor).mT.view_as(observed)

            return lambda observed: self.tiling.apply([solve] * len(self.maps), observed)

        def product(observed: Tensor) -> tuple[Tensor, Tensor]:
            backward = self.transpose(observed)
            image = self.tiling.apply([covariance.apply] * len(self.maps), backward)
            return self.apply(image) + observed, image

        return lambda observed: (
            conjugate_gradients(
                product, observed, lambda same: same, _INNER, _INNER_TOLERANCE
            ).vector
        )


def _factor(linear: LinearMap, covariance: Covariance, like: Tensor) -> Tensor:
    """The Cholesky factor of ``S`` of one row, shape (M, M)."""
    size = like.numel()
    units = torch.eye(size, dtype=like.dtype, device=like.device).reshape(size, *like.shape[1:])
    backward = torch.cat([linear.transpose(part) for part in torch.split(units, 64)])
    columns = linear.apply(covariance.apply(backward)).flatten(1)
    matrix = (columns + columns.mT) / 2 + torch.eye(size).to(columns)
    factor: Tensor = torch.linalg.cholesky(matrix)
    return factor
