"""AdamW without torch's compiler, and what other optimisers of ours need of it."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any, overload

import torch
from torch import Tensor, nn
from torch.optim.adamw import adamw


class LightOptimizer(torch.optim.Optimizer):
    """An ordinary optimiser whose methods do not import ``torch._dynamo``.

    Torch hides the methods of its optimisers from its compiler, and imports the compiler for that:
    more than a second before the first step of a run that compiles nothing. No step of ours is
    ever compiled, so the methods are used as they were written.
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

    def _slots(self, parameter: nn.Parameter, *names: str) -> list[Tensor]:
        """Tensors of state, each shaped like the parameter and zero at first."""
        state = self.state[parameter]
        for name in names:
            if name not in state:
                state[name] = torch.zeros_like(parameter)
        return [state[name] for name in names]

    def _adamw(self, parameters: list[nn.Parameter], group: dict[str, Any]) -> None:
        """Update as AdamW does, with its fused kernel."""
        slots = [self._slots(p, "exp_avg", "exp_avg_sq") for p in parameters]
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
        if "step" not in state:
            state["step"] = torch.zeros((), dtype=torch.float32, device=parameter.device)
        clock: Tensor = state["step"]
        return clock


class AdamW(LightOptimizer):
    """AdamW (Loshchilov & Hutter 2019, arXiv:1711.05101): the numbers of ``torch.optim.AdamW``.

    Args:
        groups: As torch's optimisers take them, each with its ``weight_decay``.
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
