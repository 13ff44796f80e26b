"""Bringing a sound of any kind to clips: channels, rate, silence at the ends, length, level.

Functions of float32 arrays of shape (C, N), full scale at 1. They are meant to follow one another
as they stand here: an offset would ring where the sound is resampled, softness at the ends is
judged before the length is, and the level is that of the clip, not of the file.
"""

from __future__ import annotations

import importlib
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from sfumato.errors import MissingExtra

Samples = NDArray[np.float32]

# What the channels of a file are, in the order of WAVE (and of FLAC): L left, R right, C in the
# middle, - left out, being the deep effects of films.
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

    One is the mean of all. Two from one are twice the same. Two from three to eight are mixed as
    ITU-R BS.775-3, annex 4, has it, taking the order of WAVE for granted: the front pair as it is,
    the middle and the surrounding channels 3 dB softer, and no deep effects; divided so that
    nothing exceeds full scale. Where more than eight lie is not known, and both sides get the mean.

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
    """What either side takes of every channel, shape (2, C)."""
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
    """Take off a constant that was added to all samples of a channel, if above -60 dBFS.

    A recorder's offset is there all along, while the mean of a short sound, such as a drum, comes
    from a part of it, and taking it off would put a step where the sound ends. So an offset is what
    the means of all eighths have in common: nothing unless all are above the threshold and of one
    sign, else their median.

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
        raise MissingExtra("soxr", "audio", "Changing the rate of sounds") from error


def trimmed(x: Samples, rate: int, decibels: float) -> Samples:
    """Take off what is soft at either end.

    A frame of 5 ms is soft if its power, summed over channels, is below that of the loudest frame
    by more than ``decibels``. One soft frame stays at either end, and is faded if something beyond
    it went.

    Args:
        x: Shape (C, N).
        rate: In Hz.
        decibels: Above 0.

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
    loud = np.flatnonzero(levels >= levels.max() * 10 ** (-decibels / 10))
    begin = max(0, int(loud[0]) - 1) * frame
    end = min(length, (int(loud[-1]) + 2) * frame)
    return _taken(x, rate, begin, end)


def stretches(length: int, samples: int) -> int:
    """How many stretches of ``samples`` there are: the last counts if at least half as long.

    What is shorter than one stretch counts as one.
    """
    whole, rest = divmod(length, samples)
    return max(1, whole + (2 * rest >= samples))


def stretch(x: Samples, rate: int, begin: int, samples: int) -> Samples:
    """Samples from ``begin`` on, shape (C, samples), with silence after the end.

    Where the sound goes on beyond the stretch, it is faded over 2 ms, so that it does not click.
    """
    part = _taken(x, rate, begin, min(begin + samples, x.shape[1]))
    return np.pad(part, ((0, 0), (0, samples - part.shape[1])))


def cut(
    x: Samples, rate: int, samples: int, rule: Literal["start", "middle", "all"]
) -> list[Samples]:
    """Cut clips out of a sound.

    Args:
        x: Shape (C, N).
        rate: In Hz.
        samples: Of every clip.
        rule: ``start`` and ``middle`` give one clip, ``all`` gives as many as
            :func:`stretches` says, one after the other.

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
    """``x[:, begin:end]``, faded at an end where something was left away."""
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
    """Bring a clip to a level, by one factor for all its samples.

    Args:
        x: Shape (C, N).
        rate: In Hz.
        level: ``peak``: the largest sample is at -1 dBFS. ``loudness``: the RMS of the loudest
            400 ms, over all channels, is 0.1 (-20 dBFS), or less where the largest sample would
            exceed -1 dBFS. ``keep``: as it is, unless it exceeds full scale, to which it is then
            brought down.

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
