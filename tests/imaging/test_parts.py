from __future__ import annotations

import io
import struct
import time
import zlib
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from sfumato.imaging.decode import Wanted, decode, opened
from sfumato.imaging.parts import Parts
from tests.pngs import png

WANTED = Wanted(1_000_000, 8)


def picture(side: int = 8) -> Image.Image:
    pixels = np.random.default_rng(0).integers(0, 256, (side, side, 3), dtype=np.uint8)
    return Image.fromarray(pixels)


def encoded(kind: str, image: Image.Image | None = None, **more: object) -> bytes:
    out = io.BytesIO()
    (image or picture()).save(out, kind, **more)
    return out.getvalue()


def test_parts_are_one_file() -> None:
    whole = io.BytesIO(bytes(range(100)))
    file = io.BufferedReader(Parts(whole, [(0, 5), (5, 7), (20, 20), (50, 60)], b"end"), 4)
    expected = bytes([*range(7), *range(50, 60)]) + b"end"
    assert file.read() == expected
    for place in (0, 6, 7, 16, 17, 19, 20, 3):
        file.seek(place)
        assert file.read(5) == expected[place : place + 5]
    assert file.seek(0, io.SEEK_END) == len(expected)


def test_a_png_is_read_without_its_texts(tmp_path: Path) -> None:
    info = PngInfo()
    info.add_text("comment", "x" * (64 << 20), zip=True)
    info.add_itxt("other", "y" * (64 << 20), zip=True)
    picture().save(tmp_path / "a.png", pnginfo=info)
    np.testing.assert_array_equal(np.asarray(decode(tmp_path / "a.png", WANTED)), picture())
    after = [(b"zTXt", b"a\0\0" + zlib.compress(bytes(8 << 20))), (b"tEXt", b"no end")]
    (tmp_path / "b.png").write_bytes(png(np.asarray(picture()), (), after))
    np.testing.assert_array_equal(np.asarray(decode(tmp_path / "b.png", WANTED)), picture())


def test_orientation_in_the_texts_of_a_png(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    content = exif.tobytes()
    raw = f"\nexif\n{len(content):8}\n{content.hex()}\n"
    for number, (name, text) in enumerate(
        [("Raw profile type exif", raw), ("XML:com.adobe.xmp", 'tiff:Orientation="6"')]
    ):
        info = PngInfo()
        if name.startswith("Raw"):
            info.add_text(name, text, zip=True)
        else:
            info.add_itxt(name, text)
        path = tmp_path / f"{number}.png"
        Image.new("RGB", (8, 4)).save(path, pnginfo=info)
        assert decode(path, WANTED).size == (4, 8)


def test_a_jpeg_keeps_what_counts(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    image = Image.new("RGB", (16, 8), (180, 80, 60))
    image.save(tmp_path / "a.jpg", exif=exif, icc_profile=b"x" * 200_000, comment="hello")
    with opened(tmp_path / "a.jpg", WANTED) as file:
        assert file.image.info["icc_profile"] == b"x" * 200_000
        assert "comment" not in file.image.info
    assert decode(tmp_path / "a.jpg", WANTED).size == (8, 16)


def test_a_cmyk_jpeg_of_photoshop_keeps_its_mark(tmp_path: Path) -> None:
    image = Image.new("CMYK", (16, 16), (0, 255, 255, 0))
    data = encoded("JPEG", image, quality=95)
    (tmp_path / "a.jpg").write_bytes(data)
    red, green, _ = decode(tmp_path / "a.jpg", WANTED).getpixel((8, 8))
    assert (red > 240, green < 15) == (True, True)


def test_the_first_frame_of_animations(tmp_path: Path) -> None:
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "lime", "blue")]
    for name in ("a.gif", "a.webp", "a.png", "a.tif"):
        frames[0].save(tmp_path / name, save_all=True, append_images=frames[1:], lossless=True)
        found = decode(tmp_path / name, WANTED).convert("RGB").getpixel((4, 4))
        assert found == (255, 0, 0), name


def test_a_gif_with_transparency(tmp_path: Path) -> None:
    image = Image.new("P", (2, 1))
    image.putpalette([10, 20, 30, 200, 100, 50])
    image.putdata([0, 1])
    image.save(tmp_path / "a.gif", transparency=0, comment="hello")
    assert np.asarray(decode(tmp_path / "a.gif", WANTED))[0, :, 3].tolist() == [0, 255]


def many_scans(n: int, side: int = 16, between: bytes = b"") -> bytes:
    """A progressive JPEG whose last scan is there n times more."""
    whole = encoded("JPEG", picture(side), progressive=True)
    last = whole.rindex(b"\xff\xda")
    return whole[:-2] + (between + whole[last:-2]) * n + b"\xff\xd9"


def test_scans_are_limited(tmp_path: Path) -> None:
    """Each is decoded over all the pixels: ten kilobytes could take hours."""
    path = tmp_path / "a.jpg"
    path.write_bytes(many_scans(20))
    assert decode(path, WANTED).size[0] > 0
    comment = b"\xff\xfe\0\6\xff\xd9\xff\xd9"
    for data in (many_scans(200), many_scans(200, between=comment)):
        path.write_bytes(data)
        with pytest.raises(ValueError, match="more than 100 scans"):
            decode(path, WANTED)


def test_what_follows_a_jpeg_is_not_looked_at(tmp_path: Path) -> None:
    """Phones append short films."""
    data = encoded("JPEG", picture(64), progressive=True)
    (tmp_path / "a.jpg").write_bytes(data + b"\xff\xda\0\2" * 10_000)
    assert decode(tmp_path / "a.jpg", WANTED).size[0] > 0


def _segments(n: int, marker: int, content: bytes) -> bytes:
    segment = struct.pack(">BBH", 0xFF, marker, 2 + len(content)) + content
    whole = encoded("JPEG")
    return whole[:2] + segment * n + whole[2:]


def _gif(n: int, extension: bytes) -> bytes:
    whole = encoded("GIF", Image.new("L", (4, 4)))
    start = whole.index(b",")
    return whole[:start] + extension * n + whole[start:]


def _pngs(n: int, kind: bytes, content: bytes) -> bytes:
    return png(np.zeros((4, 4, 3), np.uint8), [(kind, content)] * n)


def _inflated(n: int, kind: bytes) -> bytes:
    content = b"iCC\0\0" + zlib.compress(bytes(n))
    return png(np.zeros((4, 4, 3), np.uint8), [(kind, content)])


_GROWING: dict[str, tuple[int, Callable[[int], bytes]]] = {
    "texts of a png": (20_000, lambda n: _pngs(n, b"tEXt", b"a\0b")),
    "deflated texts": (20_000, lambda n: _pngs(n, b"zTXt", b"a\0\0" + zlib.compress(b"b" * 99))),
    "empty pixels of a png": (20_000, lambda n: _pngs(n, b"IDAT", b"")),
    "profiles of a png": (20_000, lambda n: _pngs(n, b"iCCP", b"a\0\0" + zlib.compress(b"b"))),
    "a long profile": (4 << 20, lambda n: _inflated(n, b"iCCP")),
    "frames of a png": (20_000, lambda n: _pngs(n, b"fcTL", bytes(26))),
    "exif data of a jpeg": (400, lambda n: _segments(n, 0xE1, b"Exif\0\0" + bytes(60_000))),
    "xmp of a jpeg": (400, lambda n: _segments(n, 0xE1, b"http://ns.adobe.com/xap/1.0/\0<x")),
    "profiles of a jpeg": (
        400,
        lambda n: _segments(n, 0xE2, b"ICC_PROFILE\0\1\1" + bytes(60_000)),
    ),
    "comments of a jpeg": (20_000, lambda n: _segments(n, 0xFE, b"hello")),
    "photoshop data of a jpeg": (2_000, lambda n: _segments(n, 0xED, b"Photoshop 3.0\0" * 99)),
    "scans of a jpeg": (2_000, lambda n: many_scans(n, 512)),
    "segments after a scan": (2_000, lambda n: many_scans(n, 16, b"\xff\xfe\0\2" * 50)),
    "pixels without a mark": (8 << 20, lambda n: encoded("JPEG")[:-2] + b"a" * n),
    "pixels of fill bytes": (8 << 20, lambda n: encoded("JPEG")[:-2] + b"\xff" * n),
    "fill bytes of a jpeg": (50_000, lambda n: b"\xff\xd8" + b"\xff" * n),
    "comments of a gif": (2_000, lambda n: _gif(n, b"!\xfe" + (b"\xff" + b"a" * 255) * 9 + b"\0")),
    "a long comment of a gif": (
        20_000,
        lambda n: _gif(1, b"!\xfe" + (b"\xff" + b"a" * 255) * n + b"\0"),
    ),
    "frames of a gif": (5_000, lambda n: encoded("GIF")[:-1] * 1 + encoded("GIF")[13:] * n),
    "pages of a tiff": (
        20,
        lambda n: encoded("TIFF", save_all=True, append_images=[picture()] * n),
    ),
    "plain numbers": (100_000, lambda n: b"P2 300 300 255 " + b"7 " * n),
    "comments of numbers": (100_000, lambda n: b"P2 " + b"#a\n" * n),
}


@pytest.mark.parametrize("name", _GROWING)
def test_time_grows_no_faster_than_the_file(name: str, tmp_path: Path) -> None:
    n, make = _GROWING[name]

    def seconds(n: int) -> float:
        path = tmp_path / f"{n}"
        path.write_bytes(make(n))
        start = time.process_time()
        with suppress(Exception):
            decode(path, WANTED)
        return time.process_time() - start

    seconds(2)
    once, twice = seconds(n), seconds(2 * n)
    assert twice < 0.3 or twice < 3 * once
