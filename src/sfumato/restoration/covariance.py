"""The covariance of data, diagonal in an orthonormal basis.

For pictures and sounds the basis is the cosine transform of each side and the principal axes of the
channels. It tells how numbers depend on each other without any network, at the cost of two
transforms.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

# Least variance relative to the largest: directions in which the examples do not vary at all.
_LEAST = 1e-6


@dataclass(frozen=True, eq=False)
class Covariance:
    """``C = B^T diag(v) B`` with an orthonormal basis ``B``, one matrix for each axis.

    Attributes:
        variances: ``v``, positive, shape (C, *sides).
        bases: One matrix (n, n) for each axis of length n, whose rows are the directions; empty
            where these are the axes themselves.
    """

    variances: Tensor
    bases: tuple[Tensor, ...]

    @classmethod
    def isotropic(cls, shape: Sequence[int], std: float) -> Covariance:
        """Independent numbers of one standard deviation, for data of which nothing is known."""
        return cls(torch.full(tuple(shape), std**2), ())

    @classmethod
    def dense(cls, matrix: Tensor) -> Covariance:
        """Any covariance of vectors, shape (D, D)."""
        variances, directions = torch.linalg.eigh(matrix)
        least = variances[-1] * _LEAST
        return cls(variances.clamp_min(least), (directions.mT.contiguous(),))

    @classmethod
    def measured(cls, x0: Tensor) -> Covariance:
        """The covariance of examples.

        Args:
            x0: Examples, shape (N, C, *sides).
        """
        # One of a single example is that of the example around zero.
        centred = x0 - x0.mean(0) if len(x0) > 1 else x0
        pixels = centred.movedim(1, -1).reshape(-1, x0.shape[1])
        _, directions = torch.linalg.eigh((pixels.mT @ pixels).double())
        bases = (directions.mT.contiguous(), *(cosine_basis(side) for side in x0.shape[2:]))
        bases = tuple(basis.to(x0) for basis in bases)
        variances = _transformed(centred, bases).square().mean(0)
        return cls(variances.clamp_min(max(float(variances.max()) * _LEAST, 1e-12)), bases)

    def to(self, like: Tensor) -> Covariance:
        """The covariance with the data type and on the device of a tensor."""
        return Covariance(self.variances.to(like), tuple(basis.to(like) for basis in self.bases))

    def resized(self, sides: Sequence[int]) -> Covariance:
        """The covariance of larger data of the same kind, in their cosine transform.

        A coefficient of the transform of stationary data has the variance of its frequency,
        whatever the size.

        Args:
            sides: The sides of the larger data.
        """
        if tuple(sides) == tuple(self.variances.shape[1:]):
            return self
        variances = self.variances.log()
        for axis, side in enumerate(sides, start=1):
            moved = variances.movedim(axis, -1)
            flat = moved.reshape(1, -1, moved.shape[-1])
            longer = F.interpolate(flat, size=side, mode="linear")
            variances = longer.reshape(*moved.shape[:-1], side).movedim(-1, axis)
        variances = variances.exp().contiguous()
        if not self.bases:
            return Covariance(variances, ())
        bases = [self.bases[0], *(cosine_basis(side).to(self.bases[0]) for side in sides)]
        return Covariance(variances, tuple(bases))

    def given(self, snr: float) -> Covariance:
        """The covariance of normal data given a state: ``(C^-1 + snr)^-1``.

        Args:
            snr: ``alpha^2 / sigma^2`` of the state.
        """
        return Covariance(self.variances / (1 + self.variances * snr), self.bases)

    def inverse_with(self, variance: float) -> Covariance:
        """``(C + variance I)^-1``."""
        return Covariance(1 / (self.variances + variance), self.bases)

    def apply(self, vectors: Tensor) -> Tensor:
        """``C v`` for vectors of shape (B, C, *sides)."""
        coordinates = _transformed(vectors, self.bases) * self.variances
        return _transformed(coordinates, [basis.mT for basis in self.bases])


def cosine_basis(size: int) -> Tensor:
    """The orthonormal cosine transform (DCT-II) as a matrix, float64, shape (size, size)."""
    place = torch.arange(size, dtype=torch.float64)
    basis = torch.cos(math.pi / size * (place + 0.5) * place[:, None]) * math.sqrt(2 / size)
    basis[0] /= math.sqrt(2)
    return basis


def _transformed(vectors: Tensor, bases: Sequence[Tensor]) -> Tensor:
    """The product with one matrix along each axis but the first."""
    for axis, basis in enumerate(bases, start=1):
        vectors = torch.matmul(vectors.movedim(axis, -1), basis.mT).movedim(-1, axis)
    return vectors.contiguous()
