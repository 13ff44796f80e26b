"""Rendering SVG drawings to pixels, with the optional package ``resvg-py``.

The renderer gets the text of one file, and no folder in which to resolve references. The aspect
ratio is read first, so that an extremely wide drawing is refused before memory is allocated.
"""

from __future__ import annotations

import importlib
import io
import re
from pathlib import Path
from typing import Any

from PIL import Image

from sfumato.errors import MissingExtra, panics_raised

_FILE_LIMIT = 8 << 20
_ROOT = re.compile(r"<(?:\w+:)?svg\b[^>]*>", re.DOTALL)
_ATTRIBUTE = re.compile(r"""\s(width|height|viewBox)\s*=\s*["']([^"']*)["']""")
_NUMBER = re.compile(r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?")
_FILE_REFERENCE = re.compile(r"""href\s*=\s*["'](?!\s*(?:#|data:))""")


def renderer() -> Any:
    """Import the rendering package.

    Raises:
        MissingExtra: The package is not installed.
    """
    try:
        return importlib.import_module("resvg_py")
    except ImportError as error:
        raise MissingExtra("resvg-py", "svg", "Reading SVG drawings") from error


def render_svg(path: Path, side: int, max_pixels: int) -> Image.Image:
    """Render a drawing on a transparent background, with a short side of ``side`` pixels.

    Returns:
        An image in mode ``RGBA``.

    Raises:
        MissingExtra: The renderer is not installed.
        ValueError: The text is not an SVG drawing, would be too large, or cannot be rendered.
    """
    with path.open("rb") as file:
        data = file.read(_FILE_LIMIT + 1)
    return render_svg_text(data, side, max_pixels)


def render_svg_text(data: bytes, side: int, max_pixels: int) -> Image.Image:
    """Like :func:`render_svg`, from the bytes of the file."""
    resvg = renderer()
    if len(data) > _FILE_LIMIT:
        raise ValueError(f"larger than {_FILE_LIMIT >> 20} MiB")
    text = data.decode("utf-8-sig")
    if "<image" in text and _FILE_REFERENCE.search(text):
        raise ValueError("refers to files outside itself")
    aspect = _aspect(text)
    width = max(side, round(side * aspect))
    height = max(side, round(side / aspect))
    if width * height > max_pixels:
        raise ValueError(f"{width} x {height} pixels is above the limit of {max_pixels:,}")
    with panics_raised():
        png = resvg.svg_to_bytes(
            svg_string=text, width=width, height=height, skip_system_fonts=True
        )
    return Image.open(io.BytesIO(png), formats=("PNG",)).convert("RGBA")


def _aspect(text: str) -> float:
    """The ratio of width to height, from the viewBox, else from the size."""
    root = _ROOT.search(text)
    if root is None:
        raise ValueError("not an SVG drawing")
    attributes = dict(_ATTRIBUTE.findall(root.group()))
    box = [float(number) for number in _NUMBER.findall(attributes.get("viewBox", ""))]
    width, height = box[2:] if len(box) == 4 else (0.0, 0.0)
    size = [_NUMBER.match(attributes.get(name, "").strip()) for name in ("width", "height")]
    if size[0] and size[1] and "%" not in attributes["width"] + attributes["height"]:
        width, height = float(size[0].group()), float(size[1].group())
    if not (0 < width < 1e9 and 0 < height < 1e9):
        raise ValueError("the drawing declares no size")
    return width / height
