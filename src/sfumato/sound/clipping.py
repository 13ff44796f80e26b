"""Sound whose peaks were cut off: where it is clipped, and what the peaks may have been."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from sfumato.sound.fit import Samples

# Samples this near to the largest one count as cut off; one step of 16 bits at -20 dBFS.
_NEAR = 3e-4
# A peak that is not cut off has one or two samples near its largest, a steady tone many such peaks.
_LEAST_RUN = 3
# In noise there are few runs, but more samples at the level than in all of a range below it.
_LEAST_NUMBER, _RANGE, _MORE = 10, 0.05, 2
# Peaks are never estimated above the level by more than 12 dB.
_MOST = 4.0


def clipped(x: Samples) -> NDArray[np.bool_]:
    """The samples at which a sound is cut off: those at its largest value.

    Args:
        x: Shape (C, N).

    Returns:
        bool, shape (C, N); all False if nothing is cut off: the value is nowhere reached three
        times in a row, and not far more often than values up to 5 % below it.
    """
    size = np.abs(x)
    level = size.max(initial=0.0)
    if level == 0.0:
        return np.zeros(x.shape, np.bool_)
    near = size >= level * (1 - _NEAR)
    rows = [row & (sign * own > 0) for row, own in zip(near, x, strict=True) for sign in (-1, 1)]
    number, below = int(near.sum()), int((size >= level * (1 - _RANGE)).sum() - near.sum())
    # The peaks of a steady tone are all alike, and nothing is a little below them.
    many = number >= _LEAST_NUMBER and 0 < _MORE * below < number
    return near if many or any(map(_has_run, rows)) else np.zeros_like(near)


def _has_run(chosen: NDArray[np.bool_]) -> bool:
    """Whether at least three samples (N,) in a row are chosen."""
    count = len(chosen) - _LEAST_RUN + 1
    return count > 0 and bool(np.all([chosen[k : k + count] for k in range(_LEAST_RUN)], 0).any())


def at_rate(chosen: NDArray[np.bool_], samples: int, margin: int) -> NDArray[np.bool_]:
    """Chosen samples of a sound after it was resampled.

    Args:
        chosen: Shape (C, N).
        samples: N', the number of samples after it.
        margin: Samples that are added to either end of each run, for the filter.

    Returns:
        Shape (C, N').
    """
    result = np.zeros((len(chosen), samples), np.bool_)
    for row, own in zip(result, chosen, strict=True):
        places = np.flatnonzero(own)
        scaled = np.round(places * (samples / len(own))).astype(np.int64)
        for shift in range(-margin, margin + 1):
            row[(scaled + shift).clip(0, samples - 1)] = True
    return result


def peaks_estimated(x: Samples, chosen: NDArray[np.bool_]) -> Samples:
    """A first estimate of cut peaks: the cubic that continues both slopes of each run (Hermite).

    Args:
        x: The sound, shape (C, N).
        chosen: Where it is cut off, same shape.

    Returns:
        Shape (C, N); nowhere nearer to 0 than the sound, and at most 12 dB above it.
    """
    result = x.copy()
    for row, own, cut in zip(result, x, chosen, strict=True):
        places = np.flatnonzero(cut)
        known = np.flatnonzero(~cut)
        if not len(places) or len(known) < 2:
            continue
        after = np.searchsorted(known, places)
        right = known[after.clip(max=len(known) - 1)]
        left = known[(after - 1).clip(min=0)]
        span = np.maximum(right - left, 1)
        u = ((places - left) / span).clip(0.0, 1.0)
        rise = own[left] - own[(left - 1).clip(min=0)]
        fall = own[(right + 1).clip(max=len(own) - 1)] - own[right]
        cubic = own[left] * (1 + 2 * u) * (1 - u) ** 2 + own[right] * u**2 * (3 - 2 * u)
        cubic += span * u * (1 - u) * ((1 - u) * rise - u * fall)
        size = np.abs(own[places])
        row[places] = np.sign(own[places]) * (cubic * np.sign(own[places])).clip(size, _MOST * size)
    return result
