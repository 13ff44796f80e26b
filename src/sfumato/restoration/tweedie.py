"""The first two moments of clean data given a state, from a denoiser and its derivative."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from sfumato.restoration.method import Differentiated, PosteriorDenoiser

# Share of the largest variance below which a state tells nothing.
_NOTHING_KNOWN = 1e-3


@dataclass(frozen=True, eq=False)
class Moments:
    """``E[x0 | x_t]`` and ``Cov[x0 | x_t]`` for each row of a batch.

    Attributes:
        mean: Shape (B, C, *sides).
        covariance: Maps vectors ``v`` to ``C v``, both shaped like the mean; each product is one
            backward pass of the network.
    """

    mean: Tensor
    covariance: Callable[[Tensor], Tensor]

    @classmethod
    def at(cls, guide: PosteriorDenoiser, x_t: Tensor, t: Tensor, **cond: Any) -> Moments:
        """The moments at a state.

        Where the state tells next to nothing, as at ``alpha = 0``, the covariance is that of the
        data; elsewhere it is ``sigma^2 / alpha J^T`` with the Jacobian of the posterior mean.

        Args:
            guide: The denoiser of the posterior, which knows the prior's and the covariance.
            x_t: States, shape (B, C, *sides).
            t: Time in (0, 1], float64, shape ().
            **cond: Conditions with B rows.
        """
        schedule = guide.process.schedule
        at = Differentiated.at(guide.denoiser, x_t, t, **cond)
        known = guide.covariance.to(at.mean)
        if schedule.log_snr(t).exp().item() * known.variances.max().item() < _NOTHING_KNOWN:
            groups = len(guide.tiling.split(at.mean))
            return cls(at.mean, lambda v: guide.tiling.apply([known.apply] * groups, v))
        alpha, sigma = schedule.coefficients(t)
        scale = (sigma.square() / alpha).item()
        return cls(at.mean, lambda v: scale * at.transposed(v))
