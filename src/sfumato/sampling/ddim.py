"""Steps along the bridge, in which the posterior mean replaces the clean data.

    x_s ~ q_eta(x_s | x_t, x0 = E[x0 | x_t])

Without noise this is the first-order step of the probability-flow ODE, which is exact if the
posterior mean is constant. With the full noise it is the ancestral step of the Markov process.
"""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field
from torch import Tensor

from sfumato.sampling.sampler import Context, Sampler


class DDIM(Sampler):
    """Implicit sampling with a share ``eta`` of the Markov noise.

    Source: Song et al. 2021 (arXiv:2010.02502), eq. 12 and 16.
    """

    summary: ClassVar[str] = "first order; eta adds noise, 0 = none"

    kind: Literal["ddim"] = "ddim"
    eta: float = Field(default=0.0, ge=0, le=1, description="share of the ancestral noise")

    def step(self, x_t: Tensor, t: Tensor, s: Tensor, context: Context) -> Tensor:
        """One draw from the bridge."""
        return _along_bridge(x_t, t, s, context, self.eta)


class Ancestral(Sampler):
    """The reverse Markov chain. Source: Ho et al. 2020 (arXiv:2006.11239), algorithm 2."""

    summary: ClassVar[str] = "the reverse Markov chain; noisy, needs many evaluations"

    kind: Literal["ancestral"] = "ancestral"

    def step(self, x_t: Tensor, t: Tensor, s: Tensor, context: Context) -> Tensor:
        """One draw from ``q(x_s | x_t, x0)``."""
        return _along_bridge(x_t, t, s, context, eta=1.0)


def _along_bridge(x_t: Tensor, t: Tensor, s: Tensor, context: Context, eta: float) -> Tensor:
    bridge = context.process.bridge(x_t, context.denoise(x_t, t), t, s, eta)
    if bridge.std == 0:
        return bridge.mean
    return bridge.sample(context.noise())
