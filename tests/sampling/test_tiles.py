from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from sfumato.denoiser import Denoiser, Posterior
from sfumato.errors import SettingError
from sfumato.guidance import Guided
from sfumato.process.gaussian import Gaussian
from sfumato.process.schedule import Linear
from sfumato.sampling.tiles import Tiled


class Probe(Denoiser):
    """Notes what it is given, and answers with a network that depends on every argument."""

    def __init__(self) -> None:
        super().__init__(Gaussian(Linear()))
        with torch.random.fork_rng():
            torch.manual_seed(0)
            self.network = nn.Sequential(nn.Linear(37, 53), nn.SiLU(), nn.Linear(53, 37))
        self.sizes: list[int] = []

    def forward(self, x_t: Tensor, t: Tensor, **cond: Any) -> Posterior:
        self.sizes.append(len(x_t))
        shift = t.expand(len(x_t)).float()[:, None]
        if cond.get("label") is not None:
            shift = shift + cond["label"][:, None]
        with torch.no_grad():
            return Posterior(self.network(x_t) + shift)


X = torch.randn(11, 37, generator=torch.Generator().manual_seed(1))
LABEL = torch.arange(11) % 3
T = torch.tensor(0.5, dtype=torch.float64)


@pytest.mark.parametrize("tile", [1, 4, 16])
@pytest.mark.parametrize("t", [T, torch.linspace(0.1, 0.9, 11, dtype=torch.float64)])
def test_it_answers_as_what_it_wraps(tile: int, t: Tensor) -> None:
    probe = Probe()
    tiled = Tiled(probe, tile, first=6)(X, t, label=LABEL, other=None).mean
    torch.testing.assert_close(tiled, probe(X, t, label=LABEL).mean)


@pytest.mark.parametrize("tile", [1, 3, 4, 16])
def test_the_network_sees_one_size(tile: int) -> None:
    probe = Probe()
    for first in range(5):
        Tiled(probe, tile, first)(X, T, label=LABEL)
    assert set(probe.sizes) == {tile}


@pytest.mark.parametrize("tile", [3, 4, 7])
@pytest.mark.parametrize("first", [0, 2, 1000])
def test_a_sample_is_the_same_in_any_batch(tile: int, first: int) -> None:
    whole = Tiled(Probe(), tile, first)(X, T, label=LABEL).mean
    for low, high in [(0, 1), (3, 4), (10, 11), (2, 9), (5, 11)]:
        part = Tiled(Probe(), tile, first + low)(X[low:high], T, label=LABEL[low:high]).mean
        assert torch.equal(part, whole[low:high])


def test_guidance_keeps_the_size_constant_too() -> None:
    probe = Probe()
    guided = Guided(probe, 2.0, null={"label": 3})
    whole = Tiled(guided, 4)(X, T, label=LABEL).mean
    alone = Tiled(guided, 4, first=9)(X[9:10], T, label=LABEL[9:10]).mean
    assert torch.equal(alone, whole[9:10])
    assert set(probe.sizes) == {8}


def test_filler_does_not_switch_guidance_on() -> None:
    probe = Probe()
    guided = Guided(probe, 2.0, null={"label": 3}, interval=(0.9, 1.0))
    Tiled(guided, 4)(X[:1], T, label=LABEL[:1])
    assert probe.sizes == [4]


def test_a_tile_holds_something() -> None:
    with pytest.raises(SettingError, match="at least 1"):
        Tiled(Probe(), 0)
