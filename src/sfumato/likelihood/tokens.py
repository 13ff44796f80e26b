"""The likelihood of text: a bound, and the exact likelihood of one order of unmasking.

The bound on a row is estimated at times that cover [0, 1] evenly for each row, so that a few draws
are enough; it is unbiased, and on average never below the negative log-likelihood.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from sfumato.conditions import Conditions
from sfumato.denoiser import Denoiser, TokenDenoiser
from sfumato.objective.bound import variational_bound
from sfumato.process.categorical import CategoricalProcess, Masking
from sfumato.process.rng import Stream, uniform

# The largest number of logits in memory when orders are scored: 256 MB of float32.
_MOST_LOGITS = 1 << 26


@torch.no_grad()
def token_bound(
    denoiser: TokenDenoiser,
    x0: Tensor,
    counted: Tensor,
    draws: int,
    seed: int,
    first: int = 0,
    **cond: Any,
) -> Tensor:
    """Estimates of the bound on ``-log p`` of every row.

    Args:
        denoiser: The model, in evaluation mode.
        x0: Clean tokens, int64, shape (B, L).
        counted: The places that are text, bool, shape (B, L); at least one in each row.
        draws: The number of times and noises for each row, at least 1.
        seed: The seed of times and noise.
        first: The global index of the first row; row ``i`` depends on (seed, first + i) alone.
        **cond: Conditions, passed on to the backbone.

    Returns:
        Nats per row, float64, shape (B,) on the CPU.
    """
    indices = range(first, first + len(x0))
    offset = uniform(seed, Stream.LIKELIHOOD, indices)
    total = torch.zeros(len(x0), dtype=torch.float64)
    for draw in range(draws):
        t, weight = _time_at(denoiser.process, (offset + draw) / draws)
        noise = uniform(seed, Stream.LIKELIHOOD, indices, x0.shape[1:], step=draw + 1)
        nats = variational_bound(denoiser, x0, t, noise.to(x0.device), counted, **cond)
        total += weight * nats.double().cpu()
    return total / draws * counted.sum(1).double().cpu()


def _time_at(process: CategoricalProcess, place: Tensor) -> tuple[Tensor, Tensor]:
    """Times for places in [0, 1], and the weight of each in an integral over times.

    Under masking the estimates have the same magnitude at all times. Under a uniform process few
    tokens have changed where few are lost, and each of those has a large weight: with times drawn
    evenly, such a sum has no finite variance. So the shares of lost tokens are the cubes of even
    ones.
    """
    keep = process.keep
    if isinstance(process, Masking):
        return keep.inside(place), torch.ones_like(place)
    t = keep.inside(keep.time(1 - place.pow(3)))
    return t, 3 * place.square() / keep.rate(t)


@torch.no_grad()
def order_likelihood(
    denoiser: Denoiser[CategoricalProcess],
    x0: Tensor,
    hidden: Tensor,
    orders: int,
    seed: int,
    most: int | None = None,
    **cond: Any,
) -> Tensor:
    """``log p`` of some tokens of one text given the others, under a masking process.

    The chain rule along random orders of unmasking, exact for each order and averaged over orders.

    Args:
        denoiser: The model; its process masks.
        x0: Clean tokens, int64, shape (L,).
        hidden: The tokens to score, bool, shape (L,); at least one.
        orders: The number of orders to average, at least 1.
        seed: The seed of the orders.
        most: The largest number of evaluations; of more tokens, some are scored, evenly spaced
            along the orders. None scores all.
        **cond: Conditions, each with one row.

    Returns:
        Nats per scored token, float64, shape ().
    """
    process, conditions = denoiser.process, Conditions(cond)
    if not isinstance(process, Masking):
        raise TypeError("only a masking process unmasks tokens in an order")
    places = hidden.nonzero()[:, 0]
    count = len(places)
    ranks = uniform(seed, Stream.LIKELIHOOD, range(orders), (count,)).argsort(1).argsort(1)
    # Row (o, k): the first k places of order o are unmasked, and the next one is scored.
    known = ranks[:, None, :] < torch.arange(count)[None, :, None]
    states = x0.expand(orders, count, -1).clone()
    states[:, :, places] = torch.where(known.to(x0.device), x0[places], process.mask)
    targets = places[ranks.argsort(1).to(places.device)].flatten()
    rows = states.flatten(0, 1)
    t = process.keep.time(torch.arange(count, dtype=torch.float64) / count).repeat(orders)
    scores = []
    batch = max(1, _MOST_LOGITS // (len(x0) * process.size))
    scored = torch.arange(len(rows))
    if most is not None and len(rows) > most:
        scored = (torch.arange(most) * len(rows)) // most
    for part in torch.split(scored, batch):
        logits = denoiser(rows[part], t[part], **conditions.repeat(len(part))).logits
        log_probabilities = logits[torch.arange(len(part)), targets[part]].double().log_softmax(-1)
        scores.append(log_probabilities.gather(1, x0[targets[part]][:, None]))
    mean: Tensor = torch.cat(scores).mean()
    return mean
