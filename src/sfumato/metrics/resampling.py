"""Clips as a trained model wants them: one channel at its own rate, with the package ``soxr``."""

from __future__ import annotations

import importlib

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from sfumato.errors import MissingExtra


def mono_at(wanted: int, clips: Tensor, rate: int) -> NDArray[np.float32]:
    """The mean of the channels, at another rate.

    Args:
        wanted: Samples per second to come out.
        clips: float32, shape (B, C, N), full scale is 1.
        rate: Samples per second of the clips.

    Returns:
        Shape (B, round(N * wanted / rate)), full scale is 1. soxr's high quality is used: free of
        aliasing to 100 dB.

    Raises:
        MissingExtra: soxr is not installed, and the rates differ.
    """
    mono = clips.detach().float().mean(1).numpy()
    if rate == wanted or not len(mono):
        return np.asarray(mono, np.float32)
    try:
        soxr = importlib.import_module("soxr")
    except ImportError as error:
        raise MissingExtra("soxr", "audio", f"Resampling from {rate} Hz") from error
    return np.stack([soxr.resample(clip, rate, wanted) for clip in mono]).astype(np.float32)
