"""Conjugate gradients for the covariance of an observation, several systems at a time.

    (A C A^T + I) u = e

All rows are solved independently of each other, with sums in a fixed order, so that a row has the
same bits in any batch.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

# Least curvature along a direction; the noise alone has 1, and rounding may take a little of it.
_CURVED = 0.9
# The least weight of an eigenvalue that is part of a row's own matrix, and the least eigenvalue, as
# the Jacobian of a network is not exactly symmetric.
_LEAST = 1e-9


@dataclass(frozen=True)
class Solution:
    """The solution of each row.

    Attributes:
        vector: ``u``, shape (B, *out).
        image: ``C A^T u``, in data space, shape (B, C, *sides).
        energy: ``e^T S^-1 e``, float64, shape (B,).
        log_determinant: An estimate of ``log det S`` relative to the preconditioner, float64,
            shape (B,).
        searched: Whether any step was made, bool, shape (B,).
    """

    vector: Tensor
    image: Tensor
    energy: Tensor
    log_determinant: Tensor
    searched: Tensor


def conjugate_gradients(
    product: Callable[[Tensor], tuple[Tensor, Tensor]],
    right: Tensor,
    precondition: Callable[[Tensor], Tensor],
    iterations: int,
    tolerance: float,
    most: Callable[[Tensor], Tensor] | None = None,
) -> Solution:
    """Solve ``S u = e`` for each row by preconditioned conjugate gradients.

    The coefficients of the iteration are those of the Lanczos process: in the space that was
    searched ``S``, relative to the preconditioner, is a tridiagonal matrix. The energy is that of
    the matrix which equals it there and the preconditioner elsewhere; the determinant is estimated
    by :func:`log_determinant`.

    Source: Hestenes & Stiefel 1952; Golub & Van Loan 2013, "Matrix Computations", sections 10.1 to
    11.5; the direction is that of Polak and Ribiere, which forgives an inexact preconditioner.

    Args:
        product: Maps ``p`` to ``(S p, C A^T p)``.
        right: ``e``, shape (B, *out).
        precondition: Approximates ``S^-1``, symmetric and positive definite.
        iterations: Largest number of products.
        tolerance: A row is finished when what is left of the energy falls below this share.
        most: The largest ``p^T S p`` that is believed, for directions ``p``, float64, shape (B,).
    """
    residual, direction = right, precondition(right)
    rho = row_dot(residual, direction)
    limit = rho * tolerance
    active = rho > 0
    vector = torch.zeros_like(right)
    image: Tensor | None = None
    energy = torch.zeros_like(rho)
    steps: list[Tensor] = []
    ratios: list[Tensor] = []
    searched = torch.zeros_like(active)
    for _ in range(iterations):
        if not bool(active.any()):
            break
        forward, backward = product(direction)
        curvature = row_dot(direction, forward)
        # No covariance is negative, but the Jacobian of a network may be: such a row is finished.
        active = active & (curvature > _CURVED * row_dot(direction, direction))
        if most is not None:
            active = active & (curvature <= most(direction))
        searched = searched | active
        step = torch.where(active, rho / torch.where(active, curvature, 1.0), 0.0)
        moved = of_rows(step, backward) * backward
        image = moved if image is None else image + moved
        vector = vector + of_rows(step, direction) * direction
        energy = energy + step * rho
        steps.append(torch.where(active, step, 1.0))
        former = residual
        residual = residual - of_rows(step, forward) * forward
        search = precondition(residual)
        left = row_dot(residual, search)
        turned = row_dot(search, residual - former) / torch.where(active, rho, 1.0)
        rho, active = left, active & (left > limit)
        ratios.append(torch.where(active, turned.clamp_min(0), 0.0))
        direction = search + of_rows(ratios[-1], direction) * direction
    if image is None:
        _, backward = product(direction)
        image = torch.zeros_like(backward)
    determinant = log_determinant(steps, ratios, right[0].numel()) if steps else energy
    return Solution(vector, image, energy, determinant, searched)


def log_determinant(steps: Sequence[Tensor], ratios: Sequence[Tensor], size: int) -> Tensor:
    """The logarithm of a determinant, from the coefficients of conjugate gradients.

    The tridiagonal matrix of the iteration has each eigenvalue once, however often the system has
    it, and the iteration ends early just where eigenvalues are repeated. The squared first
    components of its eigenvectors, the weights of Gauss quadrature, tell how often: ``size`` times
    the weight on average, as the right side is random. What is not accounted for by one of each is
    divided by how far the weights exceed that. With as many iterations as rows it is exact.

    Source: Golub & Meurant 2010, "Matrices, Moments and Quadrature", chapter 6.

    Args:
        steps: Step lengths, each float64, shape (B,); 1 where a row was finished before.
        ratios: What the last direction adds to the next after each step; 0 where a row is finished.
        size: Number of rows of the system.

    Returns:
        float64, shape (B,).
    """
    count = len(steps)
    matrix = steps[0].new_zeros(len(steps[0]), count, count)
    for k, step in enumerate(steps):
        matrix[:, k, k] = 1 / step
        if k > 0:
            matrix[:, k, k] += ratios[k - 1] / steps[k - 1]
            matrix[:, k, k - 1] = matrix[:, k - 1, k] = ratios[k - 1].sqrt() / steps[k - 1]
    values, vectors = torch.linalg.eigh(matrix)
    weights = vectors[:, 0].square()
    seen = weights > _LEAST
    excess = (size * weights - 1).clamp_min(0)
    others = (size - seen.sum(1)) / excess.sum(1).clamp_min(_LEAST)
    times = seen + others[:, None] * excess
    estimate: Tensor = (times * values.clamp_min(_LEAST).log()).sum(1)
    return estimate


def row_dot(a: Tensor, b: Tensor) -> Tensor:
    """The inner product of each row, float64, shape (B,), added up in the same order in any batch.

    Libraries choose the order of a sum by the shape of the whole batch; here halves are added to
    each other, element by element.
    """
    total = a.flatten(1).double() * b.flatten(1).double()
    while total.shape[1] > 1:
        half = (total.shape[1] + 1) // 2
        first, second = total[:, :half].clone(), total[:, half:]
        first[:, : second.shape[1]] += second
        total = first
    return total.sum(1)


def of_rows(factors: Tensor, like: Tensor) -> Tensor:
    """One factor for each row, shape (B,), with the rank and the data type of a batch."""
    return factors.to(like.dtype).reshape(-1, *(1,) * (like.ndim - 1))
