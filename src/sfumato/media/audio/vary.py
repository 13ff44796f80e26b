"""Augmentation: clips varied as the settings allow, a pure function of uniform numbers."""

from __future__ import annotations

import torch
from torch import Tensor

from sfumato.media.audio.settings import AudioSettings

VARIATIONS = 3
"""Uniform numbers per clip: for the shift, the gain and the sign."""


def varied(clips: Tensor, uniforms: Tensor, settings: AudioSettings) -> Tensor:
    """Move, soften and turn clips.

    Args:
        clips: Shape (B, C, N).
        uniforms: In [0, 1), shape (B, 3).
        settings: What is allowed, and how far.

    Returns:
        Clips of the same shape. What is moved beyond the end is lost, and silence comes in at the
        beginning.
    """
    if settings.shift:
        clips = _later(clips, (uniforms[:, 0] * settings.shift * settings.rate).long())
    factor = 10 ** (-uniforms[:, 1] * settings.gain / 20)
    if settings.flip:
        factor = torch.where(uniforms[:, 2] < 0.5, -factor, factor)
    return clips * factor.to(clips.dtype)[:, None, None]


def _later(clips: Tensor, samples: Tensor) -> Tensor:
    places = torch.arange(clips.shape[-1]) - samples[:, None]
    moved = clips.gather(2, places.clamp_min(0)[:, None, :].expand_as(clips))
    return moved * (places >= 0)[:, None, :]
