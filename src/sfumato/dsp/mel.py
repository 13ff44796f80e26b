"""Levels in frequency bands that are spaced like hearing: the log-mel spectrogram."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn.functional import pad

FLOOR = -80.0
"""The lowest level that :func:`log_mel` gives, in decibels relative to full scale."""

# A sine of amplitude 1.
_FULL_SCALE = 0.5


def hertz_to_mel(hertz: Tensor) -> Tensor:
    """Pitch in mel: O'Shaughnessy 1987, "Speech communication: human and machine", p. 150.

    Nearly linear below 700 Hz and logarithmic above; 1000 Hz are 1000 mel.
    """
    return 2595.0 * torch.log10(1.0 + hertz / 700.0)


def mel_to_hertz(mel: Tensor) -> Tensor:
    """The inverse of :func:`hertz_to_mel`."""
    return 700.0 * (10.0 ** (mel / 2595.0) - 1.0)


def mel_edges(rate: int, bands: int) -> Tensor:
    """The frequencies between which bands lie, from 0 to half the rate, evenly spaced in mel.

    Band ``b`` rises from edge ``b`` to its centre, edge ``b + 1``, and falls to edge ``b + 2``.

    Returns:
        In Hz, float64, shape (bands + 2,).
    """
    top = hertz_to_mel(torch.tensor(rate / 2, dtype=torch.float64))
    return mel_to_hertz(torch.linspace(0.0, 1.0, bands + 2, dtype=torch.float64) * top)


def triangles(edges: Tensor, frequencies: Tensor) -> Tensor:
    """How much of each frequency falls into each band.

    A band weighs its centre by 1, in a triangle (Davis & Mermelstein 1980, "Comparison of
    parametric representations for monosyllabic word recognition", fig. 1). From the first centre
    to the last the weights of a frequency add to 1.

    Args:
        edges: Shape (bands + 2,), rising.
        frequencies: Shape (F,).

    Returns:
        Shape (bands, F).
    """
    left, centre, right = (edges[i : len(edges) - 2 + i, None] for i in range(3))
    rising = (frequencies - left) / (centre - left)
    falling = (right - frequencies) / (right - centre)
    return torch.minimum(rising, falling).clamp_min(0.0)


def log_mel(
    x: Tensor, rate: int, bands: int = 64, window: float = 0.025, hop: float = 0.010
) -> Tensor:
    """Levels in time and mel bands.

    The power in a band is that part of a frame's mean square, under a Hann window, which the
    triangle of the band lets through: the bands add to the power of all that lies between the
    first and the last centre. 0 dB is the power of a sine of amplitude 1.

    Args:
        x: float32 or float64, shape (..., N), full scale is 1.
        rate: Samples per second.
        bands: How many bands there are from 0 Hz to half the rate.
        window: Seconds that a frame looks at; at least two samples are taken.
        hop: Seconds from one frame to the next, rounded to samples; at least one is taken. Frame
            ``f`` is centred on its own stretch of the signal, from ``f * hop`` to
            ``(f + 1) * hop``; outside of the signal there is silence.

    Returns:
        Decibels relative to full scale, at least -80, shape (..., bands, ceil(N / hop)).

    Raises:
        ValueError: A number is not positive, or there are no samples.
    """
    if x.shape[-1] == 0:
        raise ValueError("a signal without samples has no levels")
    if min(rate, bands, window, hop) <= 0:
        raise ValueError(f"all must be positive: {rate=}, {bands=}, {window=}, {hop=}")
    length, step = max(2, round(window * rate)), max(1, round(hop * rate))
    edges = mel_edges(rate, bands)
    points = _fft_length(length, rate, edges)
    hann = torch.hann_window(length, dtype=torch.float64)
    spectra = torch.fft.rfft(_frames(x, length, step) * hann.to(x), n=points)
    # A line between 0 and half the rate stands for its mirror image too.
    both_sides = torch.full((points // 2 + 1,), 2.0, dtype=torch.float64)
    both_sides[[0, -1]] = 1.0
    unit = both_sides / (points * hann.square().sum() * _FULL_SCALE)
    frequencies = torch.linspace(0.0, rate / 2, points // 2 + 1, dtype=torch.float64)
    weights = (triangles(edges, frequencies) * unit).to(x)
    power: Tensor = weights @ (spectra.real.square() + spectra.imag.square()).mT
    return 10.0 * power.clamp_min(10.0 ** (FLOOR / 10.0)).log10()


def _frames(x: Tensor, length: int, step: int) -> Tensor:
    count = -(-x.shape[-1] // step)
    # Negative where frames do not touch: then parts of the signal are skipped.
    before = (length - step) // 2
    padded = pad(x, (max(before, 0), length + step))[..., max(-before, 0) :]
    return padded.unfold(-1, length, step)[..., :count, :]


def _fft_length(length: int, rate: int, edges: Tensor) -> int:
    """A power of two that holds a frame and puts two lines or more on the slope of every band."""
    narrowest = float((edges[1:] - edges[:-1]).min())
    return int(2 ** math.ceil(math.log2(max(length, 2 * rate / narrowest))))
