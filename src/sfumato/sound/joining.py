"""Joining sound that was made anew to the sound that is known around it.

Known samples stay as they are, bit by bit. What was made does not end exactly where the known
samples begin; the difference at each edge is carried into what was made, where it fades.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from sfumato.sound.fit import Samples

FADE_SECONDS = 0.004


def joined(x: Samples, made: Samples, begin: int, end: int, fade: int) -> Samples:
    """Replace a part of a sound.

    The difference of the known sound and of what was made is mirrored at either edge, and faded
    linearly, because both are nearly the same sound there. Nothing outside of the part changes.

    Args:
        x: The known sound, shape (C, N).
        made: What was made, also for some samples on either side of the part, shape (C, N).
        begin: First sample of the part.
        end: The sample after its last one; it may be N.
        fade: Number of samples of a fade; it is shortened where less is known, and to half the
            part.

    Returns:
        Shape (C, N), with the part limited to full scale.
    """
    part = made[:, begin:end].copy()
    most = min(fade, (end - begin) // 2)
    before, after = min(most, begin), min(most, x.shape[1] - end)
    if before:
        edge = slice(begin - before, begin)
        part[:, :before] += _falling(before) * (x[:, edge] - made[:, edge])[:, ::-1]
    if after:
        edge = slice(end, end + after)
        part[:, -after:] += _falling(after)[::-1] * (x[:, edge] - made[:, edge])[:, ::-1]
    result = x.copy()
    result[:, begin:end] = part.clip(-1.0, 1.0)
    return result


def runs_joined(x: Samples, made: Samples, replaced: NDArray[np.bool_]) -> Samples:
    """Replace many short runs of samples of a sound.

    The differences at both ends of a run are interpolated linearly within it, so that there is no
    step. Nothing else changes.

    Args:
        x: The known sound, shape (C, N).
        made: What was made, same shape.
        replaced: The samples to replace, same shape.
    """
    result = x.copy()
    for row, own, new, chosen in zip(result, x, made, replaced, strict=True):
        if chosen.all():
            row[:] = new
        elif chosen.any():
            places, known = np.flatnonzero(chosen), np.flatnonzero(~chosen)
            difference = (own - new)[known]
            row[places] = new[places] + np.interp(places, known, difference).astype(np.float32)
    return result


def _falling(count: int) -> Samples:
    """Weights from nearly 1 to nearly 0."""
    return (1.0 - (np.arange(count, dtype=np.float32) + 0.5) / count).astype(np.float32)
