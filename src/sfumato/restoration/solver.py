"""Conjugate gradients for the covariance of an observation, several systems at a time.

    (A C A^T + I) u = e

All rows are solved independently of each other, with sums in a fixed order, so that a row has the
same bits in any batch.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

# Least curvature along a direction; the noise alone has 1, and rounding may take a little of it.
_CURVED = 0.9


@dataclass(frozen=True)
class Solution:
    """The solution of each row.

    Attributes:
        vector: ``u``, shape (B, *out).
        image: ``C A^T u``, in data space, shape (B, C, *sides).
        energy: ``e^T S^-1 e``, float64, shape (B,).
        log_determinant: ``log det S`` relative to the preconditioner, as far as the iterations have
            seen ``S``, float64, shape (B,).
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
) -> Solution:
    """Solve ``S u = e`` for each row by preconditioned conjugate gradients.

    The coefficients of the iteration are those of the Lanczos process: ``S`` is, in the space that
    was searched, a tridiagonal matrix whose pivots are the inverse step lengths. The energy and the
    determinant of the result are those of the matrix that equals this one there and the
    preconditioner elsewhere, so that ``exp(-energy / 2) / sqrt(det)`` is a proper normal density
    however few iterations are made.

    Source: Hestenes & Stiefel 1952; Golub & Van Loan 2013, "Matrix Computations", sections 10.1 to
    11.5; the direction is that of Polak and Ribiere, which forgives an inexact preconditioner.

    Args:
        product: Maps ``p`` to ``(S p, C A^T p)``.
        right: ``e``, shape (B, *out).
        precondition: Approximates ``S^-1``, symmetric and positive definite.
        iterations: Largest number of products.
        tolerance: A row is finished when what is left of the energy falls below this share.
    """
    residual, direction = right, precondition(right)
    rho = row_dot(residual, direction)
    limit = rho * tolerance
    active = rho > 0
    vector = torch.zeros_like(right)
    image: Tensor | None = None
    energy = torch.zeros_like(rho)
    log_determinant = torch.zeros_like(rho)
    searched = torch.zeros_like(active)
    for _ in range(iterations):
        if not bool(active.any()):
            break
        forward, backward = product(direction)
        curvature = row_dot(direction, forward)
        # No covariance is negative, but the Jacobian of a network may be: such a row is finished.
        active = active & (curvature > _CURVED * row_dot(direction, direction))
        searched = searched | active
        step = torch.where(active, rho / torch.where(active, curvature, 1.0), 0.0)
        moved = of_rows(step, backward) * backward
        image = moved if image is None else image + moved
        vector = vector + of_rows(step, direction) * direction
        energy = energy + step * rho
        log_determinant = log_determinant - torch.where(active, step, 1.0).log()
        former = residual
        residual = residual - of_rows(step, forward) * forward
        search = precondition(residual)
        left = row_dot(residual, search)
        turned = row_dot(search, residual - former) / torch.where(active, rho, 1.0)
        direction = search + of_rows(turned.clamp_min(0), direction) * direction
        rho, active = left, active & (left > limit)
    if image is None:
        _, backward = product(direction)
        image = torch.zeros_like(backward)
    return Solution(vector, image, energy, log_determinant, searched)


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
