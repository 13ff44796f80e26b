"""Covariances in a basis against plain matrices."""

from __future__ import annotations

import pytest
import torch

from sfumato.restoration.covariance import Covariance, cosine_basis

F64 = torch.float64


def matrix_of(covariance: Covariance) -> torch.Tensor:
    """The covariance as a matrix over all numbers of the data."""
    shape = tuple(covariance.variances.shape)
    size = covariance.variances.numel()
    units = torch.eye(size, dtype=covariance.variances.dtype).reshape(size, *shape)
    return covariance.apply(units).reshape(size, size)


def test_a_dense_covariance_is_its_matrix() -> None:
    root = torch.randn(5, 5, generator=torch.Generator().manual_seed(0), dtype=F64)
    matrix = root @ root.T + torch.eye(5, dtype=F64)
    assert torch.allclose(matrix_of(Covariance.dense(matrix)), matrix, atol=1e-12)


@pytest.mark.parametrize("snr", [0.0, 0.3, 40.0])
def test_given_a_state_it_is_that_of_normal_data(snr: float) -> None:
    root = torch.randn(4, 4, generator=torch.Generator().manual_seed(1), dtype=F64)
    matrix = root @ root.T + torch.eye(4, dtype=F64)
    wanted = torch.linalg.inv(torch.linalg.inv(matrix) + snr * torch.eye(4, dtype=F64))
    assert torch.allclose(matrix_of(Covariance.dense(matrix).given(snr)), wanted, atol=1e-10)


def test_the_inverse_with_a_variance_is_an_inverse() -> None:
    covariance = Covariance(torch.rand(2, 3, 4, dtype=F64) + 0.1, bases(2, 3, 4))
    wanted = torch.linalg.inv(matrix_of(covariance) + 0.7 * torch.eye(24, dtype=F64))
    assert torch.allclose(matrix_of(covariance.inverse_with(0.7)), wanted, atol=1e-10)


def bases(*sides: int) -> tuple[torch.Tensor, ...]:
    return tuple(cosine_basis(side) for side in sides)


@pytest.mark.parametrize("size", [1, 2, 7, 32])
def test_the_cosine_basis_is_orthonormal_and_its_first_row_constant(size: int) -> None:
    basis = cosine_basis(size)
    assert torch.allclose(basis @ basis.T, torch.eye(size, dtype=F64), atol=1e-12)
    assert torch.allclose(basis[0], torch.full((size,), size**-0.5, dtype=F64))


def test_the_covariance_of_smooth_examples_is_measured() -> None:
    """Examples drawn from a covariance in the cosine basis give it back, up to their number."""
    source = torch.Generator().manual_seed(2)
    axes = torch.linalg.qr(torch.randn(2, 2, generator=source, dtype=F64))[0]
    falling = 1 / (1 + torch.arange(8, dtype=F64)) ** 2
    true = Covariance(
        torch.tensor([3.0, 0.5], dtype=F64)[:, None] * falling, (axes, cosine_basis(8))
    )
    noise = torch.randn(4000, 2, 8, generator=source, dtype=F64)
    root = Covariance(true.variances.sqrt(), true.bases)
    found = Covariance.measured(root.apply(noise) + 5.0)
    assert torch.allclose(matrix_of(found), matrix_of(true), atol=0.15)


def test_larger_white_data_are_as_white() -> None:
    larger = Covariance.isotropic((3, 8, 8), 0.5).resized((16, 24))
    assert larger.variances.shape == (3, 16, 24)
    vectors = torch.randn(2, 3, 16, 24, generator=torch.Generator().manual_seed(0))
    assert torch.allclose(larger.apply(vectors), 0.25 * vectors, atol=1e-5)


def test_the_variance_of_a_pixel_stays_when_data_grow() -> None:
    examples = torch.randn(64, 1, 16, 16, generator=torch.Generator().manual_seed(3))
    smooth = torch.nn.functional.avg_pool2d(examples, 3, 1, 1)
    small = Covariance.measured(smooth)
    large = small.resized((32, 32))
    assert float(large.variances.mean()) == pytest.approx(float(small.variances.mean()), rel=0.1)
