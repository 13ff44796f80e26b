"""Drawings of audio: a waveform above a log-mel spectrogram, alone or on a sheet."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from torch import Tensor
from torch.nn.functional import interpolate

from sfumato.dsp import FLOOR, log_mel
from sfumato.media.lettering import LINE, font, wrapped

Waveform = NDArray[np.floating[Any]] | Tensor

_WIDTH, _HEIGHT = 240, 160
_WAVE_SHARE = 0.32
_GAP = 2
_MARK = 2
_WINDOW = 0.025
_SPREAD_FLOOR, _SPREAD_MOST = -60.0, 12.0

_PAPER = (238, 238, 238)
_INK = (40, 40, 48)
_FAINT_INK = (128, 128, 136)
_PANEL = np.array([24.0, 26.0, 38.0])
_AXIS = np.array([58.0, 64.0, 86.0])
_PEAK = np.array([72.0, 130.0, 176.0])
_BODY = np.array([168.0, 214.0, 240.0])
_OVER = np.array([255.0, 84.0, 70.0])

# The colours from silence to full scale: lightness, chroma, and hue in degrees, evenly spaced in
# decibels.
_ANCHORS = (
    (0.16, 0.025, 275.0),
    (0.30, 0.100, 285.0),
    (0.44, 0.155, 320.0),
    (0.58, 0.180, 375.0),
    (0.74, 0.160, 410.0),
    (0.88, 0.135, 450.0),
    (0.98, 0.060, 465.0),
)


def picture(
    x: Waveform, rate: int, width: int = _WIDTH, height: int = _HEIGHT
) -> NDArray[np.uint8]:
    """Draw one clip over its whole length.

    Above is the waveform, full scale from top to bottom, one lane per channel: the range of the
    samples, lighter within the root mean square, with red marks where it is beyond full scale.
    Below is the level of the loudest channel in mel bands from 0 Hz to half the rate, one to a row,
    in colours of even steps in lightness from -80 dB (dark) to 0 dB (light).

    Args:
        x: Float, shape (C, N) with C = 1 or 2, full scale is 1. Without samples it is drawn as
            silence.
        rate: Samples per second.
        width: In pixels, at least 1.
        height: In pixels, at least 32.

    Returns:
        uint8, shape (height, width, 3).

    Raises:
        ValueError: The shape or a size is not one of those, or a sample is not finite.
    """
    audio = torch.as_tensor(x).detach().to("cpu", torch.float32)
    if audio.ndim != 2 or len(audio) not in (1, 2) or not audio.isfinite().all():
        raise ValueError(f"audio should be finite, (C, N) with C = 1 or 2: {tuple(audio.shape)}")
    if width < 1 or height < 32:
        raise ValueError(f"too small to draw in: {width} x {height}")
    if not audio.shape[1]:
        audio = audio.new_zeros(len(audio), 1)
    above = round(_WAVE_SHARE * height)
    lanes = [above] if len(audio) == 1 else [above - above // 2, above // 2]
    waves = [_wave(lane.numpy(), width, high) for lane, high in zip(audio, lanes, strict=True)]
    gap = np.full((_GAP, width, 3), _PAPER)
    levels = _levels(audio, rate, width, height - above - _GAP)
    return np.concatenate([*waves, gap, _colours(levels)]).astype(np.uint8)


def sheet(
    clips: Sequence[Waveform],
    rate: int,
    captions: Sequence[str] | None = None,
    columns: int | None = None,
    lines: int = 1,
) -> Image.Image:
    """Draw clips in rows, all on the time scale on which the longest is 240 pixels wide.

    Below each clip are its caption, cut to fit, and its length; below them all is the scale.

    Args:
        clips: One or more clips as for :func:`picture`, of any lengths.
        rate: Samples per second of all of them.
        captions: A caption for each clip.
        columns: Number of clips in a row; by default the sheet is nearly square.
        lines: The largest number of lines of a caption, at least 1.

    Returns:
        An image in mode ``RGB``.

    Raises:
        ValueError: There are no clips, the number of captions differs, ``columns`` is below 1, or
            :func:`picture` cannot draw a clip.
    """
    captions = [""] * len(clips) if captions is None else captions
    if not len(clips) or len(captions) != len(clips):
        raise ValueError(f"as many captions as clips, and at least one: {len(clips)} clips")
    columns = math.ceil(math.sqrt(len(clips))) if columns is None else min(columns, len(clips))
    if columns < 1:
        raise ValueError(f"columns must be at least 1: {columns}")
    margin, under = 12, 26
    lengths = [_seconds(clip.shape[-1] / rate) for clip in clips]
    texts = [
        wrapped(caption, _WIDTH - font().getlength(length) - 10, lines)
        for caption, length in zip(captions, lengths, strict=True)
    ]
    wide = _WIDTH + margin
    high = _HEIGHT + under + LINE * (max(1, *map(len, texts)) - 1)
    rows = -(-len(clips) // columns)
    paper = Image.new("RGB", (columns * wide + margin, rows * high + margin + under), _PAPER)
    longest = max(1, *(clip.shape[-1] for clip in clips))
    for place, (clip, text, length) in enumerate(zip(clips, texts, lengths, strict=True)):
        left, top = margin + place % columns * wide, margin + place // columns * high
        width = max(1, round(_WIDTH * clip.shape[-1] / longest))
        paper.paste(Image.fromarray(picture(clip, rate, width)), (left, top))
        _caption(paper, (left, top + _HEIGHT + 4), text, length)
    words = f"{FLOOR:.0f} dB", "0 dB", f"to {rate / 2000:g} kHz, mel"
    _scale(paper, (margin, rows * high + margin + 4), words)
    return paper


def spread_picture(items: NDArray[np.floating[Any]], rate: int) -> Image.Image:
    """Draw where several sounds of one length differ.

    In each mel band and at each time it is the standard deviation of their levels, from 0 dB (dark)
    to 12 dB (light). Levels below -60 dB count as -60 dB, because nobody hears their differences.

    Args:
        items: Two or more sounds, shape (N, C, T).
        rate: Samples per second.

    Returns:
        An image in mode ``RGB``.

    Raises:
        ValueError: There are fewer than two.
    """
    if len(items) < 2:
        raise ValueError(f"two sounds or more can differ: {len(items)}")
    width, height, margin, under = 2 * _WIDTH, _HEIGHT, 12, 26
    levels = [
        np.maximum(_levels(torch.as_tensor(item).float(), rate, width, height), _SPREAD_FLOOR)
        for item in items
    ]
    share = (np.std(levels, axis=0, ddof=1) / _SPREAD_MOST).astype(np.float32)
    paper = Image.new("RGB", (width + 2 * margin, height + margin + under), _PAPER)
    paper.paste(Image.fromarray(_colours((share - 1.0) * -FLOOR)), (margin, margin))
    words = (
        "0 dB",
        f"{_SPREAD_MOST:.0f} dB",
        f"standard deviation, {_seconds(items.shape[2] / rate)}",
    )
    _scale(paper, (margin, margin + height + 4), words)
    return paper


def _wave(samples: NDArray[np.float32], width: int, height: int) -> NDArray[np.float64]:
    """One lane, (height, width, 3)."""
    edges = np.linspace(0, len(samples), width + 1)
    # A column reaches to the first sample of the next one, so that steep lines are connected.
    starts = np.floor(edges[:-1]).astype(np.int64)
    ends = np.maximum(np.ceil(edges[1:]).astype(np.int64), starts + 1) + 1
    spans = np.stack([starts, np.minimum(ends, len(samples))], 1).ravel()
    extended = np.append(samples, samples[-1]).astype(np.float64)
    low = np.minimum.reduceat(extended, spans)[::2]
    high = np.maximum.reduceat(extended, spans)[::2]
    counts = spans[1::2] - spans[::2]
    body = np.sqrt(np.add.reduceat(extended**2, spans)[::2] / counts)

    lane = np.broadcast_to(_PANEL, (height, width, 3)).copy()
    lane[(height - 1) // 2] = _AXIS
    lane = _paint(lane, low, high, _PEAK)
    lane = _paint(lane, np.maximum(low, -body), np.minimum(high, body), _BODY)
    lane[:_MARK, high > 1.0] = _OVER
    lane[-_MARK:, low < -1.0] = _OVER
    return lane


def _paint(
    lane: NDArray[np.float64],
    low: NDArray[np.float64],
    high: NDArray[np.float64],
    colour: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Fill every column from one amplitude to another, with soft ends, at least a pixel thick."""
    height = len(lane)
    top, bottom = ((1.0 - v.clip(-1.0, 1.0)) / 2 * (height - 1) for v in (high, low))
    rows = np.arange(height)[:, None]
    cover = (np.minimum(bottom + 0.5, rows + 0.5) - np.maximum(top - 0.5, rows - 0.5)).clip(
        0.0, 1.0
    )
    painted: NDArray[np.float64] = lane + cover[..., None] * (colour - lane)
    return painted


def _levels(audio: Tensor, rate: int, width: int, bands: int) -> NDArray[np.float32]:
    """Decibels, (bands, width), the highest band first."""
    hop = audio.shape[1] / width / rate
    levels = log_mel(audio, rate, bands, max(_WINDOW, 2 * hop), hop).amax(0)
    # Hops are whole samples, so there may be a column more or less.
    fitted: NDArray[np.float32] = interpolate(levels[None], width, mode="linear")[0].flip(0).numpy()
    return fitted


def _colours(levels: NDArray[np.float32]) -> NDArray[np.uint8]:
    palette = _palette()
    share = (levels / -FLOOR + 1.0).clip(0.0, 1.0)
    coloured: NDArray[np.uint8] = palette[np.rint(share * (len(palette) - 1)).astype(np.int64)]
    return coloured


@cache
def _palette() -> NDArray[np.uint8]:
    """256 colours, uint8 (256, 3), through the anchors in OKLCh.

    Source: Ottosson 2020, "A perceptual color space for image processing".
    """
    anchors = np.array(_ANCHORS)
    places = np.linspace(0, len(anchors) - 1, 256)
    lightness, chroma, hue = (
        np.interp(places, np.arange(len(anchors)), column) for column in anchors.T
    )
    a, b = chroma * np.cos(np.radians(hue)), chroma * np.sin(np.radians(hue))
    long, medium, short = (
        lightness + 0.3963377774 * a + 0.2158037573 * b,
        lightness - 0.1055613458 * a - 0.0638541728 * b,
        lightness - 0.0894841775 * a - 1.2914855480 * b,
    )
    linear = np.stack([long, medium, short], 1) ** 3 @ np.array([
        [4.0767416621, -1.2684380046, -0.0041960863],
        [-3.3077115913, 2.6097574011, -0.7034186147],
        [0.2309699292, -0.3413193965, 1.7076147010],
    ])  # fmt: skip
    linear = linear.clip(0.0, 1.0)
    coded = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    palette: NDArray[np.uint8] = np.rint(255 * coded).astype(np.uint8)
    return palette


def _caption(paper: Image.Image, at: tuple[int, int], lines: Sequence[str], length: str) -> None:
    draw, (left, top) = ImageDraw.Draw(paper), at
    for number, line in enumerate(lines):
        draw.text((left, top + number * LINE), line, fill=_INK, font=font())
    draw.text((left + _WIDTH, top), length, fill=_FAINT_INK, font=font(), anchor="ra")


def _scale(paper: Image.Image, at: tuple[int, int], words: tuple[str, str, str]) -> None:
    """The colours between their lowest and highest value, and a third text on the right."""
    draw, (left, top) = ImageDraw.Draw(paper), at
    draw.text((left, top), words[0], fill=_FAINT_INK, font=font())
    left += round(font().getlength(words[0])) + 6
    bar = np.broadcast_to(_palette()[::6], (10, 43, 3))
    paper.paste(Image.fromarray(np.ascontiguousarray(bar)), (left, top + 1))
    left += 43 + 6
    draw.text((left, top), words[1], fill=_FAINT_INK, font=font())
    draw.text((paper.width - at[0], top), words[2], fill=_FAINT_INK, font=font(), anchor="ra")


def _seconds(seconds: float) -> str:
    return f"{seconds:.2f} s" if seconds < 10 else f"{seconds:.1f} s"
