"""A second-order step with a second evaluation half-way."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field
from torch import Tensor

from sfumato.process.categorical import CategoricalProcess
from sfumato.process.keep import Keep
from sfumato.sampling.sampler import Context
from sfumato.sampling.tokens.ancestral import leap
from sfumato.sampling.tokens.sampler import (
    TokenSampler,
    beliefs,
    draw,
    hidden,
    masking,
    revealed,
    share_revealed,
)


class Trapezoid(TokenSampler):
    """The theta-trapezoidal method for masks, with two evaluations per step.

    In the time ``u = -log(1 - keep)`` every mask is revealed at rate 1, and becomes the token ``v``
    at rate ``p_v``. A step of length ``du`` first takes ``theta du`` with the rates at its start;
    there it evaluates again, and takes the rest with the rates
    ``(a1 p_v(there) - a2 p_v(start))+``, where

        a1 = 1 / (2 theta (1 - theta)),    a2 = ((1 - theta)^2 + theta^2) / (2 theta (1 - theta)),

    which is accurate to second order in ``du`` where no rate is cut at 0. That needs
    ``p_v(there) >= p_v(start) / 2`` at ``theta = 1/2``, the weakest condition of all; where the
    second evaluation nearly rules out a token, the error falls like that of an ancestral step. As
    ``a1 - a2 = 1`` the rates sum to that of the process except where the cut raised them. They are
    scaled back to it, so masks are revealed exactly at the rate of the process, and the places and
    times are known before the denoiser is evaluated.

    Source: Ren et al. 2025 (arXiv:2502.00234), the theta-trapezoidal method.
    """

    summary: ClassVar[str] = "second order: evaluates half-way; two evaluations per step"

    kind: Literal["trapezoid"] = "trapezoid"
    theta: float = Field(
        default=0.5, gt=0, lt=1, description="place of the second evaluation in the step"
    )

    def plan(self, evaluations: int) -> tuple[int, ...]:
        """Two evaluations per step, but one for the last step, which reveals all remaining masks.

        An even budget has one evaluation left, for a plain step before the last: a step at the end
        reveals the most masks, and halving it saves more than a second evaluation at the start.
        """
        pairs, spare = divmod(evaluations - 1, 2)
        return (2,) * pairs + (1,) * spare + (1,)

    def step(
        self, x_t: Tensor, t: Tensor, s: Tensor, context: Context[CategoricalProcess]
    ) -> Tensor:
        """Two ancestral steps, the second corrected; one if a single evaluation is planned."""
        process = masking(context.process, self.kind)
        if s == 0 or context.cost == 1:
            return leap(x_t, t, s, process, context)
        middle = self._middle(process.keep, t, s)
        moment, places = context.noise(), hidden(x_t, process, context.free)
        early = places & (moment < share_revealed(process.keep, t, middle))
        late = places & ~early & (moment < share_revealed(process.keep, t, s))
        if not (early | late).any():
            return x_t
        start = context.denoise(x_t, t)
        x_m = revealed(x_t, early, start, context) if early.any() else x_t
        if not late.any():
            return x_m
        there = context.denoise(x_m, middle)
        if context.language is not None:
            logits = self._corrected(there, start).log()
            return revealed(x_m, late, logits, context, 2)
        tokens = draw(self._corrected, context.noise(draw=1)[late], there[late], start[late])
        return x_m.masked_scatter(late, tokens)

    def _middle(self, keep: Keep, t: Tensor, s: Tensor) -> Tensor:
        """The time at ``u_t + theta du``, float64, shape ()."""
        masked_t, masked_s = 1 - keep.keep(t), 1 - keep.keep(s)
        return keep.time(1 - masked_t ** (1 - self.theta) * masked_s**self.theta)

    def _corrected(self, there: Tensor, start: Tensor) -> Tensor:
        """The probabilities of a mask revealed in the second part, from both sets of logits."""
        twice = 2 * self.theta * (1 - self.theta)
        ahead, back = 1 / twice, (1 - twice) / twice
        rates = (ahead * beliefs(there) - back * beliefs(start)).clamp_min(0)
        return rates / rates.sum(-1, keepdim=True)
