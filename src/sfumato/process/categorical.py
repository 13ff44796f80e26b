"""Categorical processes: tokens are replaced by a mask or by random tokens.

Tokens are independent. With ``k = keep(t)``, V clean tokens and ``u`` the clean token,

    masking:    q(x_t | u) = k [x_t = u] + (1 - k) [x_t = mask]
    uniform:    q(x_t | u) = k [x_t = u] + (1 - k) / V

Given ``x_t`` and ``x0`` the state at an earlier time ``s < t`` has a known distribution, the
*bridge*. If ``x0`` is only known by a distribution for each token, a *belief*, the bridge is the
mixture over it; ancestral samplers step along it.

Source: Austin et al. 2021 (arXiv:2107.03006), section 3 and appendix A.2.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from sfumato.process.gaussian import spread
from sfumato.process.keep import Keep

# Least probability in a denominator; its inverse times any V is finite.
_LEAST = 1e-300


@dataclass(frozen=True)
class Categorical:
    """A distribution over K categories for every token.

    Attributes:
        probabilities: Shape (B, L, K), float64, not negative; each row has a positive sum and
            stands for itself divided by that sum.
    """

    probabilities: Tensor

    def sample(self, noise: Tensor) -> Tensor:
        """Draw by the inverse of the distribution function at uniform ``noise``.

        A category of probability 0 is never drawn. In float32 rare categories would be lost by
        rounding, which lowers the effective temperature (Zheng et al. 2024, arXiv:2409.02908).

        Args:
            noise: In [0, 1), float64, shape (B, L).

        Returns:
            int64, shape (B, L).
        """
        edges = self.probabilities.cumsum(-1)
        # Below any level, as a parallel sum may exceed an empty category by rounding.
        edges.masked_fill_(self.probabilities <= 0, -1.0)
        level = noise.to(edges.device).unsqueeze(-1) * edges.amax(-1, keepdim=True)
        return (edges > level).to(torch.uint8).argmax(-1)


@dataclass(frozen=True)
class Masking:
    """The masking process: lost tokens become masks.

    Source: Austin et al. 2021 (arXiv:2107.03006); in continuous time Shi et al. 2024
    (arXiv:2406.04329) and Sahoo et al. 2024 (arXiv:2406.07524).

    Attributes:
        keep: The probability that a token is not lost.
        size: V, the number of clean tokens, numbered from 0.
    """

    keep: Keep
    size: int

    @property
    def mask(self) -> int:
        """The number of the mask token."""
        return self.size

    @property
    def states(self) -> int:
        """K, the number of tokens a state may hold."""
        return self.size + 1

    def corrupt(self, x0: Tensor, t: Tensor, noise: Tensor) -> Tensor:
        """The state at time ``t``. With the same noise, masks stay masks as ``t`` grows.

        Args:
            x0: Clean tokens, int64, shape (B, L).
            t: Times in [0, 1], float64, shape () or (B,).
            noise: Uniform in [0, 1), float64, shape (B, L).

        Returns:
            int64, shape (B, L).
        """
        noise = noise.to(x0.device)
        return torch.where(noise < spread(self.keep.keep(t), noise), x0, self.mask)

    def prior(self, noise: Tensor) -> Tensor:
        """The state at ``t = 1``: only masks, int64, shaped like ``noise``."""
        return torch.full_like(noise, self.mask, dtype=torch.int64)

    def bridge(self, x_t: Tensor, x0: Tensor, t: Tensor, s: Tensor) -> Categorical:
        """``q(x_s | x_t, x0)``, exactly; makes one float64 tensor of shape (B, L, V + 1).

        A visible token stays. A mask becomes ``x0`` with probability
        ``(keep_s - keep_t) / (1 - keep_t)``, at ``s = 0`` with certainty, and else stays.
        Source: Sahoo et al. 2024 (arXiv:2406.07524), section 3.

        Args:
            x_t: State at ``t``, int64, shape (B, L).
            x0: Clean tokens, int64, shape (B, L), or a belief about them, shape (B, L, V), whose
                rows sum to 1.
            t: Time in (0, 1], float64, shape () or (B,).
            s: Earlier time in [0, t), same shape.
        """
        result = _belief(x0, self.states)
        lost_t, lost_s = 1 - self.keep.keep(t), 1 - self.keep.keep(s)
        # Just after t = 0 both may round to 0, and no mask stays.
        stay = spread(lost_s / lost_t.clamp_min(_LEAST), result)
        here = x_t.unsqueeze(-1)
        hidden = here == self.mask
        result *= torch.where(hidden, 1 - stay, 0.0)
        result.scatter_add_(-1, here, torch.where(hidden, stay, 1.0))
        return Categorical(result)


@dataclass(frozen=True)
class Uniform:
    """The uniform process: lost tokens become uniformly random tokens, maybe the same ones.

    Source: Hoogeboom et al. 2021 (arXiv:2102.05379), section 4; Schiff et al. 2024
    (arXiv:2412.10193).

    Attributes:
        keep: The probability that a token is not redrawn.
        size: V, the number of tokens, numbered from 0.
    """

    keep: Keep
    size: int

    @property
    def states(self) -> int:
        """K, the number of tokens a state may hold."""
        return self.size

    def corrupt(self, x0: Tensor, t: Tensor, noise: Tensor) -> Tensor:
        """The state at time ``t``.

        Args:
            x0: Clean tokens, int64, shape (B, L).
            t: Times in [0, 1], float64, shape () or (B,).
            noise: Uniform in [0, 1), float64, shape (B, L). It determines both whether a token is
                lost and the new token.

        Returns:
            int64, shape (B, L).
        """
        noise = noise.to(x0.device)
        keep = spread(self.keep.keep(t), noise)
        # Given that it is not below keep, the noise is uniform between keep and 1.
        left = (noise - keep) / (1 - keep).clamp_min(_LEAST)
        return torch.where(noise < keep, x0, self.prior(left))

    def prior(self, noise: Tensor) -> Tensor:
        """The state at ``t = 1`` from uniform ``noise``, int64, shaped like it."""
        return (noise * self.size).long().clamp(0, self.size - 1)

    def bridge(self, x_t: Tensor, x0: Tensor, t: Tensor, s: Tensor) -> Categorical:
        """``q(x_s | x_t, x0)``, exactly; makes one float64 tensor of shape (B, L, V).

        With ``w = x_t``, Bayes' rule gives ``q(v | w, u) = q(w | v) q(v | u) / q(w | u)``, and the
        mixture over a belief ``p`` comes out in time linear in V:

            q(v | w, p) = q(w | v) [keep_s r_v + (1 - keep_s) / V sum_u r_u],  r_u = p_u / q(w | u)

        Source: Austin et al. 2021 (arXiv:2107.03006), eq. 3 and 4.

        Args:
            x_t: State at ``t``, int64, shape (B, L).
            x0: Clean tokens, int64, shape (B, L), or a belief about them, shape (B, L, V), whose
                rows sum to 1.
            t: Time in (0, 1], float64, shape () or (B,).
            s: Earlier time in [0, t), same shape.
        """
        result, here = _belief(x0, self.states), x_t.unsqueeze(-1)
        keep_t, keep_s = (spread(self.keep.keep(time), result) for time in (t, s))
        # By differences of keep, which are exact where they are small, unlike 1 - step.
        goes = (keep_s - keep_t).clamp_min(_LEAST) / keep_s.clamp_min(_LEAST)
        step = keep_t / keep_s.clamp_min(_LEAST)
        chance_t = (1 - keep_t).clamp_min(_LEAST) / self.size
        chance_step = goes / self.size
        _scale(result, here, 1 / (keep_t + chance_t), 1 / chance_t)
        chance_s = (1 - keep_s) / self.size * result.sum(-1, keepdim=True)
        result.mul_(keep_s).add_(chance_s)
        _scale(result, here, step + chance_step, chance_step)
        return Categorical(result)


CategoricalProcess = Masking | Uniform
"""The closed set of processes on tokens."""


def _belief(x0: Tensor, states: int) -> Tensor:
    """Tokens or beliefs about ``x0`` as a new float64 tensor of beliefs, (B, L, states)."""
    if not x0.is_floating_point():
        belief = torch.zeros((*x0.shape, states), dtype=torch.float64, device=x0.device)
        return belief.scatter_(-1, x0.unsqueeze(-1), 1.0)
    belief = torch.zeros((*x0.shape[:-1], states), dtype=torch.float64, device=x0.device)
    belief[..., : x0.shape[-1]] = x0
    return belief


def _scale(rows: Tensor, here: Tensor, own: Tensor, other: Tensor) -> None:
    """Multiply in place: the entry at ``here`` of each row by ``own``, the rest by ``other``."""
    entry = rows.gather(-1, here) * own
    rows.mul_(other).scatter_(-1, here, entry)
