from __future__ import annotations

import math
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from sfumato.errors import DataError
from sfumato.media.image.provenance import read_recipe, write_png

PIXELS = np.random.default_rng(0).integers(0, 256, (6, 5, 4), dtype=np.uint8)


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_round_trip(tmp_path: Path, channels: int) -> None:
    recipe = {"sampler": "heun", "label": "Größe ☃", "scale": 1.5, "steps": [1, 2], "note": None}
    path = tmp_path / "a.png"
    write_png(path, PIXELS[..., :channels], recipe)
    assert read_recipe(path) == recipe
    with Image.open(path) as picture:
        stored = np.asarray(picture).reshape(6, 5, channels)
        assert "Größe" in picture.info["sfumato"]
    np.testing.assert_array_equal(stored, PIXELS[..., :channels])


def test_equal_pictures_give_equal_files(tmp_path: Path) -> None:
    write_png(tmp_path / "a.png", PIXELS, {"a": 1, "b": 2})
    write_png(tmp_path / "b.png", PIXELS, {"b": 2, "a": 1})
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()


@pytest.mark.parametrize("recipe", [{"x": math.nan}, {"x": "y" * (1 << 20)}])
def test_recipes_that_cannot_be_written(tmp_path: Path, recipe: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r".+"):
        write_png(tmp_path / "a.png", PIXELS, recipe)
    assert list(tmp_path.iterdir()) == []


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def test_hostile_files(tmp_path: Path) -> None:
    start = b"\x89PNG\r\n\x1a\n"
    plain = b"sfumato\0\0\0\0\0"
    whole = start + chunk(b"iTXt", plain + b'{"a": 1}') + chunk(b"IDAT", b"")
    hostile = {
        "nothing": b"",
        "not a PNG": b"GIF89a" * 9,
        "ends early": start + b"\0\0",
        "not an object": start + chunk(b"iTXt", plain + b"[1]"),
        "not JSON": start + chunk(b"iTXt", plain + b"{"),
        "not text": start + chunk(b"iTXt", plain + b"\xff\xfe"),
        "deep": start + chunk(b"iTXt", plain + b"[" * 500_000),
        "too long": start + chunk(b"iTXt", plain + b" " * (1 << 20) + b"{}"),
        "compressed": start + chunk(b"iTXt", b"sfumato\0\1\0\0\0" + zlib.compress(b"{}")),
        "damaged": whole.replace(b'"a"', b'"b"'),
        "length lies": start + struct.pack(">I", 2**32 - 1) + b"iTXt",
        "after the pixels": start + chunk(b"IDAT", b"") + chunk(b"iTXt", plain + b"{}"),
        "endless": start + chunk(b"tEXt", b"x\0y") * 5000,
    }
    for name, data in hostile.items():
        path = tmp_path / name
        path.write_bytes(data)
        with pytest.raises(DataError, match="carries no recipe"):
            read_recipe(path)
    with pytest.raises(DataError, match="cannot be opened"):
        read_recipe(tmp_path / "missing.png")


def test_other_chunks_are_passed_over(tmp_path: Path) -> None:
    info = PngInfo()
    info.add_text("Comment", "by hand")
    info.add_itxt("Title", "a picture")
    info.add_itxt("sfumato", '{"seed": 1}')
    Image.fromarray(PIXELS).save(tmp_path / "a.png", pnginfo=info)
    assert read_recipe(tmp_path / "a.png") == {"seed": 1}


def test_a_file_is_replaced_as_a_whole(tmp_path: Path) -> None:
    """Written beside its place and renamed: another name of the old file keeps the old content."""
    path = tmp_path / "a.png"
    path.write_bytes(b"old")
    (tmp_path / "kept.png").hardlink_to(path)
    write_png(path, np.zeros((4, 4, 3), np.uint8), {"seed": 1})
    assert (tmp_path / "kept.png").read_bytes() == b"old"
    assert read_recipe(path) == {"seed": 1}
