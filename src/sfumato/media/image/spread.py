"""Where several results of an edit differ: the standard deviation of each pixel in colours."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

# From no difference to the largest one; each is lighter than the one before, so that the order can
# be seen in grey too.
_COLOURS = np.array(
    [(8, 8, 24), (56, 16, 96), (136, 32, 104), (208, 72, 72), (248, 152, 64), (255, 248, 200)],
    np.float64,
)
_PAPER, _INK = (238, 238, 238), (32, 32, 32)
_GOOD_SIDE, _LEAST_WIDTH = 96, 260
_GAP, _BAR, _LINE = 8, 12, 14
# Differences below this many levels of 255 cannot be seen, and are not shown as large ones.
_LEAST_TOP = 4


def deviation(items: NDArray[np.uint8]) -> NDArray[np.float64]:
    """The standard deviation of each pixel over several images.

    Args:
        items: uint8, shape (N, H, W, C), N >= 2.

    Returns:
        In levels of 255, shape (H, W): the root of the mean of the channels' variances, each of
        which is the unbiased one.
    """
    if len(items) < 2:
        raise ValueError("a deviation needs two images or more")
    mean = items.mean(0, dtype=np.float64)
    variance = np.zeros_like(mean)
    for item in items:
        variance += (item - mean) ** 2
    deviation: NDArray[np.float64] = np.sqrt((variance / (len(items) - 1)).mean(-1))
    return deviation


def spread_map(items: NDArray[np.uint8]) -> Image.Image:
    """The deviation of each pixel as a colour, above a legend of the scale.

    Args:
        items: uint8, shape (N, H, W, C), N >= 2.

    Returns:
        An image in mode ``RGB``, whose upper left corner shows the map. A pixel of the items is one
        of the map, or a square of pixels if the items are small.
    """
    spread = deviation(items)
    top = _round_up(max(float(spread.max()), _LEAST_TOP))
    pixels = coloured(spread / top)
    scale = max(1, math.ceil(_GOOD_SIDE / max(spread.shape)))
    drawn = Image.fromarray(pixels.repeat(scale, axis=0).repeat(scale, axis=1))
    legend = _legend(f"standard deviation of {len(items)} results", f"{top:g} of 255")
    size = max(drawn.width, legend.width), drawn.height + legend.height
    paper = Image.new("RGB", size, _PAPER)
    paper.paste(drawn, (0, 0))
    paper.paste(legend, (0, drawn.height))
    return paper


def coloured(shares: NDArray[np.float64]) -> NDArray[np.uint8]:
    """Colours of numbers in [0, 1]: shape (H, W) to uint8 (H, W, 3)."""
    places = np.linspace(0, 1, len(_COLOURS))
    channels = [np.interp(shares, places, column) for column in _COLOURS.T]
    colours: NDArray[np.uint8] = np.rint(np.stack(channels, -1)).astype(np.uint8)
    return colours


def _legend(title: str, top: str) -> Image.Image:
    """The scale as a bar with its ends named, below a title."""
    image = Image.new("RGB", (_LEAST_WIDTH, 3 * _GAP + 2 * _LINE + _BAR), _PAPER)
    draw, font = ImageDraw.Draw(image), ImageFont.load_default()
    width = _LEAST_WIDTH - 2 * _GAP
    bar = coloured(np.broadcast_to(np.linspace(0, 1, width), (_BAR, width)))
    draw.text((_GAP, _GAP), title, _INK, font)
    image.paste(Image.fromarray(bar), (_GAP, _GAP + _LINE))
    below = _GAP + _LINE + _BAR + 2
    draw.text((_GAP, below), "0", _INK, font)
    draw.text((_LEAST_WIDTH - _GAP - draw.textlength(top, font), below), top, _INK, font)
    return image


def _round_up(value: float) -> float:
    """The least number of 1, 2 or 5 times a power of ten that is at least a value, up to 255."""
    power = 10.0 ** math.floor(math.log10(value))
    steps = [power * step for step in (1.0, 2.0, 5.0, 10.0)]
    # Powers of ten are rounded, so that the value itself may be a little above its step.
    return min(255.0, *(step for step in steps if value <= step * (1 + 1e-9)))
