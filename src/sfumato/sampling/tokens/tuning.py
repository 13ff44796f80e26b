"""Fitting the grid of a sampler of masked tokens to one model.

A step from the share ``u`` of tokens kept to ``u'`` reveals ``(u' - u) L`` tokens on average, each
drawn from the belief at ``u``. Sampling in N steps therefore has a variational bound of its own, in
nats a token

    sum_k (u_k+1 - u_k) c(u_k),       c(u) = mean cross-entropy of a masked token at u:

a sum from the left of the integral that is the bound of endlessly many steps (Sahoo et al. 2024,
arXiv:2406.07524, eq. 8). What it is above that integral is what is lost by drawing tokens together
that depend on each other. ``c`` is measured, and the grid with the least sum is found exactly, by
dynamic programming.
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
    """Cross-entropies at masked places, where some share of the tokens is kept.

    Args:
        denoiser: The model, in evaluation mode.
        process: It masks.
        x0: Clean tokens, int64, shape (B, L).
        counted: Which places are text, bool, shape (B, L).
        kept: Shares kept, in [0, 1), shape (K,).
        seed: Of the masks.
        first: Global index of the first row; row ``i`` depends on (seed, first + i) alone.
        **cond: Conditions, passed on to the backbone.

    Returns:
        Their sum in nats, and how many there were, each of shape (K,).
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
    """The bound of sampling along a grid, in nats a token.

    Args:
        kept: The shares at the beginnings of its steps, rising from 0, shape (N,).
        nats: ``c`` there.
    """
    return float(np.diff(kept, append=1.0) @ nats)


def best_grid(kept: Curve, nats: Curve, steps: int) -> Curve:
    """The grid of so many steps with the least bound, all of its shares among the given.

    Args:
        kept: Candidates, rising from 0 to below 1, shape (M,) with M at least ``steps``.
        nats: ``c`` at each.
        steps: N, at least 1.

    Returns:
        The shares at the beginnings of its steps, the first of them 0, shape (N,).
    """
    ends = np.append(kept, 1.0)
    # From each candidate to each later place in one step.
    step = np.where(
        ends[None, :] > kept[:, None], (ends[None, :] - kept[:, None]) * nats[:, None], np.inf
    )
    to_go = step[:, -1]
    choices = []
    for _ in range(steps - 1):
        through = step[:, :-1] + to_go[None, :]
        choices.append(through.argmin(1))
        to_go = through.min(1)
    place, places = 0, [0]
    for choice in reversed(choices):
        place = int(choice[place])
        places.append(place)
    return kept[places]
