"""Augmentation of clips in training: a pure function of uniform numbers."""

from __future__ import annotations

import torch
from torch import Tensor

from sfumato.media.audio.settings import AudioSettings

VARIATIONS = 3
"""Uniform numbers per clip: for the shift, the gain and the sign."""


def varied(clips: Tensor, uniforms: Tensor, settings: AudioSettings) -> Tensor:
    """Augment clips: shift them in time, attenuate them and flip their sign.

    Args:
        clips: Shape (B, C, N).
        uniforms: In [0, 1), shape (B, 3).
        settings: The settings of the augmentation.

    Returns:
        Clips of the same shape. A shift adds silence at the beginning and drops the end.
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
