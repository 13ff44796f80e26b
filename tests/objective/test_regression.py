"""Regression: its minimum is the posterior mean, and each sample stands alone."""

import pytest
import torch
from pydantic import TypeAdapter, ValidationError
from torch import Tensor, nn

from sfumato.denoiser import NetworkDenoiser
from sfumato.objective import (
    AnyObjective,
    AnyWeighting,
    MinSNR,
    Regression,
    SigmoidWeighting,
    Unit,
)
from sfumato.oracle import GaussianMixture, MixtureDenoiser
from sfumato.process.gaussian import Gaussian
from sfumato.process.prediction import EDM, X0, Eps, Score, V, Velocity
from sfumato.process.schedule import VP, Cosine, Linear

F64 = torch.float64
PREDICTIONS = [X0(), Eps(), V(), Velocity(), Score(), EDM()]
WEIGHTINGS = [Unit(), MinSNR(), SigmoidWeighting(bias=-1.0)]
every_weighting = pytest.mark.parametrize("weighting", WEIGHTINGS, ids=lambda w: w.kind)
every_prediction = pytest.mark.parametrize("prediction", PREDICTIONS, ids=lambda p: p.kind)


class Affine(nn.Module):
    """``y = a x + b``, the shape of every optimal backbone for normal data at one time."""

    def __init__(self) -> None:
        super().__init__()
        self.a = nn.Parameter(torch.zeros((), dtype=F64))
        self.b = nn.Parameter(torch.zeros((), dtype=F64))

    def forward(self, x: Tensor, level: Tensor) -> Tensor:
        return self.a * x + self.b


def normal_pairs(mean: float, std: float) -> tuple[Tensor, Tensor]:
    """Nine (x0, eps) with exactly the moments of independent normals up to the second order."""
    three = torch.tensor([-(1.5**0.5), 0.0, 1.5**0.5], dtype=F64)
    data, noise = torch.meshgrid(three, three, indexing="ij")
    return mean + std * data.reshape(9, 1), noise.reshape(9, 1)


@every_prediction
@every_weighting
@pytest.mark.parametrize("schedule", [Linear(), VP()], ids=lambda s: s.kind)
def test_minimum_is_the_posterior_mean(schedule, prediction, weighting):
    """Solve the quadratic loss exactly by one Newton step; compare with the oracle."""
    process, t = Gaussian(schedule), torch.full((9,), 0.4, dtype=F64)
    x0, eps = normal_pairs(0.7, 0.3)
    backbone = Affine()
    denoiser = NetworkDenoiser(backbone, process, prediction)

    def loss(a: Tensor, b: Tensor) -> Tensor:
        parameters = {"backbone.a": a, "backbone.b": b}
        return Regression(weighting)(_Functional(denoiser, parameters), x0, t, eps).mean()

    zero = torch.zeros((), dtype=F64)
    gradient = torch.stack(torch.autograd.functional.jacobian(loss, (zero, zero)))
    rows = torch.autograd.functional.hessian(loss, (zero, zero))
    a, b = -torch.linalg.solve(torch.stack([torch.stack(row) for row in rows]), gradient)
    backbone.a.data, backbone.b.data = a, b

    exact = MixtureDenoiser(GaussianMixture.build(torch.tensor([[0.7]]), stds=0.3), process)
    x_t = torch.linspace(-2, 2, 9, dtype=F64)[:, None]
    torch.testing.assert_close(denoiser(x_t, t).mean, exact(x_t, t).mean, rtol=1e-6, atol=1e-6)


class _Functional:
    """A denoiser whose parameters are given from outside, for derivatives by them."""

    def __init__(self, denoiser: NetworkDenoiser, parameters: dict[str, Tensor]) -> None:
        self.process, self.prediction = denoiser.process, denoiser.prediction
        self._denoiser, self._parameters = denoiser, parameters

    def predict(self, x_t: Tensor, t: Tensor) -> Tensor:
        backbone = {k.removeprefix("backbone."): v for k, v in self._parameters.items()}
        inner = NetworkDenoiser(_Bound(self._denoiser.backbone, backbone), self.process, X0())
        return inner.predict(x_t, t)


class _Bound(nn.Module):
    def __init__(self, module: nn.Module, parameters: dict[str, Tensor]) -> None:
        super().__init__()
        self._call = lambda *args: torch.func.functional_call(module, parameters, args)

    def forward(self, x: Tensor, level: Tensor) -> Tensor:
        return self._call(x, level)


class Zero(nn.Module):
    """Always wrong by the whole target."""

    def forward(self, x: Tensor, level: Tensor, **cond: Tensor) -> Tensor:
        return torch.zeros_like(x)


@every_weighting
@every_prediction
def test_losses_of_a_batch_are_those_of_its_samples(prediction, weighting):
    denoiser = NetworkDenoiser(Zero(), Gaussian(Cosine()), prediction)
    x0, eps = torch.randn(2, 5, 3, 2, dtype=F64)
    t = torch.tensor([0.05, 0.3, 0.5, 0.7, 0.99], dtype=F64)
    together = Regression(weighting)(denoiser, x0, t, eps)
    alone = [
        Regression(weighting)(denoiser, x0[k : k + 1], t[k : k + 1], eps[k : k + 1])
        for k in range(5)
    ]
    assert together.shape == (5,)
    torch.testing.assert_close(together, torch.cat(alone))


def test_a_perfect_backbone_has_no_loss():
    x0, eps = torch.randn(2, 3, 4, dtype=F64)
    t = torch.tensor([0.1, 0.5, 0.9], dtype=F64)
    target = V().target(Cosine(), t, x0, eps)
    backbone = Zero()
    backbone.forward = lambda x, level: target  # type: ignore[method-assign]
    loss = Regression(Unit())(NetworkDenoiser(backbone, Gaussian(Cosine()), V()), x0, t, eps)
    assert torch.equal(loss, torch.zeros(3, dtype=F64))


@pytest.mark.parametrize("weighting", [MinSNR(), SigmoidWeighting()], ids=lambda w: w.kind)
def test_weightings_of_the_data_do_not_depend_on_the_prediction(weighting):
    """Whatever is predicted, the same error in x0 costs the same."""
    process, t = Gaussian(Cosine()), torch.tensor([0.2, 0.6], dtype=F64)
    x0, eps = torch.randn(2, 2, 6, dtype=F64)
    wrong = x0 + 0.1
    losses = []
    for prediction in PREDICTIONS:
        x_t = process.corrupt(x0, t, eps)
        c_skip, c_out = (c[:, None] for c in prediction.to_x0(process.schedule, t))
        answer = (wrong - c_skip * x_t) / c_out
        backbone = Zero()
        backbone.forward = lambda x, level, answer=answer: answer  # type: ignore[method-assign]
        losses.append(
            Regression(weighting)(NetworkDenoiser(backbone, process, prediction), x0, t, eps)
        )
    torch.testing.assert_close(torch.stack(losses), losses[0].expand(len(losses), 2))


def test_min_snr_is_the_error_in_noise_where_noisy_and_clipped_where_clean():
    one, log_snr = torch.ones(2, dtype=F64), torch.tensor([0.5, 100.0], dtype=F64).log()
    torch.testing.assert_close(
        MinSNR(gamma=5.0).factor(log_snr, one), torch.tensor([0.5, 5.0], dtype=F64)
    )


def test_sigmoid_weighting_halves_the_error_in_noise_at_its_bias():
    _, c_out = Eps().to_x0(Cosine(), torch.tensor([0.5], dtype=F64))
    log_snr = torch.zeros(1, dtype=F64)
    half = SigmoidWeighting(bias=0.0).factor(log_snr, c_out)
    torch.testing.assert_close(half, torch.tensor([0.5], dtype=F64))


@every_weighting
def test_spec_round_trip(weighting):
    assert TypeAdapter(AnyWeighting).validate_json(weighting.model_dump_json()) == weighting
    objective = Regression(weighting)
    assert objective == Regression(weighting=weighting)
    assert TypeAdapter(AnyObjective).validate_json(objective.model_dump_json()) == objective


def test_without_a_weighting_all_errors_count_alike():
    assert Regression() == Regression(Unit())


def test_unknown_settings_are_refused():
    with pytest.raises(ValidationError, match="gamma"):
        Regression(gamma=2.0)
    with pytest.raises(TypeError, match="weighting"):
        Regression(Unit(), weighting=Unit())
