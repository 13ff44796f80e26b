from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import Tensor

from sfumato.errors import DataError
from sfumato.metrics.similarity import (
    log_spectral_distance,
    peak_signal_to_noise,
    structural_similarity,
)


def pictures(channels: int = 1, seed: int = 0) -> Tensor:
    """Three pictures whose structure is smooth."""
    generator = torch.Generator().manual_seed(seed)
    rough = torch.rand(3, channels, 40, 36, generator=generator)
    return torch.nn.functional.avg_pool2d(rough, 5, stride=1)


def test_peak_signal_to_noise_of_a_known_error() -> None:
    a = torch.zeros(2, 1, 4, 4)
    b = torch.stack([torch.full((1, 4, 4), 0.2), torch.full((1, 4, 4), 0.02)])
    assert peak_signal_to_noise(a, b, 2.0).tolist() == pytest.approx([20.0, 40.0], abs=1e-5)
    # One truth for several restorations.
    assert peak_signal_to_noise(a[:1], b, 2.0).shape == (2,)


def test_equal_pictures_have_finite_figures() -> None:
    x = pictures()
    assert peak_signal_to_noise(x, x, 1.0).tolist() == [100.0] * 3
    assert structural_similarity(x, x, 1.0).tolist() == pytest.approx([1.0] * 3, abs=1e-12)


@pytest.mark.parametrize("channels", [1, 3])
def test_structural_similarity_agrees_with_scikit_image(channels: int) -> None:
    metrics = pytest.importorskip("skimage.metrics")
    a, noise = pictures(channels), 0.1 * pictures(channels, seed=1)
    b = a.square() + noise
    ours = structural_similarity(a, b, 1.0)
    for one, other, found in zip(a.double().numpy(), b.double().numpy(), ours, strict=True):
        expected = metrics.structural_similarity(
            one, other, channel_axis=0, data_range=1.0, gaussian_weights=True, sigma=1.5,
            use_sample_covariance=False,
        )  # fmt: skip
        assert found.item() == pytest.approx(expected, abs=1e-9)


def test_structural_similarity_of_constant_pictures() -> None:
    """Without structure only the luminances are compared."""
    a, b = torch.full((1, 1, 11, 11), 0.5), torch.full((1, 1, 11, 11), 0.25)
    expected = (2 * 0.5 * 0.25 + 1e-4) / (0.5**2 + 0.25**2 + 1e-4)
    assert structural_similarity(a, b, 1.0).item() == pytest.approx(expected, abs=1e-9)


def test_structural_similarity_of_an_inverted_picture_is_negative() -> None:
    checks = (torch.arange(16)[:, None] + torch.arange(16)) % 2.0
    x = checks.reshape(1, 1, 16, 16)
    assert structural_similarity(x, 1 - x, 1.0).item() == pytest.approx(-1, abs=0.01)


def test_small_pictures_have_no_structural_similarity() -> None:
    with pytest.raises(DataError, match="10 x 12 pixels"):
        structural_similarity(torch.zeros(1, 1, 12, 10), torch.zeros(1, 1, 12, 10), 1.0)


def test_log_spectral_distance_of_a_gain_is_the_gain() -> None:
    energies = torch.rand(2, 1, 16, 9) + 0.1
    gains = torch.tensor([4.0, 0.5]).reshape(2, 1, 1, 1)
    found = log_spectral_distance(energies * gains, energies)
    assert found.tolist() == pytest.approx([10 * math.log10(4), 10 * math.log10(2)], abs=1e-5)


def test_log_spectral_distance_is_a_mean_over_time_of_roots_over_frequency() -> None:
    """Half the bins of one frame in two differ by 10 dB."""
    b = torch.ones(1, 4, 2)
    a = b.clone()
    a[0, :2, 0] = 10
    assert log_spectral_distance(a, b).item() == pytest.approx(10 * math.sqrt(0.5) / 2)


def test_silence_does_not_count() -> None:
    b = torch.tensor([1.0, 1e-9, 0.0]).reshape(1, 3, 1)
    a = torch.tensor([1.0, 0.0, 1e-8]).reshape(1, 3, 1)
    assert log_spectral_distance(a, b).item() == 0
    assert log_spectral_distance(torch.zeros_like(b), torch.zeros_like(b)).item() == 0
    assert np.isfinite(log_spectral_distance(a, b, 200.0).item())
