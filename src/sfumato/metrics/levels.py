"""The levels of audio clips: loudness, clipping, silence and offset."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from sfumato.errors import DataError

# The largest sample that 16 bits hold.
_FULL_SCALE = 1 - 2.0**-15
_FLOOR = 1e-6
_SILENT = 1e-3


@dataclass(frozen=True)
class Levels:
    """Levels of a set of clips.

    Decibels are ``20 log10`` of an amplitude, 0 dB is full scale, and levels below -120 dB count as
    -120: a sine that just reaches full scale has a peak of 0 dB and an RMS of -3.01 dB.

    Attributes:
        count: The number of clips.
        peak: The largest absolute sample of a clip, in any channel; dB, median over the clips.
        rms: The root mean square of a clip's samples, all channels together; dB, median over the
            clips. Silence at a clip's end counts.
        clipped: The share of the clips with three samples or more in a row, in one channel, at or
            beyond full scale (32767 / 32768, the largest that 16 bits hold).
        silent: The share of the clips with an RMS below -60 dB.
        offset: The absolute mean of a channel's samples as a share of full scale; the mean over
            all channels and clips. A value above about 0.01 shows a constant offset.
    """

    count: int
    peak: float
    rms: float
    clipped: float
    silent: float
    offset: float


def levels(clips: Tensor) -> Levels:
    """Measure the levels of clips.

    Args:
        clips: Shape (B, C, N), floats, full scale is 1, which they may exceed.

    Raises:
        DataError: There are no clips, or a sample is not finite.
    """
    if not clips.numel():
        raise DataError("There are no clips to measure.")
    if not clips.isfinite().all():
        raise DataError("A sample of a clip is not finite.")
    size = clips.abs()
    over = size >= _FULL_SCALE
    runs = over[..., 2:] & over[..., 1:-1] & over[..., :-2]
    rms = clips.double().square().mean((1, 2)).sqrt()
    return Levels(
        count=len(clips),
        peak=_decibels(size.amax((1, 2)).double()),
        rms=_decibels(rms),
        clipped=_share(runs.flatten(1).any(1)),
        silent=_share(rms < _SILENT),
        offset=clips.double().mean(2).abs().mean().item(),
    )


def _decibels(amplitudes: Tensor) -> float:
    """The median in decibels; for an even number, the mean of the two in the middle."""
    decibels = 20 * torch.log10(amplitudes.clamp_min(_FLOOR))
    return decibels.quantile(0.5).item()


def _share(selected: Tensor) -> float:
    return selected.double().mean().item()
