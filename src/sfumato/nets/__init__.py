"""Backbones: networks that do not depend on diffusion.

Every backbone is an ``nn.Module`` with ``forward(x, level, label=None)``: x of shape
(B, C, *sides), the noise level (B,) as a feature of order 1 and labels (B,) to an output
(B, C_out, *sides), which is zero before training.

``specs`` describes them as data and imports torch only to build one. So the limits of their
settings are here, free of torch.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from sfumato.errors import SettingError

ActivationName = Literal["gelu", "squared-relu"]
"""The activations of MLPs, by name."""

GROUP = 16
"""Channels per group of a group norm; every width of a U-Net is a multiple."""


def require_multiple(sides: Sequence[int], multiple: int) -> None:
    """Check that a backbone which divides its input by `multiple` can take these sides.

    Raises:
        SettingError: A side is zero or not a multiple.
    """
    if any(side < 1 or side % multiple for side in sides):
        size = "×".join(str(side) for side in sides)
        raise SettingError(
            f"This backbone cannot take an input of size {size}.",
            why=f"it divides every side by {multiple}.",
            hint=f"use sides that are multiples of {multiple}, or fewer levels or smaller patches.",
        )
