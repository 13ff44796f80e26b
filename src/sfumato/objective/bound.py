"""The continuous-time variational bound of categorical processes, in nats per token.

Its expectation over uniform times in [0, 1] and over the noise is never below the cross-entropy of
the data under the model, and equals the entropy of the data if the denoiser is exact. With another
distribution of times it is a training criterion, but not a bound.
"""

from __future__ import annotations

from typing import Any, ClassVar, Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from sfumato.denoiser import TokenDenoiser
from sfumato.objective.objective import TokenObjective
from sfumato.process.categorical import Masking, Uniform

# Where keep rounds to 1 no token is lost, but it divides; this is how near to 1 keep can come.
_LEAST = 2.0**-53


def variational_bound(
    denoiser: TokenDenoiser,
    x0: Tensor,
    t: Tensor,
    noise: Tensor,
    counted: Tensor | None = None,
    **cond: Any,
) -> Tensor:
    """One estimate of the bound for every sample, at one time and with one noise.

    Args:
        denoiser: The model, in training or trained.
        x0: Clean tokens, int64, shape (B, L).
        t: Times in (0, 1), float64, shape (B,).
        noise: Uniform in [0, 1), float64, shape (B, L).
        counted: Which places are data, bool, shape (B, L), at least one in every row; the others
            are padding. None = all.
        **cond: Conditions, passed on to the backbone.

    Returns:
        Nats per counted token, float32, shape (B,).
    """
    counted = torch.ones_like(x0, dtype=torch.bool) if counted is None else counted
    if isinstance(denoiser.process, Masking):
        return _masking(denoiser, denoiser.process, x0, t, noise, counted, cond)
    return _uniform(denoiser, denoiser.process, x0, t, noise, counted, cond)


class Bound(TokenObjective):
    """The variational bound, see :func:`variational_bound`."""

    summary: ClassVar[str] = "the variational bound, in nats per token"

    kind: Literal["bound"] = "bound"

    def __call__(
        self,
        denoiser: TokenDenoiser,
        x0: Tensor,
        t: Tensor,
        noise: Tensor,
        counted: Tensor | None = None,
        **cond: Any,
    ) -> Tensor:
        """See :meth:`TokenObjective.__call__`."""
        return variational_bound(denoiser, x0, t, noise, counted, **cond)


def _masking(
    denoiser: TokenDenoiser,
    process: Masking,
    x0: Tensor,
    t: Tensor,
    noise: Tensor,
    counted: Tensor,
    cond: dict[str, Any],
) -> Tensor:
    """Cross-entropy at the masked places, weighted.

    The bound is the integral of ``dm / m`` times the expected sum over masked places, over mask
    rates ``m`` (Shi et al. 2024, arXiv:2406.04329, eq. 5; Sahoo et al. 2024, arXiv:2406.07524,
    eq. 11). Sorted by how many places are masked it is the sum over ``k`` of ``1 / k`` times the
    expected sum over ``k`` masked places, because the binomial probability of ``k`` integrates to
    ``1 / k`` against ``dm / m`` (Ou et al. 2024, arXiv:2406.03736, section 3.3). So ``k`` is
    chosen by the mask rate of the time, and the number of masks that a rate happens to give is no
    longer a source of variance.
    """
    total = counted.sum(1).double()
    rate = (1 - process.keep.keep(t)).to(total.device)
    count = (rate * total).ceil().clamp_min(1).minimum(total)
    # Chance of this count: the share of [0, 1] whose times have a mask rate in (k - 1, k] / total.
    chance = process.keep.time(1 - count / total) - process.keep.time(1 - (count - 1) / total)
    order = torch.where(counted, noise, 2.0).argsort(1).argsort(1)
    masked = (order < count.unsqueeze(1)) & counted
    logits = denoiser.predict(torch.where(masked, process.mask, x0), t, **cond)
    errors = F.cross_entropy(logits[masked], x0[masked], reduction="none")
    rows = torch.zeros(len(x0), device=errors.device)
    rows = rows.index_add(0, masked.nonzero()[:, 0], errors)
    return rows * (1 / (total * count * chance)).float()


def _uniform(
    denoiser: TokenDenoiser,
    process: Uniform,
    x0: Tensor,
    t: Tensor,
    noise: Tensor,
    counted: Tensor,
    cond: dict[str, Any],
) -> Tensor:
    """Difference between the true rates of change back in time and the model's.

    With forward rate ``b = -keep' / keep`` to be replaced, a token ``w`` goes back to ``v`` at the
    rate ``b / V q(v | u) / q(w | u)`` if it came from ``u``; the model averages that over its
    posterior of ``u``. The bound is the integral of the Kullback-Leibler rate between the two jump
    processes (Campbell et al. 2022, arXiv:2205.14987, proposition 2; Lou et al. 2023,
    arXiv:2310.16834, theorem 3.6; Schiff et al. 2024, arXiv:2412.10193, eq. 14).
    """
    size = process.size
    x_t = process.corrupt(x0, t, noise)
    keep = process.keep.keep(t)
    speed = process.keep.rate(t) / keep / size
    to = x0.device
    other = ((1 - keep).clamp_min(_LEAST) / size).to(to)[:, None]
    same = keep.to(to)[:, None] + other
    beliefs = denoiser.predict(x_t, t, **cond).double().softmax(-1)
    here = F.one_hot(x_t, size).bool()
    share = beliefs / torch.where(here, same.unsqueeze(-1), other.unsqueeze(-1))
    model = (same - other).unsqueeze(-1) * share + other.unsqueeze(-1) * share.sum(-1, keepdim=True)
    stayed = x_t == x0
    # The true ratio is one number everywhere but at the origin.
    ratio = torch.where(stayed, other / same, 1.0)
    true = ratio.unsqueeze(-1).expand_as(model)
    origin = F.one_hot(x0, size).bool() & ~stayed.unsqueeze(-1)
    true = torch.where(origin, (same / other).unsqueeze(-1), true)
    terms = model - true - true * (model.log() - true.log())
    terms = terms.masked_fill(here, 0.0).sum(-1) * counted
    return (speed.to(to) * terms.sum(1) / counted.sum(1)).float()
