"""Drawing rows that an automaton accepts: exact in the limit of many particles.

A denoiser gives the distribution of each token alone, given those that are visible. Tokens can be
drawn so that the row is accepted as if they were independent (``chain``), but that is not their
distribution given that it is accepted: the first tokens do not know how well the constraint goes
with what the denoiser will say next. Here several particles are drawn, and weighted by what they
did not know. Let ``psi(x)`` be the probability that a row is accepted with the masked tokens drawn
independently, as the denoiser sees them at the state ``x``. A step reveals the tokens ``x_S`` of
some places from the distribution of accepted rows, and then the particle has the weight

    psi(x with x_S, as the denoiser sees them now) / psi(x with x_S, as it saw them before),

which is 1 in the last step. Where the effective number of particles falls below half, they are
drawn again in proportion to their weights. With more and more particles the result has exactly the
distribution of the denoiser's own samples, in the same order and number of steps, given that they
are accepted. With one token in a step that is the denoiser's own joint distribution; the error is
of the order of one over the number of particles.

The places are revealed from coarse to fine (``dyadic``), because then ``psi`` is least wrong: half
of the tokens come last, each between two that are visible. In a Markov chain of order 1 these are
independent, so ``psi`` is exact before the last half, and ``floor(log2 L) + 1`` evaluations of each
particle suffice.

Source: Del Moral, Doucet and Jasra 2006 (Sequential Monte Carlo samplers); twists as in Whiteley
and Lee 2014 (Twisted particle filters); Naesseth, Lindsten and Schon 2019 (arXiv:1903.04797) for
the effective number of particles.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from sfumato.conditions import Conditions
from sfumato.denoiser import Denoiser
from sfumato.errors import SettingError
from sfumato.process.categorical import CategoricalProcess, Masking
from sfumato.sampling.noise import KeyedUniform, NoiseSource
from sfumato.sampling.tokens.chain import Accepted, Chain
from sfumato.sampling.tokens.dyadic import share_time, turns
from sfumato.sampling.tokens.tables import Floats, Ints

# The numbers of the draws of noise in a step.
_TOKENS, _RESAMPLING, _CHOICE = range(3)
_PARTICLES = 2**32


def particle_noise(
    seed: int, indices: range, particles: int, device: torch.device | str = "cpu"
) -> KeyedUniform:
    """The noise of the particles of some samples: that of particle ``k`` of sample ``i`` depends on
    (seed, i, k) alone, and particle 0 has the noise of the sample itself.

    Args:
        seed: In [0, 2**64).
        indices: The indices of the samples, each below 2**32.
        particles: The number of particles of each sample.
        device: The device of the states.
    """
    numbers = [index + _PARTICLES * k for index in indices for k in range(particles)]
    return KeyedUniform(seed, numbers, device)


@dataclass(frozen=True, eq=False)
class Drawn:
    """Rows that are accepted.

    Attributes:
        x0: Tokens, int64, shape (B, L).
        log_mass: The log of an unbiased estimate of the probability that the denoiser's own sample
            is accepted, in nats, float64 (B,).
        effective: The smallest effective number of particles of each row, float64 (B,).
        rows: The particles of each row, int64, shape (B, K, L).
        weights: Their shares, float64 (B, K), summing to 1; ``x0`` is one of them, drawn so.
    """

    x0: Tensor
    log_mass: Floats
    effective: Floats
    rows: Tensor
    weights: Floats


@torch.no_grad()
def draw_accepted(
    denoiser: Denoiser[CategoricalProcess],
    accepted: Accepted,
    x_1: Tensor,
    free: Tensor,
    noise: NoiseSource,
    particles: int,
    steps: int,
    cond: Mapping[str, Any] | None = None,
    tile: int = 1,
) -> Drawn:
    """Draw rows that an automaton accepts; see the module.

    Args:
        denoiser: The model, under a masking process.
        accepted: The automaton, with B rows, each of which it can accept.
        x_1: Given tokens, and masks at the free places, int64, shape (B, L).
        free: The places to draw, bool, shape (B, L); at least one in each row.
        noise: The noise of B times K rows: the particles of the first row, then those of the next.
        particles: K, the number of particles for each row, at least 1.
        steps: The largest number of evaluations for each particle.
        cond: Conditions passed to the denoiser, each with B rows.
        tile: The number of rows that the denoiser evaluates together. Particles of a row that are
            in the same state are evaluated once.

    Raises:
        SettingError: The process does not mask, or a number is below 1.
    """
    if not isinstance(denoiser.process, Masking):
        raise SettingError("A constraint needs a masking process.")
    if min(particles, steps) < 1:
        raise SettingError(f"There cannot be {particles} particles and {steps} steps.")
    filter_ = _Filter(denoiser, denoiser.process, accepted, x_1, free, noise, particles, tile)
    limits = np.minimum(free.sum(1).cpu().numpy(), steps)
    turn = torch.cat(
        [
            turns(x_1[row : row + 1], free[row : row + 1], int(limit))
            for row, limit in enumerate(limits)
        ]
    )
    conditions = Conditions(cond or {})
    for step in range(int(limits.max())):
        filter_.step(step, np.flatnonzero(limits > step), turn, conditions)
    return filter_.drawn()


class _Filter:
    """The particles of all rows, those of one row side by side, and their weights."""

    def __init__(
        self,
        denoiser: Denoiser[CategoricalProcess],
        process: Masking,
        accepted: Accepted,
        x_1: Tensor,
        free: Tensor,
        noise: NoiseSource,
        particles: int,
        tile: int,
    ) -> None:
        self.denoiser, self.process, self.noise, self.count = denoiser, process, noise, particles
        self.tile = tile
        self.accepted = accepted.rows(np.repeat(np.arange(len(x_1)), particles))
        self.x_t = x_1.repeat_interleave(particles, 0)
        self.free = free.repeat_interleave(particles, 0)
        self.log_weights = np.zeros((len(x_1), particles))
        self.foreseen = np.zeros((len(x_1), particles))
        self.effective = np.full(len(x_1), float(particles))

    def step(self, step: int, active: Ints, turn: Tensor, cond: Conditions) -> None:
        """Evaluate the particles of some rows, draw them again if needed, and reveal tokens."""
        every = (active[:, None] * self.count + np.arange(self.count)).reshape(-1)
        states, state_of = self._different(active)
        chain = self._chain(states, cond)
        log_mass = chain.log_mass[state_of].reshape(-1, self.count)
        self.log_weights[active] += log_mass - self.foreseen[active]
        chosen = state_of[self._resampled(step, active)]
        rows, own, parents = (
            self._on(each) for each in (every, every // self.count, states[chosen])
        )
        x_0 = chain.draw(self.noise.step(step, self.x_t.shape[1:], _TOKENS)[rows], chosen)
        masked = self.free[rows] & (self.x_t[parents] == self.process.mask)
        now = masked & (turn[own] <= step)
        self.x_t[rows] = torch.where(now, x_0, self.x_t[parents])
        self.foreseen[active] = self._foreseen(chain, rows, masked & ~now, chosen)

    def _different(self, active: Ints) -> tuple[Ints, Ints]:
        """Particles of some rows in different states, and the number of each particle's state.

        Those of each row fill whole tiles, so that they do not depend on other rows.
        """
        states: list[int] = []
        state_of = np.empty((len(active), self.count), np.int64)
        for place, row in enumerate(active.tolist()):
            low = row * self.count
            tokens = self.x_t[low : low + self.count].cpu().numpy()
            _, first, number = np.unique(tokens, axis=0, return_index=True, return_inverse=True)
            state_of[place] = len(states) + number.reshape(-1)
            states += (low + first).tolist()
            states += [states[-1]] * (-len(states) % self.tile)
        return np.array(states), state_of.reshape(-1)

    def _chain(self, particles: Ints, cond: Conditions) -> Chain:
        """The accepted completions of some particles, as the denoiser sees them."""
        rows = self._on(particles)
        x_t = self.x_t[rows]
        own = cond.map(lambda each: each[(rows // self.count).to(each.device)])
        logits = self.denoiser(x_t, share_time(x_t, self.process), **own).logits
        masked = self.free[rows] & (x_t == self.process.mask)
        return self.accepted.rows(particles).given(x_t, masked, logits)

    def _on(self, numbers: Ints) -> Tensor:
        return torch.from_numpy(numbers).to(self.x_t.device)

    def _foreseen(self, chain: Chain, rows: Tensor, left: Tensor, states: Ints) -> Floats:
        """The log of the probability that a particle is accepted, as it was seen before."""
        if not left.any():
            return np.zeros((len(states) // self.count, self.count))
        return chain.after(self.x_t[rows], left, states).log_mass.reshape(-1, self.count)

    def _resampled(self, step: int, active: Ints) -> Ints:
        """The parent of each particle of some rows, as its number among all of theirs."""
        log_weights = self.log_weights[active]
        shares = _shares(log_weights)
        effective = 1 / np.square(shares).sum(1)
        self.effective[active] = np.minimum(self.effective[active], effective)
        parents = np.tile(np.arange(self.count), (len(active), 1))
        few = effective < self.count / 2
        if few.any():
            u = self.noise.step(step, (1,), _RESAMPLING)[:: self.count, 0].cpu().numpy()
            parents[few] = systematic(shares[few], u[active[few]], self.count)
            mean = _log_mean(log_weights[few])
            self.log_weights[active[few]] = mean[:, None]
        found: Ints = (parents + self.count * np.arange(len(active))[:, None]).reshape(-1)
        return found

    def drawn(self) -> Drawn:
        """One particle of each row, drawn in proportion to its weight."""
        shares = _shares(self.log_weights)
        u = self.noise.step(0, (1,), _CHOICE)[:: self.count, 0].cpu().numpy()
        rows = self.x_t.reshape(len(shares), self.count, -1)
        chosen = torch.from_numpy(systematic(shares, u, 1)[:, 0]).to(rows.device)
        x0 = rows[torch.arange(len(rows), device=rows.device), chosen]
        return Drawn(x0, _log_mean(self.log_weights), self.effective, rows, shares)


def systematic(shares: Floats, u: Floats, count: int) -> Ints:
    """Draw numbers in proportion to shares, evenly.

    Source: Kitagawa 1996 ("Monte Carlo filter and smoother"), appendix.

    Args:
        shares: Shape (n, K); each row sums to 1.
        u: Uniform in [0, 1), (n,).
        count: How many numbers to draw for each row.

    Returns:
        Ascending numbers in [0, K), int64 (n, count).
    """
    edges = shares.cumsum(1)
    levels = (u[:, None] + np.arange(count)) / count * edges[:, -1:]
    # Below any level, so that a share of 0 is never drawn.
    edges = np.where(shares > 0, edges, -1.0)
    found: Ints = (edges[:, None] > levels[:, :, None]).argmax(2)
    return found


def _shares(log_weights: Floats) -> Floats:
    weights = np.exp(log_weights - log_weights.max(1, keepdims=True))
    shares: Floats = weights / weights.sum(1, keepdims=True)
    return shares


def _log_mean(log_weights: Floats) -> Floats:
    top = log_weights.max(1)
    mean: Floats = top + np.log(np.exp(log_weights - top[:, None]).mean(1))
    return mean
