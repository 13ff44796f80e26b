"""The optimisers: AdamW, and Muon for hidden matrices. Their specs are in ``engine.optim``.

Muon is momentum whose singular values are set to one (Jordan et al. 2024, "Muon: an optimizer for
hidden layers in neural networks"). The momentum of a matrix is replaced by the nearest
semi-orthogonal matrix before it is applied, so that rare directions move as much as common ones.
Liu et al. 2025 (arXiv:2502.16982) scale the update by ``0.2 sqrt(max(m, n))``, which gives it the
root mean square of a typical AdamW update.
"""

from __future__ import annotations

import inspect
from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Any, overload

import torch
from torch import Tensor, nn
from torch.optim.adamw import adamw

from sfumato.engine.precision import choose_precision

COEFFICIENTS = (3.4445, -4.7750, 2.0315)
"""Quintic of Jordan et al.: steepest at zero while keeping [0, 1] inside about [0.7, 1.2]."""

ITERATIONS = 5

_CLOCK = "step"
_MOMENTS = ("exp_avg", "exp_avg_sq")
_MOMENTUM = "momentum"


class LightOptimizer(torch.optim.Optimizer):
    """An ordinary optimiser whose methods do not import ``torch._dynamo``.

    Torch wraps the methods of its optimisers to exclude them from compilation, and imports its
    compiler for that, which takes more than a second. Steps are never compiled here, so the
    unwrapped methods are used.
    """

    add_param_group = inspect.unwrap(torch.optim.Optimizer.add_param_group)
    zero_grad = inspect.unwrap(torch.optim.Optimizer.zero_grad)
    state_dict = inspect.unwrap(torch.optim.Optimizer.state_dict)
    load_state_dict = inspect.unwrap(torch.optim.Optimizer.load_state_dict)

    @overload
    def step(self, closure: None = None) -> None: ...
    @overload
    def step(self, closure: Callable[[], float]) -> float: ...

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float | None:
        """Update every parameter that has a gradient."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            parameters = [p for p in group["params"] if p.grad is not None]
            if parameters:
                self._update(parameters, group)
        return loss

    def _update(self, parameters: list[nn.Parameter], group: dict[str, Any]) -> None:
        """Update parameters of one group, which all have gradients."""
        raise NotImplementedError

    def slots_of(self, parameter: nn.Parameter) -> dict[str, torch.Size]:
        """The shapes of the tensors of state that a parameter has once it was updated, by name."""
        return {**dict.fromkeys(_MOMENTS, parameter.shape), _CLOCK: torch.Size()}

    def _slots(self, parameter: nn.Parameter, *names: str) -> list[Tensor]:
        """Tensors of state, each shaped like the parameter and initially zero."""
        state = self.state[parameter]
        for name in names:
            if name not in state:
                state[name] = torch.zeros_like(parameter)
        return [state[name] for name in names]

    def _adamw(self, parameters: list[nn.Parameter], group: dict[str, Any]) -> None:
        """Update by AdamW, with its fused kernel."""
        slots = [self._slots(p, *_MOMENTS) for p in parameters]
        adamw(
            list[Tensor](parameters),
            [p.grad for p in parameters if p.grad is not None],
            [slot[0] for slot in slots],
            [slot[1] for slot in slots],
            [],
            [self._clock(p) for p in parameters],
            fused=True,
            amsgrad=False,
            beta1=group["betas"][0],
            beta2=group["betas"][1],
            lr=group["lr"],
            weight_decay=group["weight_decay"],
            eps=group["eps"],
            maximize=False,
        )

    def _clock(self, parameter: nn.Parameter) -> Tensor:
        state = self.state[parameter]
        if _CLOCK not in state:
            state[_CLOCK] = torch.zeros((), dtype=torch.float32, device=parameter.device)
        clock: Tensor = state[_CLOCK]
        return clock


class AdamW(LightOptimizer):
    """AdamW (Loshchilov & Hutter 2019, arXiv:1711.05101), with the bits of ``torch.optim.AdamW``.

    Args:
        groups: Parameter groups of torch's optimisers, each with its ``weight_decay``.
        lr: Learning rate.
        betas: Decay of the first and second moments per step.
        eps: Added to the root of the second moment.
    """

    def __init__(
        self,
        groups: Sequence[dict[str, Any]],
        *,
        lr: float,
        betas: tuple[float, float],
        eps: float,
    ) -> None:
        super().__init__(groups, {"lr": lr, "betas": betas, "eps": eps})

    def _update(self, parameters: list[nn.Parameter], group: dict[str, Any]) -> None:
        self._adamw(parameters, group)


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

    def slots_of(self, parameter: nn.Parameter) -> dict[str, torch.Size]:
        """See :meth:`LightOptimizer.slots_of`."""
        for group in self.param_groups:
            if group["rule"] == "muon" and any(parameter is p for p in group["params"]):
                return {_MOMENTUM: parameter.shape}
        return super().slots_of(parameter)

    def _update(self, parameters: list[nn.Parameter], group: dict[str, Any]) -> None:
        rule = self._step_muon if group["rule"] == "muon" else self._adamw
        rule(parameters, group)

    def _step_muon(self, parameters: list[nn.Parameter], group: dict[str, Any]) -> None:
        gradients = [p.grad for p in parameters if p.grad is not None]
        momenta = [self._slots(p, _MOMENTUM)[0] for p in parameters]
        torch._foreach_lerp_(momenta, gradients, 1.0 - group["momentum"])
        # Nesterov: look ahead by one more decay of the momentum just updated.
        directions = torch._foreach_lerp(gradients, momenta, group["momentum"])
        if group["weight_decay"]:
            torch._foreach_mul_(list[Tensor](parameters), 1.0 - group["lr"] * group["weight_decay"])
        # Matrices of the same shape are orthogonalised as one batch, for fewer and larger products.
        by_shape = defaultdict[tuple[int, int], list[int]](list)
        for i, direction in enumerate(directions):
            by_shape[len(direction), direction[0].numel()].append(i)
        for (m, n), members in by_shape.items():
            stack = torch.stack([directions[i].reshape(m, n) for i in members])
            update = orthogonalise(stack).mul_(-group["lr"] * 0.2 * max(m, n) ** 0.5)
            for i, matrix in zip(members, update, strict=True):
                parameters[i].add_(matrix.reshape(parameters[i].shape))


def orthogonalise(matrices: Tensor) -> Tensor:
    """Move all singular values of a stack of matrices towards 1, into about [0.7, 1.2].

    Newton-Schulz iteration, which preserves singular vectors. Five rounds with 8 bits of precision
    are enough, so they run in bfloat16 where the device is fast at it.

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
