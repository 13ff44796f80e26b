"""Digital signal processing of audio, as pure functions on tensors.

The last dimension of a signal is time; all dimensions before it are batch dimensions. Amplitudes
are relative to full scale, 1.

**The short-time Fourier transform** here is invertible and preserves energies. A signal is cut into
frames of ``window`` samples that overlap by half, every frame is multiplied by a sine window and
transformed by a real FFT; the way back multiplies by the same window and adds the overlapping
frames. The squares of a sine window and of its copy half a window later are ``sin^2 + cos^2 = 1``,
which is the condition for perfect reconstruction of Princen & Bradley 1986 ("Analysis/synthesis
filter bank design based on time domain aliasing cancellation"), and it turns the weighted
overlap-add of Griffin & Lim 1984 ("Signal estimation from modified short-time Fourier transform",
eq. 6), whose denominator is that sum, into a plain one.

A real frame has ``window / 2 - 1`` complex lines and two real ones, at frequency zero and at half
the rate (Nyquist). Those two share bin 0, as its real and its imaginary part, so that there are
exactly ``window / 2`` bins, and every part of every bin is an independent number.

**The log-mel spectrogram** has levels in decibels in frequency bands that are spaced like hearing.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn.functional import pad

# A line between the two real ones represents itself and its mirror image.
_BOTH_SIDES = math.sqrt(2.0)


def frame_count(samples: int, window: int) -> int:
    """The number of frames that :func:`analyse` computes from ``samples`` samples."""
    return -(-samples // (window // 2)) + 1


def analyse(x: Tensor, window: int) -> Tensor:
    """Transform a signal, with half a window of silence before it and after it.

    The transform is a tight frame with bound 1: ``|S|^2`` summed over bins and frames is ``x^2``
    summed over time, and white noise of variance ``v`` gives every real and every imaginary part
    the variance ``v / 2``. Bin ``k`` lies at ``k / window`` times the rate; frame ``f`` is centred
    on sample ``f * window / 2``, and a sample is in two frames.

    Args:
        x: float32 or float64, shape (..., N).
        window: The number of samples of a frame; even.

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
    """The signal whose transform is nearest to the given one (least squares).

    The inverse of :func:`analyse`, and its adjoint: the signal has at most the energy of the lines.

    Args:
        s: complex64 or complex128, shape (..., window / 2, frames).
        window: The number of samples of a frame, as for the analysis.
        length: The number of samples to return; frames beyond them are dropped.

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
    # Samples before the middle of the first frame, or after that of the last, are padding.
    halves: Tensor = parts[..., :-1, hop:] + parts[..., 1:, :hop]
    return halves.flatten(-2)[..., :length]


def _hop(window: int) -> int:
    if window < 2 or window % 2:
        raise ValueError(f"the window must be a positive even number of samples: {window}")
    return window // 2


def _sine(window: int, like: Tensor) -> Tensor:
    # Computed in float64, so that for float32 signals only the result is rounded.
    places = torch.arange(window, dtype=torch.float64) + 0.5
    return torch.sin(math.pi / window * places).to(like)


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
    """The weight of each frequency in each band.

    The weights of a band are a triangle with 1 at its centre (Davis & Mermelstein 1980, "Comparison
    of parametric representations for monosyllabic word recognition", fig. 1). From the first centre
    to the last the weights of a frequency add up to 1.

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

    The power in a band is the part of a frame's mean square, under a Hann window, which the
    triangle of the band passes: the bands add up to the power of all frequencies between the first
    and the last centre. 0 dB is the power of a sine of amplitude 1.

    Args:
        x: float32 or float64, shape (..., N), full scale is 1.
        rate: Samples per second.
        bands: The number of bands from 0 Hz to half the rate.
        window: The length of a frame in seconds, at least two samples.
        hop: Seconds from one frame to the next, rounded to samples, at least one. Frame
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
    # A line between 0 and half the rate represents its mirror image too.
    both_sides = torch.full((points // 2 + 1,), 2.0, dtype=torch.float64)
    both_sides[[0, -1]] = 1.0
    unit = both_sides / (points * hann.square().sum() * _FULL_SCALE)
    frequencies = torch.linspace(0.0, rate / 2, points // 2 + 1, dtype=torch.float64)
    weights = (triangles(edges, frequencies) * unit).to(x)
    power: Tensor = weights @ (spectra.real.square() + spectra.imag.square()).mT
    return 10.0 * power.clamp_min(10.0 ** (FLOOR / 10.0)).log10()


def _frames(x: Tensor, length: int, step: int) -> Tensor:
    count = -(-x.shape[-1] // step)
    # Negative if frames do not touch; then parts of the signal are skipped.
    before = (length - step) // 2
    padded = pad(x, (max(before, 0), length + step))[..., max(-before, 0) :]
    return padded.unfold(-1, length, step)[..., :count, :]


def _fft_length(length: int, rate: int, edges: Tensor) -> int:
    """A power of two of at least a frame, with two lines or more on the slope of every band."""
    narrowest = float((edges[1:] - edges[:-1]).min())
    return int(2 ** math.ceil(math.log2(max(length, 2 * rate / narrowest))))
