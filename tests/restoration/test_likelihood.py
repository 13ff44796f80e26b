"""Observations far above their noise, where matrices of 32 bits are not positive definite."""

import pytest
import torch

from sfumato.restoration.blur import Blur
from sfumato.restoration.covariance import Covariance
from sfumato.restoration.likelihood import Linearised
from sfumato.restoration.observation import Observation
from sfumato.restoration.problem import Tiling


@pytest.mark.parametrize("noise", [1e-2, 1e-3, 1e-4])
@pytest.mark.parametrize("std", [0.5, 100.0])
def test_a_blur_with_little_noise_is_explained(noise: float, std: float) -> None:
    operator = Blur(sigma=2.0)
    x0 = torch.randn(2, 1, 12, 12, generator=torch.Generator().manual_seed(0))
    y = operator.forward(x0[:1])
    linear = Linearised.at(Observation(operator, y, torch.tensor(noise)), x0, Tiling(2))
    covariance = Covariance.isotropic((1, 12, 12), std)
    solved = linear.inverse(covariance, is_linear=True)(linear.residual)
    mean = x0 + covariance.apply(linear.transpose(solved))
    assert mean.isfinite().all()
    assert (y - operator.forward(mean)).norm() < 0.05 * (y - operator.forward(x0)).norm()


def test_isotropic_covariances_have_any_size() -> None:
    larger = Covariance.isotropic((3, 4, 4), 0.5).resized((8, 6))
    vectors = torch.randn(2, 3, 8, 6, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(larger.apply(vectors), 0.25 * vectors)
