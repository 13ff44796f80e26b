"""Conjugate gradients against direct solutions."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from sfumato.restoration.solver import conjugate_gradients, row_dot

F64 = torch.float64


def systems(count: int, size: int) -> tuple[Tensor, Tensor]:
    """Positive definite matrices (B, M, M) and right-hand sides (B, M)."""
    source = torch.Generator().manual_seed(0)
    root = torch.randn(count, size, size, generator=source, dtype=F64)
    matrix = root @ root.mT / size + torch.eye(size, dtype=F64)
    return matrix, torch.randn(count, size, generator=source, dtype=F64)


def test_with_enough_iterations_everything_is_exact() -> None:
    matrix, right = systems(4, 6)
    scale = torch.linspace(0.5, 2.0, 6, dtype=F64)
    solution = conjugate_gradients(
        lambda v: (torch.einsum("bij,bj->bi", matrix, v), 3 * v),
        right,
        lambda v: v / scale,
        iterations=6,
        tolerance=0.0,
    )
    wanted = torch.linalg.solve(matrix, right)
    assert torch.allclose(solution.vector, wanted, atol=1e-10)
    assert torch.allclose(solution.image, 3 * wanted, atol=1e-10)
    assert torch.allclose(solution.energy, (right * wanted).sum(1), atol=1e-10)
    relative = torch.linalg.slogdet(matrix)[1] - scale.log().sum()
    assert torch.allclose(solution.log_determinant, relative, atol=1e-9)


def test_repeated_eigenvalues_are_counted_as_often_as_the_system_has_them() -> None:
    """Two iterations solve a system of two eigenvalues, of which one has 20 rows of 50."""
    source = torch.Generator().manual_seed(1)
    axes = torch.linalg.qr(torch.randn(50, 50, generator=source, dtype=F64))[0]
    values = torch.tensor([4.0] * 20 + [1.0] * 30, dtype=F64)
    matrix = axes @ torch.diag(values) @ axes.T
    right = torch.randn(400, 50, generator=source, dtype=F64)
    solution = conjugate_gradients(lambda v: (v @ matrix, v), right, lambda v: v, 2, 0.0)
    # 400 rows know the share of 20 in 50 to about 0.9 %.
    assert math.isclose(solution.log_determinant.mean().item(), 20 * math.log(4), rel_tol=0.04)


def test_a_row_of_no_curvature_is_finished_and_the_others_go_on() -> None:
    matrix, right = systems(2, 4)
    matrix[0] = -torch.eye(4, dtype=F64)
    solution = conjugate_gradients(
        lambda v: (torch.einsum("bij,bj->bi", matrix, v), v), right, lambda v: v, 4, 0.0
    )
    assert torch.equal(solution.vector[0], torch.zeros(4, dtype=F64))
    assert torch.allclose(solution.vector[1], torch.linalg.solve(matrix[1], right[1]), atol=1e-9)


def test_a_right_side_of_zeros_has_a_solution_of_zeros() -> None:
    solution = conjugate_gradients(lambda v: (v, v), torch.zeros(2, 3), lambda v: v, 4, 1e-3)
    assert not solution.vector.any()
    assert not solution.image.any()


def test_inner_products_have_the_same_bits_in_any_batch() -> None:
    a, b = torch.randn(2, 7, 3001, generator=torch.Generator().manual_seed(2)).unbind()
    whole = row_dot(a, b)
    assert torch.equal(whole, torch.cat([row_dot(a[k : k + 1], b[k : k + 1]) for k in range(7)]))
    products = (a.double() * b.double()).tolist()
    exact = torch.tensor([math.fsum(row) for row in products], dtype=F64)
    assert torch.allclose(whole, exact, rtol=1e-12, atol=1e-11)
