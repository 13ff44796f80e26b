"""A short-time Fourier transform that loses nothing and keeps energies.

A signal is cut into frames of ``window`` samples that overlap by half, every frame is multiplied by
a sine window and transformed by a real FFT; the way back multiplies by the same window and adds the
overlapping frames. The squares of a sine window and of its copy half a window later are
``sin^2 + cos^2 = 1``, which is the condition for perfect reconstruction of Princen & Bradley 1986
("Analysis/synthesis filter bank design based on time domain aliasing cancellation"), and it turns
the weighted overlap-add of Griffin & Lim 1984 ("Signal estimation from modified short-time Fourier
transform", eq. 6), whose denominator is that sum, into a plain one.

A real frame has ``window / 2 - 1`` complex lines and two real ones, at frequency zero and at half
the rate (Nyquist). Those two share bin 0, as its real and its imaginary part: then there are
exactly ``window / 2`` bins, and every part of every bin is a free number.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn.functional import pad

# A line between the two real ones stands for itself and for its mirror image.
_BOTH_SIDES = math.sqrt(2.0)


def frame_count(samples: int, window: int) -> int:
    """How many frames :func:`analyse` makes of ``samples`` samples."""
    return -(-samples // (window // 2)) + 1


def analyse(x: Tensor, window: int) -> Tensor:
    """Transform a signal, with half a window of silence before it and after it.

    The transform is a tight frame with bound 1: ``|S|^2`` summed over bins and frames is ``x^2``
    summed over time, and white noise of variance ``v`` gives every real and every imaginary part
    the variance ``v / 2``. Bin ``k`` lies at ``k / window`` times the rate; frame ``f`` is centred
    on sample ``f * window / 2``, and a sample is in two frames.

    Args:
        x: float32 or float64, shape (..., N).
        window: Samples in a frame; even.

    Returns:
        Complex, shape (..., window / 2, ceil(N / (window / 2)) + 1).

    Raises:
        ValueError: The window is not a positive even number.
    """
    hop = _hop(window)
    frames = frame_count(x.shape[-1], window)
    padded = pad(x, (hop, frames * hop - x.shape[-1]))
    lines = torch.fft.rfft(padded.unfold(-1, window, hop) * _sine(window, x), norm="ortho")
    shared = torch.complex(lines[..., :1].real, lines[..., -1:].real)
    return torch.cat([shared, lines[..., 1:-1] * _BOTH_SIDES], -1).mT


def synthesise(s: Tensor, window: int, length: int) -> Tensor:
    """Turn a transform into the signal whose own transform is nearest to it (least squares).

    The inverse of :func:`analyse`, and its adjoint: no signal comes out with more energy than the
    lines have.

    Args:
        s: complex64 or complex128, shape (..., window / 2, frames).
        window: Samples in a frame, as for the analysis.
        length: Samples to return; frames beyond them are dropped.

    Returns:
        float32 or float64, shape (..., length).

    Raises:
        ValueError: The window is not a positive even number, the bins are not half of it, or the
            frames do not reach as far as ``length``.
    """
    hop = _hop(window)
    bins, frames = s.shape[-2:]
    if bins != hop or not 0 <= length <= (frames - 1) * hop:
        raise ValueError(
            f"{bins} bins and {frames} frames do not hold {length} samples in windows of {window}"
        )
    s = s.mT
    first = s[..., :1]
    zero = torch.zeros_like(first.real)
    lines = [torch.complex(first.real, zero), s[..., 1:] / _BOTH_SIDES,
             torch.complex(first.imag, zero)]  # fmt: skip
    parts = torch.fft.irfft(torch.cat(lines, -1), n=window, norm="ortho")
    parts = parts * _sine(window, parts)
    # What lies before the middle of the first frame, or after that of the last, is padding.
    halves: Tensor = parts[..., :-1, hop:] + parts[..., 1:, :hop]
    return halves.flatten(-2)[..., :length]


def _hop(window: int) -> int:
    if window < 2 or window % 2:
        raise ValueError(f"the window must be a positive even number of samples: {window}")
    return window // 2


def _sine(window: int, like: Tensor) -> Tensor:
    # Computed in float64, so that float32 signals lose no more than the rounding of the result.
    places = torch.arange(window, dtype=torch.float64) + 0.5
    return torch.sin(math.pi / window * places).to(like)
