"""The reconstruction term against random draws and against the exact entropy."""

from __future__ import annotations

import math

import pytest
import torch
from torch.distributions import Categorical, Normal

from sfumato.likelihood import DiscreteReconstruction, GaussianReconstruction

F64 = torch.float64


def noise(*shape: int) -> torch.Tensor:
    return torch.randn(*shape, dtype=F64, generator=torch.Generator().manual_seed(0))


class TestDiscreteReconstruction:
    @pytest.mark.parametrize("count", [2, 5, 256])
    @pytest.mark.parametrize("apart", [0.5, 2.0, 5.0])
    def test_costs_are_what_drawing_the_noise_gives(self, count: int, apart: float) -> None:
        """Within 4 standard errors of 4,000 draws, of the levels at the edge and in the middle."""
        end = DiscreteReconstruction(count, apart)
        places = torch.linspace(-1, 1, count, dtype=F64)
        std = math.exp(-end.log_snr / 2)
        eps = noise(4_000)
        for level in {0, count // 2, count - 1}:
            y = places[level] + std * eps
            logits = Normal(y[:, None], std).log_prob(places)
            drawn = -Categorical(logits=logits).log_prob(torch.tensor(level))
            expected = end.nats(places[level].reshape(1, 1)).item()
            assert abs(drawn.mean() - expected) < 4 * drawn.std() / math.sqrt(4_000) + 1e-12

    def test_far_apart_nothing_is_left_and_close_together_all_is(self) -> None:
        x0 = torch.tensor([[-1.0, 1.0, 0.0]])
        assert DiscreteReconstruction(3, spacing=20.0).nats(x0).item() < 1e-9
        assert DiscreteReconstruction(3, spacing=1e-4).nats(x0).item() == pytest.approx(
            3 * math.log(3), abs=1e-4
        )

    def test_pixels_of_8_bits_are_levels(self) -> None:
        pixels = torch.arange(256, dtype=torch.float32).div(127.5).sub(1)
        end = DiscreteReconstruction()
        nats = end.nats(pixels.reshape(2, 1, 128))
        assert nats.dtype == F64 and nats.shape == (2,)
        torch.testing.assert_close(nats.sum(), end.costs.sum())
        assert end.log_snr == pytest.approx(2 * math.log(255))
        assert DiscreteReconstruction(spacing=5.0).costs.max() < 0.05 * math.log(2)

    @pytest.mark.parametrize("off", [1.01, -1.01, 0.002, float("nan"), 1 + 2 / 255])
    def test_what_is_between_or_beyond_the_levels_is_refused(self, off: float) -> None:
        with pytest.raises(ValueError, match="not on 256 levels"):
            DiscreteReconstruction().nats(torch.tensor([[off, 1.0]]))

    @pytest.mark.parametrize(("count", "apart"), [(1, 5.0), (4, 0.0), (4, math.inf)])
    def test_what_is_no_end_is_refused(self, count: int, apart: float) -> None:
        with pytest.raises(ValueError, match="there are no"):
            DiscreteReconstruction(count, apart)


def test_a_density_s_end_is_the_entropy_of_its_noise() -> None:
    end = GaussianReconstruction(log_snr=3.0)
    expected = 6 * Normal(0.0, math.exp(-1.5)).entropy()
    nats = end.nats(noise(4, 2, 3))
    assert nats.dtype == F64
    torch.testing.assert_close(nats, expected.double().expand(4), rtol=1e-6, atol=0)
