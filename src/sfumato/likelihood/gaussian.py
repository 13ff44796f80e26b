"""How likely a Gaussian diffusion finds data: the variational bound in continuous time.

    -log p(x0) <= KL(q(x_1 | x0) || p(x_1))                       prior
                  + 1/2 integral of e^l E|x0 - x0_hat|^2 dl       diffusion
                  + E[-log p(x0 | y)]                             reconstruction

where ``l`` is the log signal-to-noise ratio, from that of the noisiest state ``x_1`` to that of the
end ``y``, and ``x_1`` is begun at as pure noise. Source: Kingma et al. 2021 (arXiv:2107.00630), eq.
11 and 18. The schedule decides where the noise begins, and nothing else.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from sfumato.denoiser import Denoiser
from sfumato.likelihood.reconstruction import End
from sfumato.process.gaussian import Gaussian
from sfumato.process.rng import Stream, normal, uniform
from sfumato.process.schedule import Schedule

# Below this a state tells next to nothing: 1/2 e^-10 |x0|^2 nats, 3e-5 bits of a number that is 1.
_NOISIEST = -10.0


@dataclass(frozen=True)
class GaussianBound:
    """Estimates of the bound on ``-log p`` of some items, in nats; each float64, (B,), on the CPU.

    Attributes:
        prior: What the noisiest state still tells of the item. Exact.
        diffusion: What its states tell on the way from there to the end. Unbiased.
        reconstruction: What is left to be told of the item there. Exact.
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
    shape of what is integrated: for normal data of variance ``v`` it is ``sigmoid(l + log v) / 2``
    per number. The ramp is wider, so that no state counts for much more than another whatever the
    data are and however wrong the network is at high noise. Where it lies was measured on digits
    and on drums: what a trained network does not know of them grows from ``l = -5`` to 10.

    Attributes:
        low: Least ratio.
        high: Greatest.
    """

    low: float
    high: float
    centre: float = 4.0
    width: float = 3.0

    def quantile(self, u: Tensor) -> Tensor:
        """The ratio below which a share ``u`` in [0, 1] of them lies."""
        below = self._integral(self.low)
        area = below + u * (self._integral(self.high) - below)
        # The inverse of log(1 + exp(l)).
        return self.centre + self.width * (area + torch.log(-torch.expm1(-area)))

    def density(self, log_snr: Tensor) -> Tensor:
        """Of a ratio between the bounds."""
        area = self.width * (self._integral(self.high) - self._integral(self.low))
        return torch.sigmoid((log_snr - self.centre) / self.width) / area

    def _integral(self, log_snr: float) -> float:
        return math.log1p(math.exp((log_snr - self.centre) / self.width))


@torch.no_grad()
def gaussian_bound(
    denoiser: Denoiser[Gaussian],
    x0: Tensor,
    end: End,
    draws: int,
    seed: int,
    first: int = 0,
    **cond: Any,
) -> GaussianBound:
    """Estimate the bound on ``-log p`` of every item, given its conditions.

    Each item is asked about at ratios of its own that cover the whole way evenly, one in each of
    equal parts; so its estimate's error falls faster than by the root of the draws, until the noise
    itself is what is left.

    Args:
        denoiser: The model, in evaluation mode and without guidance: a guided one is no model of
            the data.
        x0: Clean data, shape (B, ...).
        end: How the bound comes to the data.
        draws: How many ratios and noises each item is asked at, at least 1.
        seed: Of both.
        first: Global index of the first item; item ``i`` depends on (seed, first + i) alone.
        **cond: Conditions, passed on to the backbone.
    """
    schedule = denoiser.process.schedule
    indices = range(first, first + len(x0))
    noisiest = _noisiest(schedule)
    ramp = _Ramp(noisiest, end.log_snr)
    places = _places(uniform(seed, Stream.LIKELIHOOD, indices), draws)
    total = torch.zeros(len(x0), dtype=torch.float64)
    for draw in range(draws):
        log_snr = ramp.quantile(places[:, draw])
        t = schedule.time(log_snr)
        noise = normal(seed, Stream.LIKELIHOOD, indices, x0.shape[1:], step=draw + 1).to(x0)
        belief = denoiser(denoiser.process.corrupt(x0, t, noise), t, **cond).mean
        wrong = _energy(x0 - belief)
        total += log_snr.exp() * wrong / ramp.density(log_snr)
    prior = math.exp(noisiest) / 2 * _energy(x0)
    return GaussianBound(prior, total / (2 * draws), end.nats(x0))


def _places(offset: Tensor, draws: int) -> Tensor:
    """A place in each of ``draws`` equal parts of [0, 1] for every offset (B,); shape (B, draws).

    From one part to the next they are mirrored: as far from the left as before from the right.
    What changes steadily over two parts then averages to the same at every offset.
    """
    odd = torch.arange(draws) % 2 == 1
    within = torch.where(odd, 1 - offset[:, None], offset[:, None])
    return (torch.arange(draws) + within) / draws


def _noisiest(schedule: Schedule) -> float:
    """The log signal-to-noise ratio that the states begin at."""
    last = schedule.log_snr(torch.ones((), dtype=torch.float64)).item()
    return max(last, _NOISIEST)


def _energy(x: Tensor) -> Tensor:
    """The sum of squares of each item, float64, shape (B,), on the CPU."""
    return x.double().square().flatten(1).sum(1).cpu()
