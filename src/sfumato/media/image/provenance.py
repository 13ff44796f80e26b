"""Images that contain their provenance: JSON in a PNG text chunk named ``sfumato``.

The chunk is an uncompressed ``iTXt`` before the pixels (PNG specification, 11.3.3.4). Reading walks
the chunks and decompresses nothing, so it is safe from decompression bombs.
"""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from sfumato.data.marks import KEY, RECIPE_LIMIT, png_texts
from sfumato.errors import DataError
from sfumato.storage import write_bytes

# Keyword, end of keyword, "not compressed", method, empty language tag, empty translated keyword.
_PREFIX = KEY.encode() + b"\0\0\0\0\0"


def write_png(path: Path, pixels: NDArray[np.uint8], recipe: Mapping[str, Any] | None) -> None:
    """Write an image atomically.

    Args:
        path: Path of the file; the folder must exist.
        pixels: uint8, shape (H, W, C) with C = 1, 3 or 4.
        recipe: The provenance of the image: any JSON object with finite numbers.

    Raises:
        ValueError: The recipe is not JSON or is larger than 1 MiB.
        DiskFull: There is not enough room.
    """
    info = PngInfo()
    if recipe is not None:
        text = json.dumps(recipe, ensure_ascii=False, allow_nan=False, sort_keys=True)
        if len(text.encode()) > RECIPE_LIMIT:
            raise ValueError("the recipe is larger than 1 MiB")
        info.add_itxt(KEY, text)
    buffer = io.BytesIO()
    plain = pixels[..., 0] if pixels.shape[-1] == 1 else pixels
    Image.fromarray(np.ascontiguousarray(plain)).save(buffer, "PNG", pnginfo=info)
    write_bytes(path, buffer.getvalue())


def read_recipe(path: Path) -> dict[str, Any]:
    """Read the provenance of an image.

    Raises:
        DataError: The file is missing, is not a PNG, or has no readable provenance.
    """
    try:
        with path.open("rb") as file:
            recipe = json.loads(_recipe_text(file))
    except OSError as error:
        raise DataError(f"'{path}' cannot be opened.", why=error.strerror or str(error)) from error
    except (ValueError, RecursionError) as error:
        raise _no_recipe(path, str(error)) from error
    if not isinstance(recipe, dict):
        raise _no_recipe(path, "the recipe is not a JSON object")
    return recipe


def _recipe_text(file: BinaryIO) -> str:
    for data in png_texts(file):
        if data.startswith(_PREFIX):
            return data[len(_PREFIX) :].decode()
    raise ValueError("it has no text chunk named 'sfumato'")


def _no_recipe(path: Path, why: str) -> DataError:
    return DataError(
        f"'{path}' carries no recipe.",
        why=why,
        hint="only PNG files that Sfumato wrote, and that were not saved again, carry one.",
    )
