"""Guidance: a denoiser made from a denoiser, so that any sampler can use it.

guided = null + scale * (conditional - null),      scale 1 = off
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from sfumato.denoiser import Denoiser, Posterior, ProcessT
from sfumato.errors import SettingError
from sfumato.process.gaussian import spread


class Guided(Denoiser[ProcessT]):
    """Classifier-free guidance on the condition ``label``.

    Source: Ho & Salimans 2022 (arXiv:2207.12598), eq. 6, applied to posterior means, with scale
    ``1 + w``; limited to an interval after Kynkäänniemi et al. 2024 (arXiv:2404.07724). On tokens
    the same line is drawn through the logits (Nisonoff et al. 2024, arXiv:2406.01572).

    Where guidance acts, both posteriors come from one call on a doubled batch; where it does not
    (scale 1, or all times outside the interval), from one call on the batch itself.

    Args:
        denoiser: Knows the condition ``label``, and the null label among its values.
        scale: 1 = off, 0 = no condition, above 1 = more typical of the class.
        null_label: The label that stands for "none".
        interval: Least and greatest time, in [0, 1], at which guidance acts.

    Raises:
        SettingError: The interval is empty or reaches out of [0, 1].
    """

    def __init__(
        self,
        denoiser: Denoiser[ProcessT],
        scale: float,
        null_label: int,
        interval: tuple[float, float] = (0.0, 1.0),
    ) -> None:
        super().__init__(denoiser.process)
        if not 0 <= interval[0] <= interval[1] <= 1:
            raise SettingError(
                f"The guidance interval {interval} is not one of times.",
                hint="two numbers in [0, 1], the smaller first",
            )
        self.denoiser = denoiser
        self.scale = scale
        self.null_label = null_label
        self.interval = interval

    def forward(
        self, x_t: Tensor, t: Tensor, label: Tensor | None = None, **cond: Any
    ) -> Posterior:
        """The guided posterior; see :meth:`Denoiser.forward`.

        Args:
            x_t: States, shape (B, ...).
            t: Times in (0, 1], shape () or (B,).
            label: Shape (B,), int64. Without it there is nothing to be guided to.
            **cond: Other conditions, kept in both posteriors; tensors with B rows or None.
        """
        low, high = self.interval
        acts = (low <= t) & (t <= high)
        if label is None or self.scale == 1 or not acts.any():
            return self._plain(x_t, t, label, cond)
        null = torch.full_like(label, self.null_label)
        both = self.denoiser(
            torch.cat([x_t, x_t]),
            t.expand(len(x_t)).repeat(2),
            label=torch.cat([label, null]),
            **{name: _twice(value) for name, value in cond.items()},
        )
        given, without = both.parameter.chunk(2)
        scale = torch.where(acts, self.scale, 1.0)
        return Posterior(without + spread(scale, given) * (given - without))

    def _plain(
        self, x_t: Tensor, t: Tensor, label: Tensor | None, cond: dict[str, Any]
    ) -> Posterior:
        posterior: Posterior = self.denoiser(x_t, t, label=label, **cond)
        return posterior


def _twice(value: Any) -> Any:
    return torch.cat([value, value]) if isinstance(value, Tensor) else value
