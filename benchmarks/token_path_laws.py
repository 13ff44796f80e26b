"""The law of a sampler's whole path, step by step, for the samplers whose path has a known one.

A sampler of tokens goes ``x_1, ..., x_0`` by steps of known probability ``q``. Beside it goes the
path that takes the same places in the same manner, but draws tokens together from what the data's
law says of them, ``p``; its end is distributed exactly as the data. So the mean of ``log q(path) -
log p(path)`` over the sampler's own paths is a Kullback-Leibler divergence, and the divergence of
the samples alone is at most that (data processing), and equal where the order is fixed.

Masking: given which places are revealed when, ``p`` of the path is ``p(x_0)``, and ``q`` the
product over steps of the chance of the tokens revealed. Uniform: ``p`` of the path is ``p(x_0)``
times the corruption's chances ``q(x_t | x_s)``, and ``q`` of it the product of bridges.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from sfumato.denoiser import Denoiser, Posterior
from sfumato.oracle import MarkovChain
from sfumato.process.categorical import CategoricalProcess, Uniform
from sfumato.sampling.loop import trajectory
from sfumato.sampling.noise import NoiseSource
from sfumato.sampling.tokens import (
    Ancestral,
    Bridge,
    Confidence,
    Dyadic,
    TokenSampler,
    Trapezoid,
)
from sfumato.sampling.tokens.sampler import masking

# Thresholds are tried on some rows of a batch at a time, to bound the memory.
_ROWS = 8


@dataclass(frozen=True)
class Call:
    """A question to the denoiser and its answer: tokens (B, L), logits (B, L, V)."""

    x_t: Tensor
    logits: Tensor


class Recorder(Denoiser[CategoricalProcess]):
    """Passes questions on to a denoiser and remembers them."""

    def __init__(self, denoiser: Denoiser[CategoricalProcess]) -> None:
        super().__init__(denoiser.process)
        self.denoiser = denoiser
        self._calls: list[Call] = []

    def forward(self, x_t: Tensor, t: Tensor, **cond: Any) -> Posterior:
        posterior: Posterior = self.denoiser(x_t, t, **cond)
        self._calls.append(Call(x_t, posterior.logits))
        return posterior

    def take(self) -> list[Call]:
        """What was asked since the last time."""
        calls, self._calls = self._calls, []
        return calls


@dataclass(frozen=True)
class Step:
    """From ``x_t`` at ``t`` to ``x_s`` at ``s``, tokens of shape (B, L), and what was asked."""

    process: CategoricalProcess
    x_t: Tensor
    x_s: Tensor
    t: Tensor
    s: Tensor
    calls: list[Call]


Law = Callable[[Step], Tensor]
"""``log q - log p`` of a step in nats, without ``log p(x_0)``, float64, shape (B,)."""


def law_of(sampler: TokenSampler, process: CategoricalProcess) -> Law | None:
    """The law of a step, or None where ours is not known in closed form.

    Remasking has one, but it counts every token that was drawn, those thrown away too, and so says
    little of those that stay.
    """
    match sampler:
        case Bridge() if isinstance(process, Uniform):
            return bridged
        case Ancestral() | Bridge() | Dyadic():
            return revealed
        case Trapezoid():
            return lambda step: halved(step, sampler)
        case Confidence(noise=0):
            return surest
    return None


def walk(
    denoiser: Denoiser[CategoricalProcess],
    chain: MarkovChain,
    sampler: TokenSampler,
    noise: NoiseSource,
    evaluations: int,
) -> tuple[Tensor, Tensor | None]:
    """The samples, int64 (B, L), and ``log q - log p`` of their paths in nats, shape (B,)."""
    process, recorder = denoiser.process, Recorder(denoiser)
    law = law_of(sampler, process)
    states = trajectory(recorder, sampler, noise, (chain.length,), evaluations)
    here, calls = next(states), recorder.take()
    nats = torch.zeros(len(here.x_t), dtype=torch.float64)
    for there in states:
        t, s = (torch.tensor(at.t, dtype=torch.float64) for at in (here, there))
        if law is not None and calls:
            nats += law(Step(process, here.x_t, there.x_t, t, s, calls))
        here, calls = there, recorder.take()
    if law is None:
        return here.x_t, None
    prior = chain.length * math.log(chain.size) if isinstance(process, Uniform) else 0.0
    return here.x_t, nats - prior - chain.log_probability(here.x_t)


def revealed(step: Step) -> Tensor:
    """Places are chosen without a look at the tokens, and each token is drawn for itself."""
    return _drawn(step.process, step.x_t, step.x_s, step.calls[0].logits.log_softmax(-1))


def halved(step: Step, sampler: Trapezoid) -> Tensor:
    """The same, in two parts; the second draws from what the sampler makes of both answers."""
    if len(step.calls) < 2:
        return revealed(step)
    start, there = step.calls
    first = _drawn(step.process, step.x_t, there.x_t, start.logits.log_softmax(-1))
    corrected = sampler._corrected(there.logits, start.logits).log()
    return first + _drawn(step.process, there.x_t, step.x_s, corrected)


def bridged(step: Step) -> Tensor:
    """Every token goes for itself, and could have been corrupted the other way."""
    process = step.process
    believed = step.calls[0].logits.softmax(-1)
    chances = process.bridge(step.x_t, believed, step.t, step.s).probabilities
    forth = (chances / chances.sum(-1, keepdim=True)).gather(-1, step.x_s.unsqueeze(-1))
    kept = process.keep.keep(step.t) / process.keep.keep(step.s)
    back = kept * (step.x_t == step.x_s) + (1 - kept) / process.size
    return (forth[..., 0].log() - back.log()).sum(1)


def surest(step: Step) -> Tensor:
    """All masks are drawn and the surest kept: ``log q(tokens | places, x_t)``."""
    process, (call,) = masking(step.process, "confidence"), step.calls
    hidden = step.x_t == process.mask
    # Rounded just as the sampler rounds it: far from all that is known, many are equally sure.
    sureness = torch.zeros_like(call.logits)
    sureness[hidden] = call.logits[hidden].log_softmax(-1)
    parts = (torch.split(part, _ROWS) for part in (hidden, step.x_s, sureness))
    rows = zip(*parts, strict=True)
    return torch.cat([_selected(h, x_s, row, process.mask) for h, x_s, row in rows])


def _selected(hidden: Tensor, x_s: Tensor, sureness: Tensor, mask: int) -> Tensor:
    """``log q(tokens | places)`` of some rows.

    What was kept stands above a threshold, the least sure of it, and every other draw below. So the
    chance of the tokens is a product, and that of the places the sum of such products over all the
    thresholds there might have been: any token of any of the places.

    Args:
        hidden: What was masked, bool, shape (B, L).
        x_s: The state after the step, shape (B, L).
        sureness: ``log m`` of every token, shape (B, L, V).
        mask: The token that stands for a hidden one.
    """
    kept, known = hidden & (x_s != mask), ~hidden.unsqueeze(1)
    own = sureness.gather(-1, x_s.clamp_max(mask - 1).unsqueeze(-1))[..., 0]
    tokens = own.masked_fill(~kept, 0.0).sum(1)
    if torch.equal(kept, hidden):
        return tokens
    least = own.masked_fill(~kept, torch.inf)
    # The latest of equals is the first to go.
    last = least.shape[1] - 1 - least.flip(1).argmin(1, keepdim=True)
    below = _agreeing(sureness, kept, least.gather(1, last), last)
    joint = tokens + below.masked_fill(known | kept.unsqueeze(1), 1.0).log().sum((1, 2))
    at = kept.nonzero()[:, 1].view(len(kept), -1, 1).expand(-1, -1, sureness.shape[-1])
    level, at = sureness.gather(1, at).flatten(1), at.flatten(1)
    rest = _agreeing(sureness, kept, level, at).masked_fill_(known, 1.0)
    rest.scatter_(-1, at.unsqueeze(-1), 1.0)
    places = (level + rest.log_().sum(-1)).logsumexp(-1)
    return joint - places


def _agreeing(sureness: Tensor, kept: Tensor, level: Tensor, at: Tensor) -> Tensor:
    """Chance that a draw falls on its side of a threshold: kept ones above, others below.

    Args:
        sureness: Shape (B, L, V).
        kept: Shape (B, L).
        level: Thresholds, shape (B, T).
        at: The places that they are of, shape (B, T): of equals the earlier is above.

    Returns:
        Shape (B, T, L).
    """
    later = torch.arange(kept.shape[1]) > at.unsqueeze(-1)
    kept, level = kept.unsqueeze(1), level.unsqueeze(-1)
    chance = torch.zeros(later.shape, dtype=sureness.dtype)
    for each in sureness.unsqueeze(1).unbind(-1):
        below = (each < level) | ((each == level) & later)
        chance += each.exp() * (below != kept)
    return chance


def _drawn(process: CategoricalProcess, x_t: Tensor, x_s: Tensor, log_chances: Tensor) -> Tensor:
    """Sum over the masks that were lifted of the log-chance of what they became, shape (B,)."""
    mask = masking(process, "path").mask
    lifted = (x_t == mask) & (x_s != mask)
    own = log_chances.gather(-1, x_s.clamp_max(mask - 1).unsqueeze(-1))[..., 0]
    return own.masked_fill(~lifted, 0.0).sum(1)
