"""What all guidance has in common: two posteriors, a scale, and the times at which it acts."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any

import torch
from torch import Tensor

from sfumato.denoiser import Denoiser, Posterior, ProcessT
from sfumato.errors import SettingError
from sfumato.guidance.rules import Line, Pair, Rule, straight
from sfumato.process.gaussian import Gaussian, spread


class Guidance(Denoiser[ProcessT]):
    """Base of all guided denoisers.

    Args:
        denoiser: What is guided.
        scale: 1 = off, above 1 = further from what is left behind.
        interval: Least and greatest time, in [0, 1], at which guidance acts, after Kynkäänniemi et
            al. 2024 (arXiv:2404.07724); elsewhere it costs nothing.
        rule: How the two posteriors are combined.

    Raises:
        SettingError: The interval is empty or reaches out of [0, 1], or the rule is not one for
            tokens and the process is.
    """

    def __init__(
        self,
        denoiser: Denoiser[ProcessT],
        scale: float,
        interval: tuple[float, float] = (0.0, 1.0),
        rule: Rule | None = None,
    ) -> None:
        super().__init__(denoiser.process)
        rule = Line() if rule is None else rule
        if not 0 <= interval[0] <= interval[1] <= 1:
            raise SettingError(
                f"The guidance interval {interval} is not one of times.",
                hint="two numbers in [0, 1], the smaller first",
            )
        if not rule.for_tokens and not isinstance(self.process, Gaussian):
            raise SettingError(
                f"The guidance rule '{type(rule).__name__}' cannot be used on tokens.",
                why="it measures lengths and directions of posterior means",
                hint="take the rule 'line'",
            )
        self.denoiser = denoiser
        self.scale = scale
        self.interval = interval
        self.rule = rule

    def forward(
        self, x_t: Tensor, t: Tensor, label: Tensor | None = None, **cond: Any
    ) -> Posterior:
        """The guided posterior; see :meth:`Denoiser.forward`.

        Args:
            x_t: States, shape (B, ...).
            t: Times in (0, 1], shape () or (B,).
            label: Shape (B,), int64, or None.
            **cond: Other conditions, kept in both posteriors; tensors with B rows or None.
        """
        low, high = self.interval
        acts = (low <= t) & (t <= high)
        if self.scale == 1 or not self.has_two(label) or not acts.any():
            plain: Posterior = self.denoiser(x_t, t, label=label, **cond)
            return plain
        t = t.expand(len(x_t))
        acts = acts.expand(len(x_t)).to(x_t.device)
        idle = self.rule.idles(t).to(x_t.device) & acts
        if idle.all():
            return Posterior(self._still(x_t, t))
        towards, away = self.two(x_t, t, label, cond)
        pair = Pair(towards, away, x_t, t, self.process)
        guided = self.rule.combine(pair, self.scale)
        if idle.any():
            guided = torch.where(_rows(idle, guided), self._still(x_t, t), guided)
        if not acts.all():
            guided = torch.where(_rows(acts, guided), guided, towards)
        return Posterior(guided)

    def has_two(self, label: Tensor | None) -> bool:
        """Whether there is anything to be guided by."""
        return True

    @abstractmethod
    def two(
        self, x_t: Tensor, t: Tensor, label: Tensor | None, cond: dict[str, Any]
    ) -> tuple[Tensor, Tensor]:
        """Parameters of the posterior to go towards and of the one to come from."""

    def _still(self, x_t: Tensor, t: Tensor) -> Tensor:
        """The posterior mean with which a state stands still on the straight path."""
        return straight(Pair(x_t, x_t, x_t, t, self.process))


def _rows(which: Tensor, like: Tensor) -> Tensor:
    return spread(which.to(like.dtype), like).bool()
