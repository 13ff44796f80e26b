"""The exact denoiser, the same for every contestant, and how often it was asked.

An evaluation is one row through the denoiser. A product is one row through the denoiser's Jacobian
from either side: a backward pass, or a derivative along a direction. Both are counted where every
contestant has to pass, so nobody counts for himself.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from sfumato.denoiser import Denoiser, Posterior
from sfumato.oracle import GaussianMixture, MixtureDenoiser
from sfumato.process.gaussian import Gaussian
from sfumato.process.schedule import VE

_TOP = 1e6
_EXPLODING = Gaussian(VE(sigma_max=_TOP, rho=1.0))


@dataclass
class Passes:
    """Rows that went through the denoiser, and through its Jacobian."""

    evaluations: int = 0
    products: int = 0


class _Counted(torch.autograd.Function):
    """The identity; every derivative that is taken through it is counted."""

    generate_vmap_rule = True

    @staticmethod
    def forward(x: Tensor, passes: Passes) -> Tensor:
        return x.clone()

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, Passes], output: Tensor) -> None:
        ctx.passes = inputs[1]

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:  # type: ignore[override]
        ctx.passes.products += len(gradient)
        # A derivative of the derivative is a product too.
        counted: Tensor = _Counted.apply(gradient, ctx.passes)
        return counted, None

    @staticmethod
    def jvp(ctx: Any, tangent: Tensor, _: None) -> Tensor:  # type: ignore[override]
        ctx.passes.products += len(tangent)
        return tangent.clone()


class CountedDenoiser(Denoiser):
    """The exact denoiser of a mixture under any Gaussian process, counted.

    Attributes:
        passes: What was counted since the last :meth:`reset`.
    """

    def __init__(self, mixture: GaussianMixture, process: Gaussian | None = None) -> None:
        super().__init__(_EXPLODING if process is None else process)
        self._exact = MixtureDenoiser(mixture, self.process)
        self.passes = Passes()

    def reset(self) -> None:
        """Count from 0."""
        self.passes = Passes()

    def forward(self, x_t: Tensor, t: Tensor, **cond: Any) -> Posterior:
        """See :meth:`Denoiser.forward`."""
        self.passes.evaluations += len(x_t)
        posterior: Posterior = self._exact(x_t, t, **cond)
        return Posterior(_Counted.apply(posterior.mean, self.passes))

    def mean(self, x: Tensor, sigma: float) -> Tensor:
        """``E[x0 | x0 + sigma e = x]`` for states (B, D), where the process is the default one."""
        if sigma == 0:
            self.passes.evaluations += len(x)
            return x
        found: Tensor = self(x, torch.tensor(sigma / _TOP, dtype=torch.float64)).mean
        return found
