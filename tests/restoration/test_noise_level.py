"""The estimated level of noise, against noise that was added to content."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from sfumato.errors import SettingError
from sfumato.restoration import estimate_noise

LEVELS = [0.02, 0.05, 0.1, 0.2, 0.5]


def discs(size: int, seed: int) -> torch.Tensor:
    """Overlapping shaded discs of all sizes, whose statistics are near those of photographs.

    Source: Lee, Mumford & Huang 2001, "Occlusion models for natural images".
    """
    random = np.random.default_rng(seed)
    rows, columns = np.mgrid[:size, :size]
    picture = np.zeros((3, size, size))
    for _ in range(400):
        radius = min(2.0 / random.uniform(0.03, 1) ** 0.5 * size / 64 * 2, size)
        centre = random.uniform(0, size, 2)
        inside = (rows - centre[0]) ** 2 + (columns - centre[1]) ** 2 < radius**2
        shade = random.uniform(-0.8, 0.8, (3, 1)) + 0.1 * (rows - centre[0])[inside] / size
        picture[:, inside] = shade
    return torch.from_numpy(picture)


def tones(seed: int) -> torch.Tensor:
    """A second of a plucked string at 16 kHz: partials that fade, the higher ones faster."""
    random = np.random.default_rng(seed)
    time = np.arange(16_000) / 16_000
    partials = [
        np.sin(2 * np.pi * 220 * k * time + random.uniform(0, 6)) * np.exp(-3 * k * time) / k
        for k in range(1, 16)
    ]
    return torch.from_numpy(0.3 * np.sum(partials, 0))[None]


@pytest.mark.parametrize("shape", [(1, 100, 100), (3, 64, 64), (1, 10_000)], ids=str)
def test_noise_alone_is_measured(shape):
    noise = torch.randn(8, *shape, generator=torch.Generator().manual_seed(0))
    found = estimate_noise(0.3 * noise)
    assert found.shape == (8,) and found.dtype == torch.float64
    assert (found / 0.3 - 1).abs().max() < 0.06 and abs(found.mean() / 0.3 - 1) < 0.02


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize(
    ("content", "most"),
    [(discs(32, 0), 1.22), (discs(64, 0), 1.09), (discs(128, 1), 1.05), (tones(2), 1.04)],
    ids=["32", "64", "128", "tones"],
)
def test_content_adds_little_to_it(content, most, level):
    noise = torch.randn(4, *content.shape, generator=torch.Generator().manual_seed(1))
    found = estimate_noise(content + level * noise) / level
    # Edges can only add to it.
    assert found.min() > 0.97 and found.max() < most


def test_smooth_data_have_none():
    ramp = torch.arange(40.0)[:, None] + torch.arange(30.0)
    assert estimate_noise(torch.stack([ramp, 0 * ramp])[:, None]).tolist() == [0, 0]
    cubic = torch.linspace(-1, 1, 99, dtype=torch.float64) ** 3
    assert estimate_noise(cubic[None, None]).item() < 1e-12


def test_a_sample_does_not_depend_on_its_batch():
    y = torch.randn(3, 2, 20, 20, generator=torch.Generator().manual_seed(2))
    assert torch.equal(estimate_noise(y)[1:2], estimate_noise(y[1:2]))


@pytest.mark.parametrize("shape", [(1, 4, 20), (1, 4), (1,), (1, 8, 8, 8)], ids=str)
def test_data_that_are_too_small_are_refused(shape):
    with pytest.raises(SettingError):
        estimate_noise(torch.zeros(1, *shape))
