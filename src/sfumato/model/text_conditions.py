"""What a denoiser of tokens is told besides the tokens."""

from __future__ import annotations

from torch import Tensor


def conditions(segments: Tensor | None, label: Tensor | None) -> dict[str, Tensor]:
    """What a denoiser of tokens is told, without what is None."""
    named = {"segments": segments, "label": label}
    return {name: value for name, value in named.items() if value is not None}
