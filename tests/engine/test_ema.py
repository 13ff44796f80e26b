from __future__ import annotations

import pytest
import torch
from torch import nn

from sfumato.engine.ema import PowerEMA, gamma_from_width, width_from_gamma
from sfumato.errors import SettingError


@pytest.mark.parametrize("gamma", [0.5, 1.0, 6.94, 16.97, 100.0])
def test_width_and_gamma_are_inverse(gamma: float) -> None:
    assert gamma_from_width(width_from_gamma(gamma)) == pytest.approx(gamma, rel=1e-6)


def test_the_published_pairs() -> None:
    # Karras et al. 2024, section 3.1: widths of 5 % and 10 % are gamma = 16.97 and 6.94.
    assert gamma_from_width(0.05) == pytest.approx(16.97, abs=0.005)
    assert gamma_from_width(0.10) == pytest.approx(6.94, abs=0.005)


@pytest.mark.parametrize("width", [0.0, -0.1, 0.29, float("nan")])
def test_impossible_widths_are_refused(width: float) -> None:
    with pytest.raises(SettingError):
        gamma_from_width(width)


class Counter(nn.Module):
    """Its weight at step t is the t-th basis vector, so its average spells out the profile."""

    def __init__(self, steps: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(steps, dtype=torch.float64))
        self.register_buffer("seen", torch.zeros((), dtype=torch.int64))
        self.register_buffer("scratch", torch.zeros(1), persistent=False)

    def set(self, step: int) -> None:
        with torch.no_grad():
            self.weight.zero_()[step] = 1.0
            self.get_buffer("seen").fill_(step)


@pytest.mark.parametrize("width", [0.05, 0.1, 0.2])
def test_the_profile_is_the_power_function(width: float) -> None:
    steps = 400
    module = Counter(steps)
    ema = PowerEMA(module, width)
    for step in range(steps):
        module.set(step)
        ema.update()
    profile = ema.tensors()["weight"]
    # The share of the last n of N steps is 1 - ((N - n) / N)^(gamma + 1): integrate t^gamma.
    ends = torch.arange(1, steps + 1, dtype=torch.float64) / steps
    torch.testing.assert_close(profile.cumsum(0), ends ** (ema.gamma + 1), rtol=1e-9, atol=1e-12)
    middle = ends - 0.5 / steps
    spread = ((profile * middle**2).sum() - (profile * middle).sum() ** 2).sqrt()
    assert spread.item() == pytest.approx(width, rel=0.01)
    assert ema.tensors()["seen"] == steps - 1
    assert "scratch" not in ema.tensors()


def test_swapping_shows_the_average_and_puts_the_weights_back() -> None:
    module = Counter(3)
    ema = PowerEMA(module)
    for step in range(3):
        module.set(step)
        ema.update()
    average, weight = ema.tensors()["weight"].clone(), module.weight.detach().clone()
    with pytest.raises(KeyError), ema.swapped():
        assert torch.equal(module.weight, average)
        raise KeyError
    assert torch.equal(module.weight, weight)
    assert torch.equal(ema.tensors()["weight"], average)
    other = Counter(3)
    ema.copy_to(other)
    assert torch.equal(other.weight, average)


def test_tied_weights_are_averaged_once() -> None:
    module = nn.Sequential(nn.Linear(3, 3, bias=False), nn.Linear(3, 3, bias=False))
    module[1].weight = module[0].weight
    assert list(PowerEMA(module).tensors()) == ["0.weight"]


def test_loading_resumes_the_average_exactly() -> None:
    module = Counter(6)
    straight, broken = PowerEMA(module), PowerEMA(module)
    for step in range(6):
        if step == 3:
            saved = {name: t.clone() for name, t in broken.tensors().items()}
            fresh = PowerEMA(module)
            fresh.load(saved, broken.steps)
            broken = fresh
        module.set(step)
        straight.update()
        broken.update()
    assert torch.equal(straight.tensors()["weight"], broken.tensors()["weight"])
