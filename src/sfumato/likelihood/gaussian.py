"""The likelihood of data under a Gaussian diffusion: the variational bound in continuous time.

    -log p(x0) <= KL(q(x_1 | x0) || p(x_1))                       prior
                  + 1/2 integral of e^l E|x0 - x0_hat|^2 dl       diffusion
                  + E[-log p(x0 | y)]                             reconstruction

where ``l`` is the log signal-to-noise ratio, from that of the noisiest state ``x_1`` to that of the
nearly clean state ``y``, and ``p(x_1)`` is pure noise. Source: Kingma et al. 2021
(arXiv:2107.00630), eq. 11 and 18. The schedule only decides the noise level of ``x_1``.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from sfumato.denoiser import Denoiser
from sfumato.likelihood.reconstruction import Reconstruction
from sfumato.process.gaussian import Gaussian
from sfumato.process.rng import Stream, normal, uniform
from sfumato.process.schedule import Schedule

# Below this a state has hardly any information: 1/2 e^-10 |x0|^2 nats, 3e-5 bits of a number that
# is 1.
_NOISIEST = -10.0


@dataclass(frozen=True)
class GaussianBound:
    """Estimates of the bound on ``-log p`` of some items, in nats; each float64, (B,), on the CPU.

    Attributes:
        prior: The cost of the noisiest state. Exact.
        diffusion: The cost of the states from there to the nearly clean one. Unbiased.
        reconstruction: The cost of the item given the nearly clean state. Exact.
    """

    prior: Tensor
    diffusion: Tensor
    reconstruction: Tensor

    @property
    def nats(self) -> Tensor:
        """The whole bound, shape (B,)."""
        return self.prior + self.diffusion + self.reconstruction


@dataclass(frozen=True)
class _Ramp:
    """The distribution that log signal-to-noise ratios are drawn from.

    Its density is ``sigmoid((l - centre) / width)`` between the bounds, up to a factor. That is the
    shape of the integrand: for normal data of variance ``v`` it is ``sigmoid(l + log v) / 2`` per
    number. The ramp is wider, so that no state has a much larger weight than another whatever the
    data are and however wrong the network is at high noise. Its place was measured on digits and on
    drums: the error of a trained network grows from ``l = -5`` to 10.

    Attributes:
        low: The least ratio.
        high: The greatest ratio.
    """

    low: float
    high: float
    centre: float = 4.0
    width: float = 3.0

    def quantile(self, u: Tensor) -> Tensor:
        """The ratio below which a share ``u`` in [0, 1] of the distribution lies."""
        below = self._integral(self.low)
        area = below + u * (self._integral(self.high) - below)
        # The inverse of log(1 + exp(l)).
        return self.centre + self.width * (area + torch.log(-torch.expm1(-area)))

    def density(self, log_snr: Tensor) -> Tensor:
        """The density at a ratio between the bounds."""
        area = self.width * (self._integral(self.high) - self._integral(self.low))
        return torch.sigmoid((log_snr - self.centre) / self.width) / area

    def _integral(self, log_snr: float) -> float:
        return math.log1p(math.exp((log_snr - self.centre) / self.width))


@torch.no_grad()
def gaussian_bound(
    denoiser: Denoiser[Gaussian],
    x0: Tensor,
    reconstruction: Reconstruction,
    draws: int,
    seed: int,
    first: int = 0,
    **cond: Any,
) -> GaussianBound:
    """Estimate the bound on ``-log p`` of every item, given its conditions.

    Each item is evaluated at ratios of its own that cover the whole range evenly, one in each of
    equal parts; so the error of its estimate falls faster than with the root of the draws, until
    only that of the noise is left.

    Args:
        denoiser: The model, in evaluation mode and without guidance: a guided one is not a model
            of the data.
        x0: Clean data, shape (B, ...).
        reconstruction: The model of the data given the nearly clean state.
        draws: The number of ratios and noises for each item, at least 1.
        seed: The seed of both.
        first: The global index of the first item; item ``i`` depends on (seed, first + i) alone.
        **cond: Conditions, passed on to the backbone.
    """
    schedule = denoiser.process.schedule
    indices = range(first, first + len(x0))
    noisiest = _noisiest(schedule)
    ramp = _Ramp(noisiest, reconstruction.log_snr)
    places = _places(uniform(seed, Stream.LIKELIHOOD, indices), draws)
    total = torch.zeros(len(x0), dtype=torch.float64)
    for draw in range(draws):
        log_snr = ramp.quantile(places[:, draw])
        t = schedule.time(log_snr)
        noise = normal(seed, Stream.LIKELIHOOD, indices, x0.shape[1:], step=draw + 1).to(x0)
        mean = denoiser(denoiser.process.corrupt(x0, t, noise), t, **cond).mean
        total += log_snr.exp() * _energy(x0 - mean) / ramp.density(log_snr)
    prior = math.exp(noisiest) / 2 * _energy(x0)
    return GaussianBound(prior, total / (2 * draws), reconstruction.nats(x0))


def _places(offset: Tensor, draws: int) -> Tensor:
    """A place in each of ``draws`` equal parts of [0, 1] for every offset (B,); shape (B, draws).

    Places in neighbouring parts are mirrored: as far from the left as before from the right. So a
    linear function over two parts has the same mean at every offset.
    """
    odd = torch.arange(draws) % 2 == 1
    within = torch.where(odd, 1 - offset[:, None], offset[:, None])
    return (torch.arange(draws) + within) / draws


def _noisiest(schedule: Schedule) -> float:
    """The log signal-to-noise ratio of the noisiest state."""
    last = schedule.log_snr(torch.ones((), dtype=torch.float64)).item()
    return max(last, _NOISIEST)


def _energy(x: Tensor) -> Tensor:
    """The sum of squares of each item, float64, shape (B,), on the CPU."""
    return x.double().square().flatten(1).sum(1).cpu()
