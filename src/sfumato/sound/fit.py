"""Fitting audio to clips: channels, offset, rate, silence at the ends, length, level.

The functions take float32 arrays of shape (C, N) with full scale at 1. Apply them in the order of
this file: an offset would ring when it is resampled, the ends are trimmed before the clip is cut,
and the level is that of the clip, not of the file.
"""

from __future__ import annotations

import importlib
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from sfumato.errors import MissingExtra

Samples = NDArray[np.float32]

# The channels of a file in the order of WAVE and FLAC: L left, R right, C centre, - low-frequency
# effects, which are left out.
_LAYOUTS = {
    3: "LRC",
    4: "LRLR",
    5: "LRCLR",
    6: "LRC-LR",
    7: "LRC-CLR",
    8: "LRC-LRLR",
}
_BESIDES = 0.5**0.5
_OFFSET = 1e-3  # -60 dBFS
_PIECES = 8
_FRAME_SECONDS = 0.005
_FADE_SECONDS = 0.002
_LOUDNESS_SECONDS = 0.4
_PEAK = 10 ** (-1 / 20)
_LOUDNESS = 10 ** (-20 / 20)


def to_channels(x: Samples, channels: int) -> Samples:
    """Mix to one channel or two.

    Mono is the mean of all channels. Stereo from mono repeats the channel. Stereo from three to
    eight channels in the order of WAVE follows ITU-R BS.775-3, annex 4: the front pair as it is,
    the centre and surround channels 3 dB softer, and no low-frequency effects, scaled so that
    nothing exceeds full scale. The layout of more than eight channels is not known, and both sides
    get the mean.

    Args:
        x: Shape (C, N).
        channels: 1 or 2.

    Returns:
        Shape (channels, N).
    """
    count = len(x)
    if count == channels:
        return x
    if channels == 1 or count > max(_LAYOUTS):
        mean = x.mean(axis=0, dtype=np.float32, keepdims=True)
        return np.repeat(mean, channels, axis=0)
    if count == 1:
        return np.repeat(x, channels, axis=0)
    mixed: Samples = (_mixing(_LAYOUTS[count]) @ x).astype(np.float32, copy=False)
    return mixed


def _mixing(layout: str) -> Samples:
    """The weight of every channel in either side, shape (2, C)."""
    weights = np.array(
        [
            [
                0.0 if place not in (side, "C") else 1.0 if number < 2 else _BESIDES
                for number, place in enumerate(layout)
            ]
            for side in "LR"
        ],
        dtype=np.float32,
    )
    normed: Samples = weights / weights.sum(axis=1, keepdims=True)
    return normed


def without_offset(x: Samples) -> Samples:
    """Remove a constant offset of each channel, if it is above -60 dBFS.

    The offset of a recorder is constant, while the mean of a short clip, such as a drum, comes from
    a part of it, and removing that would add a step at its end. So the channel is divided into
    eighths: the offset is the median of their means if all are above the threshold and of the same
    sign, else 0.

    Args:
        x: Shape (C, N), N > 0.
    """
    offsets = np.array([_offset(channel) for channel in x], dtype=np.float32)
    return x - offsets[:, None] if offsets.any() else x


def _offset(channel: Samples) -> float:
    pieces = np.array_split(channel, min(_PIECES, len(channel)))
    means = np.array([piece.mean(dtype=np.float64) for piece in pieces])
    common = means.min() > _OFFSET or means.max() < -_OFFSET
    return float(np.median(means)) if common else 0.0


def resampled(x: Samples, from_rate: int, to_rate: int) -> Samples:
    """Change the rate with the optional package ``soxr``, whose filter passes no aliases.

    Args:
        x: Shape (C, N).
        from_rate, to_rate: In Hz.

    Returns:
        Shape (C, N'), N' = N * to_rate / from_rate, rounded.

    Raises:
        MissingExtra: soxr is not installed.
    """
    if from_rate == to_rate:
        return x
    changed = _soxr().resample(np.ascontiguousarray(x.T), from_rate, to_rate, quality="HQ")
    return np.ascontiguousarray(changed.T, dtype=np.float32)


def _soxr() -> Any:
    try:
        return importlib.import_module("soxr")
    except ImportError as error:
        raise MissingExtra("soxr", "audio", "Resampling audio") from error


def trimmed(x: Samples, rate: int, decibels: float, least: float = 0.0) -> Samples:
    """Trim soft frames at either end.

    A frame of 5 ms is soft if its power, summed over channels, is below that of the loudest frame
    by more than ``decibels``, or if its mean square is below ``least``. One soft frame stays at
    either end, and is faded if more were removed.

    Args:
        x: Shape (C, N).
        rate: In Hz.
        decibels: Above 0.
        least: Smallest mean square of a frame that is not soft; the loudest frame always stays.

    Returns:
        Shape (C, N'), N' <= N; silence as it is.
    """
    if not x.any():
        return x
    length = x.shape[1]
    frame = round(_FRAME_SECONDS * rate)
    power = np.zeros(-(-length // frame) * frame, np.float32)
    power[:length] = np.einsum("cn,cn->n", x, x)
    levels = power.reshape(-1, frame).sum(axis=1, dtype=np.float64)
    lowest = max(levels.max() * 10 ** (-decibels / 10), least * frame * len(x))
    loud = np.flatnonzero(levels >= min(lowest, levels.max()))
    begin = max(0, int(loud[0]) - 1) * frame
    end = min(length, (int(loud[-1]) + 2) * frame)
    return _taken(x, rate, begin, end)


def stretches(length: int, samples: int) -> int:
    """Number of stretches of ``samples`` in a length; the last counts if at least half as long.

    A length of less than one stretch counts as one.
    """
    whole, rest = divmod(length, samples)
    return max(1, whole + (2 * rest >= samples))


def stretch(x: Samples, rate: int, begin: int, samples: int) -> Samples:
    """Samples from ``begin`` on, shape (C, samples), with silence after the end.

    Ends at which audio is cut off are faded over 2 ms, to avoid a click.
    """
    part = _taken(x, rate, begin, min(begin + samples, x.shape[1]))
    return np.pad(part, ((0, 0), (0, samples - part.shape[1])))


def cut(
    x: Samples, rate: int, samples: int, rule: Literal["start", "middle", "all"]
) -> list[Samples]:
    """Cut clips out of audio.

    Args:
        x: Shape (C, N).
        rate: In Hz.
        samples: Number of samples of every clip.
        rule: ``start`` and ``middle`` give one clip, ``all`` gives consecutive clips, as
            many as :func:`stretches`.

    Returns:
        Clips as :func:`stretch` makes them.
    """
    length = x.shape[1]
    begins = [0]
    if rule == "middle":
        begins = [max(0, (length - samples) // 2)]
    if rule == "all":
        begins = [number * samples for number in range(stretches(length, samples))]
    return [stretch(x, rate, begin, samples) for begin in begins]


def _taken(x: Samples, rate: int, begin: int, end: int) -> Samples:
    """``x[:, begin:end]``, faded at an end where samples are left out."""
    part = x[:, begin:end]
    length = part.shape[1]
    fade = min(round(_FADE_SECONDS * rate), length)
    ramp = (np.arange(fade, dtype=np.float32) + 0.5) / max(fade, 1)
    if begin > 0:
        part = part.copy()
        part[:, :fade] *= ramp
    if end < x.shape[1]:
        part = part.copy()
        part[:, length - fade :] *= ramp[::-1]
    return part


def levelled(x: Samples, rate: int, level: Literal["peak", "loudness", "keep"]) -> Samples:
    """Normalise the level of a clip, by one factor for all its samples.

    Args:
        x: Shape (C, N).
        rate: In Hz.
        level: ``peak``: the largest sample is at -1 dBFS. ``loudness``: the RMS of the loudest
            400 ms, over all channels, is 0.1 (-20 dBFS), or less where the largest sample would
            exceed -1 dBFS. ``keep``: unchanged, unless it exceeds full scale, to which it is then
            reduced.

    Returns:
        The same shape; silence stays silence.
    """
    peak = float(np.abs(x).max(initial=0.0))
    if peak == 0.0:
        return x
    if level == "keep":
        factor = min(1.0, 1.0 / peak)
    elif level == "peak":
        factor = _PEAK / peak
    else:
        factor = min(_LOUDNESS / _loudest_rms(x, rate), _PEAK / peak)
    return x if factor == 1.0 else x * np.float32(factor)


def _loudest_rms(x: Samples, rate: int) -> float:
    window = min(round(_LOUDNESS_SECONDS * rate), x.shape[1])
    power = np.einsum("cn,cn->n", x, x, dtype=np.float64) / len(x)
    total = np.concatenate([[0.0], np.cumsum(power)])
    return float(np.sqrt((total[window:] - total[:-window]).max() / window))
