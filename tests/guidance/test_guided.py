"""Guidance over the oracle, where both posteriors are known."""

import pytest
import torch
from torch import Tensor

from sfumato.denoiser import Denoiser, Posterior
from sfumato.errors import SettingError
from sfumato.guidance import Guided
from sfumato.oracle import GaussianMixture, MixtureDenoiser
from sfumato.process.gaussian import Gaussian
from sfumato.process.schedule import Linear

F64 = torch.float64
MIXTURE = GaussianMixture.build(torch.tensor([[-1.0, 0.0], [1.0, 0.5]]), stds=0.4)
NULL = {"label": MIXTURE.classes}


class Spy(Denoiser):
    """Passes calls on and remembers the size of their batches."""

    def __init__(self, inner: Denoiser) -> None:
        super().__init__(inner.process)
        self.inner = inner
        self.batches: list[int] = []
        self.extra: list[Tensor | None] = []

    def forward(self, x_t: Tensor, t: Tensor, extra: Tensor | None = None, **cond) -> Posterior:
        self.batches.append(len(x_t))
        self.extra.append(extra)
        return self.inner(x_t, t, **cond)


@pytest.fixture
def spy():
    return Spy(MixtureDenoiser(MIXTURE, Gaussian(Linear())))


@pytest.fixture
def x_t():
    return torch.randn(3, 2, dtype=F64, generator=torch.Generator().manual_seed(4))


LABEL = torch.tensor([0, 1, 1])
HALF = torch.tensor(0.5, dtype=F64)


def posteriors(x_t, t=HALF):
    exact = MixtureDenoiser(MIXTURE, Gaussian(Linear()))
    return exact(x_t, t, label=LABEL).mean, exact(x_t, t).mean


@pytest.mark.parametrize("scale", [0.0, 0.5, 2.0, 7.5])
def test_mean_moves_along_the_line_of_the_two_posteriors(spy, x_t, scale):
    given, without = posteriors(x_t)
    mean = Guided(spy, scale, NULL)(x_t, HALF, label=LABEL).mean
    torch.testing.assert_close(mean, (1 - scale) * without + scale * given)


def test_acting_takes_one_doubled_call(spy, x_t):
    Guided(spy, 3.0, NULL)(x_t, HALF, label=LABEL)
    assert spy.batches == [6]


def test_scale_one_is_off_and_costs_nothing(spy, x_t):
    mean = Guided(spy, 1.0, NULL)(x_t, HALF, label=LABEL).mean
    assert spy.batches == [3] and torch.equal(mean, posteriors(x_t)[0])


@pytest.mark.parametrize(("t", "acts"), [(0.1, False), (0.3, True), (0.7, True), (0.9, False)])
def test_interval_limits_the_times_and_the_cost(spy, x_t, t, acts):
    t = torch.tensor(t, dtype=F64)
    mean = Guided(spy, 3.0, NULL, interval=(0.3, 0.7))(x_t, t, label=LABEL).mean
    assert spy.batches == ([6] if acts else [3])
    given, without = posteriors(x_t, t)
    torch.testing.assert_close(mean, without + 3 * (given - without) if acts else given)


def test_interval_holds_for_each_sample_of_a_batch(spy, x_t):
    t = torch.tensor([0.1, 0.5, 0.9], dtype=F64)
    mean = Guided(spy, 3.0, NULL, interval=(0.3, 0.7))(x_t, t, label=LABEL).mean
    given, without = posteriors(x_t, t)
    torch.testing.assert_close(mean[[0, 2]], given[[0, 2]])
    torch.testing.assert_close(mean[1], without[1] + 3 * (given[1] - without[1]))


def test_without_a_label_there_is_nothing_to_be_guided_to(spy, x_t):
    mean = Guided(spy, 3.0, NULL)(x_t, HALF).mean
    assert spy.batches == [3] and torch.equal(mean, posteriors(x_t)[1])


def test_other_conditions_go_to_both_halves(spy, x_t):
    extra = torch.arange(3)
    Guided(spy, 3.0, NULL)(x_t, HALF, label=LABEL, extra=extra)
    assert torch.equal(spy.extra[0], torch.cat([extra, extra]))


def test_guided_is_a_denoiser_of_the_same_process(spy):
    assert Guided(spy, 3.0, NULL).process is spy.process


def test_nested_guidance_composes(spy, x_t):
    """Guidance of a guided denoiser multiplies the scales, as the null posterior is unmoved."""
    twice = Guided(Guided(spy, 2.0, NULL), 3.0, NULL)(x_t, HALF, label=LABEL).mean
    torch.testing.assert_close(twice, Guided(spy, 6.0, NULL)(x_t, HALF, label=LABEL).mean)


@pytest.mark.parametrize("interval", [(0.7, 0.3), (-0.1, 0.5), (0.5, 1.1)])
def test_bad_intervals_are_refused(spy, interval):
    with pytest.raises(SettingError, match="interval"):
        Guided(spy, 2.0, NULL, interval=interval)
