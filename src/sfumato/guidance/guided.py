"""Classifier-free guidance: towards a label, away from none."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from sfumato.denoiser import Denoiser, ProcessT
from sfumato.guidance.rules import Rule
from sfumato.guidance.two import Guidance


class Guided(Guidance[ProcessT]):
    """Guidance on the condition ``label``.

    Where it acts, both posteriors come from one call on a doubled batch; where it does not (scale
    1, no label, or all times outside the interval), from one call on the batch itself.

    Args:
        denoiser: Knows the condition ``label``, and the null label among its values.
        scale: 1 = off, 0 = no condition, above 1 = more typical of the class.
        null_label: The label that stands for "none".
        interval, rule: See :class:`Guidance`.

    Raises:
        SettingError: See :class:`Guidance`.
    """

    def __init__(
        self,
        denoiser: Denoiser[ProcessT],
        scale: float,
        null_label: int,
        interval: tuple[float, float] = (0.0, 1.0),
        rule: Rule | None = None,
    ) -> None:
        super().__init__(denoiser, scale, interval, rule)
        self.null_label = null_label

    def has_two(self, label: Tensor | None) -> bool:
        """Without a label there is nothing to be guided to."""
        return label is not None

    def two(
        self, x_t: Tensor, t: Tensor, label: Tensor | None, cond: dict[str, Any]
    ) -> tuple[Tensor, Tensor]:
        """See :meth:`Guidance.two`."""
        if label is None:
            raise ValueError("has_two says whether there are two")
        both = self.denoiser(
            torch.cat([x_t, x_t]),
            t.repeat(2),
            label=torch.cat([label, torch.full_like(label, self.null_label)]),
            **{name: _twice(value) for name, value in cond.items()},
        )
        towards, away = both.parameter.chunk(2)
        return towards, away


def _twice(value: Any) -> Any:
    return torch.cat([value, value]) if isinstance(value, Tensor) else value
