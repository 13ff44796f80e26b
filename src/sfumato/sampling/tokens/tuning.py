"""Fitting the grid of a sampler of masked tokens to one model.

A step from the share ``u`` of kept tokens to ``u'`` reveals ``(u' - u) L`` tokens on average, each
drawn from the posterior at ``u``. Sampling in N steps therefore has its own variational bound, in
nats per token,

    sum_k (u_k+1 - u_k) c(u_k),       c(u) = mean cross-entropy of a masked token at u:

a left Riemann sum of the integral that is the bound of infinitely many steps (Sahoo et al. 2024,
arXiv:2406.07524, eq. 8). The excess over that integral is the loss of drawing dependent tokens
together. ``c`` is measured, and the grid with the least sum is found exactly, by dynamic
programming.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from sfumato.denoiser import Denoiser
from sfumato.process.categorical import CategoricalProcess, Masking
from sfumato.process.rng import Stream, uniform

Curve = NDArray[np.float64]


@torch.no_grad()
def surprise(
    denoiser: Denoiser[CategoricalProcess],
    process: Masking,
    x0: Tensor,
    counted: Tensor,
    kept: Curve,
    seed: int,
    first: int = 0,
    **cond: Any,
) -> tuple[Curve, Curve]:
    """Cross-entropies at masked places, for several shares of kept tokens.

    Args:
        denoiser: The model, in evaluation mode.
        process: The masking process.
        x0: Clean tokens, int64, shape (B, L).
        counted: The places that are text, bool, shape (B, L).
        kept: The shares of kept tokens, in [0, 1), shape (K,).
        seed: Seed of the masks.
        first: Global index of the first row; row ``i`` depends on (seed, first + i) alone.
        **cond: Conditions, passed on to the backbone.

    Returns:
        The sum of the cross-entropies in nats, and their number, each of shape (K,).
    """
    indices = range(first, first + len(x0))
    u = uniform(seed, Stream.LIKELIHOOD, indices, x0.shape[1:]).to(x0.device)
    sums, counts = np.zeros(len(kept)), np.zeros(len(kept))
    for k, share in enumerate(kept):
        masked = (u >= share) & counted
        t = process.keep.time(torch.tensor(share, dtype=torch.float64))
        logits = denoiser(torch.where(masked, process.mask, x0), t, **cond).logits
        errors = F.cross_entropy(logits[masked].double(), x0[masked], reduction="sum")
        sums[k], counts[k] = errors.item(), masked.sum().item()
    return sums, counts


def bound_of(kept: Curve, nats: Curve) -> float:
    """The bound of sampling along a grid, in nats per token.

    Args:
        kept: The shares at the starts of its steps, rising from 0, shape (N,).
        nats: ``c`` at these shares.
    """
    return float(np.diff(kept, append=1.0) @ nats)


def best_grid(kept: Curve, nats: Curve, steps: int) -> Curve:
    """The grid with the least bound for a number of steps, chosen from candidate shares.

    Args:
        kept: The candidates, rising from 0 to below 1, shape (M,) with M at least ``steps``.
        nats: ``c`` at each candidate.
        steps: N, at least 1.

    Returns:
        The shares at the starts of its steps, the first of them 0, shape (N,).
    """
    ends = np.append(kept, 1.0)
    # From each candidate to each later place in one step.
    step = np.where(
        ends[None, :] > kept[:, None], (ends[None, :] - kept[:, None]) * nats[:, None], np.inf
    )
    remaining = step[:, -1]
    choices = []
    for _ in range(steps - 1):
        through = step[:, :-1] + remaining[None, :]
        choices.append(through.argmin(1))
        remaining = through.min(1)
    place, places = 0, [0]
    for choice in reversed(choices):
        place = int(choice[place])
        places.append(place)
    return kept[places]
