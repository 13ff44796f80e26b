"""Autoguidance over the oracle: what it is told, and what it mends."""

import torch

from sfumato.guidance import Autoguided
from sfumato.oracle import GaussianMixture, MixtureDenoiser
from sfumato.process.gaussian import Gaussian
from sfumato.process.schedule import Linear

F64 = torch.float64
PROCESS = Gaussian(Linear())
MEANS = torch.tensor([[-1.0, 0.0], [1.0, 0.5]])
T = torch.tensor(0.3, dtype=F64)
G = torch.Generator().manual_seed(2)


def exact(std):
    return MixtureDenoiser(GaussianMixture.build(MEANS, stds=std), PROCESS)


def test_it_is_the_line_from_the_worse_model():
    x_t, label = torch.randn(3, 2, dtype=F64, generator=G), torch.tensor([0, 1, 1])
    better, worse = exact(0.3)(x_t, T, label=label).mean, exact(0.6)(x_t, T, label=label).mean
    mean = Autoguided(exact(0.3), exact(0.6), 2.5)(x_t, T, label=label).mean
    torch.testing.assert_close(mean, 2.5 * better - 1.5 * worse)


def test_a_hidden_label_is_hidden_from_the_worse_model_alone():
    x_t, label = torch.randn(3, 2, dtype=F64, generator=G), torch.tensor([0, 1, 1])
    better, worse = exact(0.3)(x_t, T, label=label).mean, exact(0.6)(x_t, T).mean
    mean = Autoguided(exact(0.3), exact(0.6), 2.5, null={"label": 2})(x_t, T, label=label).mean
    torch.testing.assert_close(mean, 2.5 * better - 1.5 * worse)


def test_errors_of_one_direction_cancel():
    """Of a normal the mean is linear in ``v / (alpha^2 v + sigma^2)``: at the scale by which that
    of the truth is ahead of two models too wide, guidance gives the truth itself."""
    truth, better, worse = (
        MixtureDenoiser(GaussianMixture.build(MEANS[:1], stds=std), PROCESS)
        for std in (0.3, 0.4, 0.6)
    )
    x_t = torch.randn(5, 2, dtype=F64, generator=G)
    alpha, sigma = PROCESS.schedule.coefficients(T)
    gains = [v / (alpha**2 * v + sigma**2) for v in (0.09, 0.16, 0.36)]
    scale = ((gains[0] - gains[2]) / (gains[1] - gains[2])).item()
    mean = Autoguided(better, worse, scale)(x_t, T).mean
    torch.testing.assert_close(mean, truth(x_t, T).mean)
