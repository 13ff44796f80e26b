"""Pixels as the numbers that a process works on, and back."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from sfumato.errors import Diverged


def to_signal(pixels: NDArray[np.uint8] | Tensor) -> Tensor:
    """Map uint8 in [0, 255] to float32 in [-1, 1], of the same shape."""
    return torch.as_tensor(pixels).to(torch.float32).div_(127.5).sub_(1.0)


def to_pixels(x0: Tensor) -> NDArray[np.uint8]:
    """Map floats of shape (B, C, H, W), nominally in [-1, 1], to uint8 of shape (B, H, W, C).

    Values outside the range are clipped.

    Raises:
        Diverged: A value is not finite.
    """
    require_finite(x0)
    x0 = x0.detach().to("cpu", torch.float32)
    levels = x0.add(1.0).mul_(127.5).round_().clamp_(0, 255).to(torch.uint8)
    decoded: NDArray[np.uint8] = levels.permute(0, 2, 3, 1).contiguous().numpy()
    return decoded


def require_finite(x0: Tensor) -> None:
    """Check that all values are finite.

    Raises:
        Diverged: One is not.
    """
    if not torch.isfinite(x0).all():
        raise Diverged(
            "An image has values that are not finite.",
            why="the network or the sampler diverged",
            hint="sample with more steps or a lower guidance scale, or train at a lower rate.",
        )
