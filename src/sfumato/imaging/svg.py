"""Rendering SVG drawings to pixels, with the optional package ``resvg-py``.

A drawing is read and refused here if it leads out of itself
(:mod:`sfumato.imaging.drawing`), and rendered in another process
(:mod:`sfumato.imaging.renderers`). The aspect ratio is read first, so that an extremely wide
drawing is refused before memory is allocated.
"""

from __future__ import annotations

import io
from pathlib import Path

from PIL import Image

from sfumato.imaging.drawing import FILE_LIMIT, read_drawing
from sfumato.imaging.limits import require_small_size
from sfumato.imaging.renderers import render, renderer


def render_svg(path: Path, side: int, max_pixels: int) -> Image.Image:
    """Render a drawing on a transparent background, with a short side of ``side`` pixels.

    Returns:
        An image in mode ``RGBA``.

    Raises:
        MissingExtra: The renderer is not installed.
        ValueError: The text is not an SVG drawing, would be too large, or cannot be rendered.
        OSError: The file cannot be read, or no renderer can be started.
    """
    with path.open("rb") as file:
        data = file.read(FILE_LIMIT + 1)
    return render_svg_text(data, side, max_pixels)


def render_svg_text(data: bytes, side: int, max_pixels: int) -> Image.Image:
    """Like :func:`render_svg`, from the bytes of the file."""
    renderer()
    drawing = read_drawing(data)
    width = max(side, round(side * drawing.aspect))
    height = max(side, round(side / drawing.aspect))
    require_small_size(width, height, max_pixels)
    picture = Image.open(io.BytesIO(render(drawing.text, width, height)), formats=("PNG",))
    if picture.size != (width, height):
        raise ValueError("the renderer gave a picture of another size")
    return picture.convert("RGBA")
