"""Muon: momentum whose singular values are set to one.

Jordan et al. 2024, "Muon: an optimizer for hidden layers in neural networks". The momentum of a
matrix is replaced by the nearest semi-orthogonal matrix before it is applied, so that rare
directions move as much as common ones. Liu et al. 2025 (arXiv:2502.16982) scale the update by
``0.2 sqrt(max(m, n))``, which gives it the root mean square of a typical AdamW update.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from sfumato.engine.adamw import LightOptimizer
from sfumato.engine.precision import choose_precision

COEFFICIENTS = (3.4445, -4.7750, 2.0315)
"""Quintic of Jordan et al.: steepest at zero while keeping [0, 1] inside about [0.7, 1.2]."""

ITERATIONS = 5


def orthogonalise(matrices: Tensor) -> Tensor:
    """Push all singular values of a stack of matrices towards 1 (into about [0.7, 1.2]).

    Newton-Schulz iteration; singular vectors are kept. Five rounds of products of 8 bits of
    precision are enough for that, so they run in bfloat16 where the device is fast at it.

    Args:
        matrices: Shape (k, m, n).

    Returns:
        Shape (k, m, n), same dtype.
    """
    a, b, c = COEFFICIENTS
    tall = matrices.size(-2) > matrices.size(-1)
    x: Tensor = matrices.mT if tall else matrices
    if choose_precision("auto", matrices.device).choice == "bf16":
        x = x.to(torch.bfloat16)
    # The Frobenius norm bounds the largest singular value.
    x = x / (torch.linalg.vector_norm(x, dim=(-2, -1), keepdim=True) + 1e-7)
    for _ in range(ITERATIONS):
        gram = x @ x.mT
        x = torch.baddbmm(x, torch.baddbmm(gram, gram, gram, beta=b, alpha=c), x, beta=a)
    x = x.mT if tall else x
    return x.to(matrices.dtype)


class Muon(LightOptimizer):
    """Muon for hidden matrices, AdamW for outer layers and vectors, in one optimiser.

    Args:
        hidden: Parameters of 2 or more dimensions; kernels are flattened to (out, rest).
        outer: Tables and outer layers, for AdamW with weight decay.
        vectors: Everything else, for AdamW without weight decay.
        lr: Learning rate, shared.
        momentum: Nesterov momentum of the hidden matrices.
        weight_decay: Decoupled decay of hidden matrices and outer layers.
        betas: Moments of AdamW.
        eps: Root guard of AdamW.
    """

    def __init__(
        self,
        hidden: Sequence[nn.Parameter],
        outer: Sequence[nn.Parameter],
        vectors: Sequence[nn.Parameter],
        *,
        lr: float,
        momentum: float,
        weight_decay: float,
        betas: tuple[float, float],
        eps: float,
    ) -> None:
        groups: list[dict[str, Any]] = [
            {"params": list(hidden), "rule": "muon", "weight_decay": weight_decay},
            {"params": list(outer), "rule": "adamw", "weight_decay": weight_decay},
            {"params": list(vectors), "rule": "adamw", "weight_decay": 0.0},
        ]
        defaults = {"lr": lr, "momentum": momentum, "betas": betas, "eps": eps}
        super().__init__([group for group in groups if group["params"]], defaults)

    def _update(self, parameters: list[nn.Parameter], group: dict[str, Any]) -> None:
        rule = self._step_muon if group["rule"] == "muon" else self._adamw
        rule(parameters, group)

    def _step_muon(self, parameters: list[nn.Parameter], group: dict[str, Any]) -> None:
        gradients = [p.grad for p in parameters if p.grad is not None]
        momenta = [self._slots(p, "momentum")[0] for p in parameters]
        torch._foreach_lerp_(momenta, gradients, 1.0 - group["momentum"])
        # Nesterov: look ahead by one more decay of the momentum just updated.
        directions = torch._foreach_lerp(gradients, momenta, group["momentum"])
        if group["weight_decay"]:
            torch._foreach_mul_(list[Tensor](parameters), 1.0 - group["lr"] * group["weight_decay"])
        # Matrices of one shape are orthogonalised as one batch: fewer, larger products.
        by_shape = defaultdict[tuple[int, int], list[int]](list)
        for i, direction in enumerate(directions):
            by_shape[len(direction), direction[0].numel()].append(i)
        for (m, n), members in by_shape.items():
            stack = torch.stack([directions[i].reshape(m, n) for i in members])
            update = orthogonalise(stack).mul_(-group["lr"] * 0.2 * max(m, n) ** 0.5)
            for i, matrix in zip(members, update, strict=True):
                parameters[i].add_(matrix.reshape(parameters[i].shape))
