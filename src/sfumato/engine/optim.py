"""Specs of optimisers, which build optimisers from named parameters.

A spec is JSON; ``build`` makes an ordinary ``torch.optim.Optimizer`` from it. Weight decay is
decoupled and not applied to vectors (biases, gains).
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated, Literal

import torch
from pydantic import Field, NonNegativeFloat, PositiveFloat
from torch import nn

from sfumato.engine.optimizers import AdamW, Muon
from sfumato.registry import Part, Registry

Named = Iterable[tuple[str, nn.Parameter]]
Fraction = Annotated[float, Field(ge=0.0, lt=1.0)]


class OptimizerSpec(Part):
    """Base of all specs of optimisers; each has a field ``lr``, the peak learning rate."""

    if TYPE_CHECKING:
        # For type checkers only, like ``kind``: a field here would come first in every spec.
        @property
        def lr(self) -> float:
            """The peak learning rate."""

    @abstractmethod
    def build(self, parameters: Named) -> torch.optim.Optimizer:
        """An optimiser over the parameters that require gradients."""


class AdamWSpec(OptimizerSpec):
    """AdamW (Loshchilov & Hutter 2019, arXiv:1711.05101), with its fused kernel.

    Attributes:
        lr: Peak learning rate.
        betas: Decay of the first and second moments per step.
        eps: Added to the root of the second moment.
        weight_decay: Decay per unit of learning rate, for matrices and kernels.
    """

    kind: Literal["adamw"] = "adamw"
    lr: PositiveFloat = 3e-4
    betas: tuple[Fraction, Fraction] = (0.9, 0.99)
    eps: PositiveFloat = 1e-8
    weight_decay: NonNegativeFloat = 0.0

    def build(self, parameters: Named) -> torch.optim.Optimizer:
        """See :meth:`OptimizerSpec.build`."""
        matrices, vectors = _by_rank(parameters)
        groups = [
            {"params": list(matrices.values()), "weight_decay": self.weight_decay},
            {"params": list(vectors.values()), "weight_decay": 0.0},
        ]
        groups = [group for group in groups if group["params"]]
        return AdamW(groups, lr=self.lr, betas=self.betas, eps=self.eps)


class MuonSpec(OptimizerSpec):
    """Orthogonalised momentum for hidden matrices and kernels, AdamW for everything else.

    Jordan et al. 2024 (kellerjordan.github.io/posts/muon), with the update scaled as in
    Liu et al. 2025 (arXiv:2502.16982, equation 4), so that learning rates and weight decays
    tuned for AdamW carry over.

    Attributes:
        lr: Peak learning rate, shared by both halves.
        momentum: Decay of the momentum per step.
        weight_decay: Decay per unit of learning rate, for matrices and kernels.
        betas: Moments of the AdamW half.
        eps: Root guard of the AdamW half.
        adamw_names: A matrix whose dotted name has one of these as a whole word (``_`` and ``.``
            separate words) is a table or an outer layer, which AdamW updates.
    """

    kind: Literal["muon"] = "muon"
    lr: PositiveFloat = 1e-3
    momentum: Fraction = 0.95
    weight_decay: NonNegativeFloat = 0.0
    betas: tuple[Fraction, Fraction] = (0.9, 0.95)
    eps: PositiveFloat = 1e-8
    adamw_names: tuple[str, ...] = ("embed", "embedding", "head", "stem", "positions")

    def build(self, parameters: Named) -> torch.optim.Optimizer:
        """See :meth:`OptimizerSpec.build`."""
        matrices, vectors = _by_rank(parameters)
        outer = {name for name in matrices if self._is_outer(name)}
        hidden = [p for name, p in matrices.items() if name not in outer]
        return Muon(
            hidden=hidden,
            outer=[matrices[name] for name in sorted(outer)],
            vectors=list(vectors.values()),
            lr=self.lr,
            momentum=self.momentum,
            weight_decay=self.weight_decay,
            betas=self.betas,
            eps=self.eps,
        )

    def _is_outer(self, name: str) -> bool:
        words = set(name.replace("_", ".").split("."))
        return not words.isdisjoint(self.adamw_names)


OPTIMIZERS: Registry[OptimizerSpec] = Registry("optimizer", OptimizerSpec, (AdamWSpec, MuonSpec))
"""The optimisers by their ``kind``."""

AnyOptimizer = Annotated[OptimizerSpec, OPTIMIZERS]
"""Any optimiser with its settings, as read from a spec."""


def _by_rank(parameters: Named) -> tuple[dict[str, nn.Parameter], dict[str, nn.Parameter]]:
    trained = {name: p for name, p in parameters if p.requires_grad}
    matrices = {name: p for name, p in trained.items() if p.ndim >= 2}
    vectors = {name: p for name, p in trained.items() if p.ndim < 2}
    return matrices, vectors
