"""Autoguidance: towards a model, away from a worse version of itself."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from sfumato.denoiser import Denoiser, ProcessT
from sfumato.guidance.rules import Rule
from sfumato.guidance.two import Guidance


class Autoguided(Guidance[ProcessT]):
    """Guidance by what a worse model gets wrong, which needs no labels.

    Where both err in the same direction and the worse one further, the line through them leads
    back to the data, without the loss of variety that guidance to a label brings. Source: Karras
    et al. 2024 (arXiv:2406.02507), eq. 3. Where it acts each model is asked once.

    Args:
        denoiser: The model.
        worse: One of the same data and process: trained for less time, or smaller.
        scale: 1 = off; published values are near 2.
        interval, rule: See :class:`Guidance`.
        null_label: If given, the worse model is told this label in place of every other, so that
            guidance leads to the label too.

    Raises:
        SettingError: See :class:`Guidance`.
    """

    def __init__(
        self,
        denoiser: Denoiser[ProcessT],
        worse: Denoiser[ProcessT],
        scale: float,
        interval: tuple[float, float] = (0.0, 1.0),
        rule: Rule | None = None,
        null_label: int | None = None,
    ) -> None:
        super().__init__(denoiser, scale, interval, rule)
        self.worse = worse
        self.null_label = null_label

    def two(
        self, x_t: Tensor, t: Tensor, label: Tensor | None, cond: dict[str, Any]
    ) -> tuple[Tensor, Tensor]:
        """See :meth:`Guidance.two`."""
        towards: Tensor = self.denoiser(x_t, t, label=label, **cond).parameter
        if label is not None and self.null_label is not None:
            label = torch.full_like(label, self.null_label)
        away: Tensor = self.worse(x_t, t, label=label, **cond).parameter
        return towards, away
