from __future__ import annotations

import os
import struct
import threading
import warnings
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sfumato.errors import DataError, MissingExtra
from sfumato.imaging.profiles import adobe_rgb
from sfumato.media.image.open import open_image

LIMIT = 64_000_000


def opened(path: Path) -> Image.Image:
    return open_image(path, LIMIT, 32)


def png_chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def bare_png(width: int, height: int, pixels: bytes, extra: bytes = b"") -> bytes:
    """A 1-bit grey PNG."""
    header = png_chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0))
    body = png_chunk(b"IDAT", zlib.compress(pixels, 9)) + png_chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + header + extra + body


def test_sixteen_bits_are_scaled_not_clipped(tmp_path: Path) -> None:
    levels = np.arange(256, dtype=np.uint16).reshape(16, 16)
    for name in ("a.png", "a.tif"):
        Image.fromarray(levels * 257).save(tmp_path / name)
        np.testing.assert_array_equal(np.asarray(opened(tmp_path / name)), levels)


def test_big_endian_sixteen_bits(tmp_path: Path) -> None:
    levels = np.arange(0, 65536, 257, dtype=np.uint16).reshape(16, 16)
    path = tmp_path / "a.pgm"
    path.write_bytes(b"P5 16 16 65535\n" + levels.astype(">u2").tobytes())
    np.testing.assert_array_equal(np.asarray(opened(path)), levels // 257)


def test_floating_point(tmp_path: Path) -> None:
    ramp = np.linspace(0, 1, 256, dtype=np.float32).reshape(16, 16)
    Image.fromarray(ramp).save(tmp_path / "unit.tif")
    np.testing.assert_array_equal(np.asarray(opened(tmp_path / "unit.tif")).ravel(), np.arange(256))
    for name, bad in {"wide": ramp * 3, "nan": ramp * np.float32("nan")}.items():
        Image.fromarray(bad).save(tmp_path / f"{name}.tif")
        with pytest.raises(DataError, match="outside"):
            opened(tmp_path / f"{name}.tif")


def test_exif_orientation(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (5, 9, 3), dtype=np.uint8)
    upright = Image.fromarray(pixels)
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was turned: show it rotated by 90 degrees clockwise
    upright.rotate(90, expand=True).save(tmp_path / "turned.png", exif=exif)
    np.testing.assert_array_equal(np.asarray(opened(tmp_path / "turned.png")), pixels)


def test_damaged_exif_does_not_cost_the_picture(tmp_path: Path) -> None:
    Image.new("RGB", (8, 8), "red").save(tmp_path / "a.jpg", exif=b"Exif\0\0garbage")
    assert opened(tmp_path / "a.jpg").size == (8, 8)


def test_cmyk(tmp_path: Path) -> None:
    Image.new("CMYK", (16, 16), (0, 255, 255, 0)).save(tmp_path / "a.jpg", quality=95)
    red, green, blue = opened(tmp_path / "a.jpg").getpixel((8, 8))
    assert red > 240
    assert green < 15
    assert blue < 15


def test_palette_with_transparency(tmp_path: Path) -> None:
    picture = Image.new("P", (2, 1))
    picture.putpalette([10, 20, 30, 200, 100, 50])
    picture.putdata([0, 1])
    picture.save(tmp_path / "a.png", transparency=0)
    assert list(opened(tmp_path / "a.png").get_flattened_data()) == [
        (10, 20, 30, 0),
        (200, 100, 50, 255),
    ]


@pytest.mark.parametrize(
    ("mode", "colour", "expected"),
    [
        ("1", 1, "L"),
        ("L", 90, "L"),
        ("LA", (90, 20), "RGBA"),
        ("LA", (90, 255), "L"),
        ("RGBA", (1, 2, 3, 255), "RGB"),
        ("RGBA", (1, 2, 3, 254), "RGBA"),
        ("P", 3, "RGB"),
    ],
)
def test_modes(tmp_path: Path, mode: str, colour: tuple[int, ...], expected: str) -> None:
    Image.new(mode, (4, 4), colour).save(tmp_path / "a.png")
    assert opened(tmp_path / "a.png").mode == expected


def test_large_jpeg_is_reduced_but_not_too_far(tmp_path: Path) -> None:
    Image.new("RGB", (1600, 1200), "green").save(tmp_path / "a.jpg", icc_profile=adobe_rgb())
    width, height = open_image(tmp_path / "a.jpg", LIMIT, 64).size
    assert min(width, height) >= 128
    assert max(width, height) < 1600


def test_small_file_of_many_pixels_is_refused_before_decoding(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    side = 12_000
    path = tmp_path / "bomb.png"
    path.write_bytes(bare_png(side, side, bytes((side // 8 + 1) * side)))
    assert path.stat().st_size < 150_000

    def decoded(self: Image.Image) -> None:
        raise AssertionError("pixels were decoded")

    monkeypatch.setattr("PIL.ImageFile.ImageFile.load", decoded)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(DataError) as caught:
            opened(path)
    assert "12,000 x 12,000 pixels" in caught.value.why
    assert "medium.max_pixels=144000000" in caught.value.why


@pytest.mark.parametrize("side", [9_000, 60_000])
def test_the_limit_holds_on_both_sides_of_pillows_own(tmp_path: Path, side: int) -> None:
    (tmp_path / "a.png").write_bytes(bare_png(side, side, b""))
    with pytest.raises(DataError):
        opened(tmp_path / "a.png")


def test_text_bomb(tmp_path: Path) -> None:
    text = png_chunk(b"zTXt", b"comment\0\0" + zlib.compress(bytes(80 << 20), 9))
    (tmp_path / "a.png").write_bytes(bare_png(8, 8, bytes(16), extra=text))
    assert opened(tmp_path / "a.png").size == (8, 8)


def test_truncated_empty_and_foreign_files(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    Image.fromarray(noise).save(tmp_path / "whole.png")
    whole = (tmp_path / "whole.png").read_bytes()
    damaged = {
        "cut.png": whole[: len(whole) // 2],
        "empty.jpg": b"",
        "text.png": b"this is not a picture",
        "flipped.png": whole[:100] + bytes([whole[100] ^ 255]) + whole[101:],
        "postscript.png": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 8 8\n",
    }
    for name, data in damaged.items():
        (tmp_path / name).write_bytes(data)
        with pytest.raises(DataError) as caught:
            opened(tmp_path / name)
        assert caught.value.why
    with pytest.raises(DataError, match="missing"):
        opened(tmp_path / "missing.png")


def test_opening_in_threads_leaves_the_warnings_alone(tmp_path: Path) -> None:
    Image.new("L", (4, 4)).save(tmp_path / "a.png")
    before = list(warnings.filters)

    def many() -> None:
        for _ in range(50):
            opened(tmp_path / "a.png")

    threads = [threading.Thread(target=many) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert warnings.filters == before


def cut(path: Path, share: float) -> Path:
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])
    return path


@pytest.mark.parametrize("kind", ["png", "jpg", "progressive.jpg", "gif", "bmp", "tif", "ppm"])
def test_files_whose_end_is_missing(kind: str, tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    path = tmp_path / f"a.{kind}"
    more = {"progressive": True} if kind.startswith("pro") else {}
    Image.fromarray(pixels).save(path, quality=95, **more)
    whole = np.asarray(opened(path).convert("RGB")).astype(int)
    cut(path, 0.6)
    with pytest.raises(DataError) as caught:
        opened(path)
    assert "medium.truncated=true" in caught.value.why
    found = np.asarray(open_image(path, LIMIT, 32, truncated=True).convert("RGB")).astype(int)
    assert found.shape == whole.shape
    if more:
        assert np.abs(found - whole).mean() < 60
    else:
        first = {"jpg": 24, "gif": 3}.get(kind, 32)
        rows = slice(32, None) if kind == "bmp" else slice(0, first)
        np.testing.assert_array_equal(found[rows], whole[rows])


def test_a_whole_file_is_the_same_in_either_way(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    for kind in ("png", "jpg", "gif", "webp"):
        path = tmp_path / f"a.{kind}"
        Image.fromarray(pixels).save(path)
        lenient = open_image(path, LIMIT, 32, truncated=True)
        assert lenient.tobytes() == opened(path).tobytes()


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("a.jpg", b"", "it is empty"),
        ("a.svg", b"", "it is empty"),
        ("a.png", b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "git lfs pull"),
        ("a.svg", b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "git lfs pull"),
        ("a.jpg", b"<!DOCTYPE html><html><body>404</body></html>", "an HTML page"),
        ("a.svg", b"<!DOCTYPE html><html><body>404</body></html>", "an HTML page"),
        ("a.svg", b"\x1f\x8b\x08" + bytes([255] * 50), "gzip-compressed data"),
        ("a.svg", b"\x89PNG\r\n\x1a\n" + bytes([255] * 50), "a PNG picture"),
        ("a.webp", b'<?xml version="1.0"?><Error/>', "an XML document"),
        ("a.gif", b'{"message": "Not Found"}', "JSON text"),
        ("a.tif", b"PK\x03\x04" + bytes(100), "a zip archive"),
        ("a.png", b"%PDF-1.7", "a PDF document"),
        ("a.jpg", b'<svg xmlns="http://www.w3.org/2000/svg"/>', "an SVG drawing"),
        ("a.png", b"\x89PNG\r\n\x1a\n" + b"x" * 50, "header is missing"),
    ],
)
def test_files_are_named_as_what_they_are(
    name: str, content: bytes, reason: str, tmp_path: Path
) -> None:
    if name.endswith(".svg"):
        pytest.importorskip("resvg_py")
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError) as caught:
        opened(tmp_path / name)
    assert reason in caught.value.why


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"\xff\xd8\xff", "a damaged JPEG file: its header is wrong or ends early"),
        (b"\n", "it is white space alone"),
        (b"GIF89a\1\0\1\0", "a damaged GIF file: its header is wrong or ends early"),
        (b"qoif\0\0", "a damaged QOI file: its header is wrong or ends early"),
        (b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", bytes(13)), "a damaged PNG file: its header"),
        (b"\0\0\0\x18ftypheic\0\0\0\0", "a damaged HEIC file"),
        (b"\xff\x0a\0\0", "a JPEG XL picture"),
        (b"v/1\x01\0", "an OpenEXR picture"),
    ],
)
def test_headers_that_end_early_or_are_foreign(tmp_path: Path, content: bytes, reason: str) -> None:
    if b"heic" in content:
        pytest.importorskip("pillow_heif")
    (tmp_path / "a.png").write_bytes(content)
    with pytest.raises(DataError) as caught:
        opened(tmp_path / "a.png")
    assert reason in str(caught.value.why)
    for word in ("unpack", "index out of range", "driver"):
        assert word not in str(caught.value)


def test_no_setting_is_suggested_that_cannot_be_set(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(bare_png(100_000, 100_000, b""))
    with pytest.raises(DataError, match="4,000,000,000 is the most"):
        opened(tmp_path / "a.png")


def test_more_pixels_than_pillow_opens_by_itself(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(bare_png(16_000, 16_000, bytes(2001 * 16_000)))
    with pytest.raises(DataError, match=r"medium\.max_pixels=256000000 would"):
        opened(path)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert open_image(path, 256_000_000, 32).size == (16_000, 16_000)


def test_a_picture_inside_an_icon_has_the_same_limit(tmp_path: Path) -> None:
    inner = bare_png(12_000, 12_000, b"")
    entry = struct.pack("<BBBBHHII", 0, 0, 0, 0, 1, 32, len(inner), 22)
    (tmp_path / "a.ico").write_bytes(struct.pack("<HHH", 0, 1, 1) + entry + inner)
    with pytest.raises(DataError, match=r"medium\.max_pixels"):
        opened(tmp_path / "a.ico")


def test_pixel_art_in_a_jpeg_is_decoded_at_full_size(tmp_path: Path) -> None:
    Image.new("RGB", (1600, 1200), "green").save(tmp_path / "a.jpg")
    assert open_image(tmp_path / "a.jpg", LIMIT, 64, reduced=False).size == (1600, 1200)


def test_without_the_package_for_heic(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.heic").write_bytes(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic")
    monkeypatch.setattr("sfumato.imaging.formats.knows_heic", lambda: False)
    with pytest.raises(MissingExtra, match="pillow-heif"):
        opened(tmp_path / "a.heic")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
@pytest.mark.parametrize("suffix", ["png", "svg"])
def test_pipes_and_devices_are_refused_before_they_are_opened(suffix: str, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / f"pipe.{suffix}")
    (tmp_path / f"zero.{suffix}").symlink_to("/dev/zero")
    for name, kind in (("pipe", "a pipe"), ("zero", "a device")):
        with pytest.raises(DataError, match=f"it is {kind}, not a file"):
            opened(tmp_path / f"{name}.{suffix}")


@pytest.mark.parametrize("kind", ["webp", "avif", "jp2", "qoi", "ico", "heic"])
def test_formats_that_cannot_be_read_in_part(kind: str, tmp_path: Path) -> None:
    if kind == "heic":
        pytest.importorskip("pillow_heif").register_heif_opener()
    pixels = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    path = tmp_path / f"a.{kind}"
    Image.fromarray(pixels).save(path)
    cut(path, 0.6)
    with pytest.raises(DataError) as caught:
        open_image(path, LIMIT, 32, truncated=True)
    assert "ends early" in caught.value.why or "damaged" in caught.value.why
