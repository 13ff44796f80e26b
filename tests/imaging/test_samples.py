from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, TiffImagePlugin

from sfumato.imaging.decode import Wanted, decode
from tests.pngs import chunk, png

WANTED = Wanted(1_000_000, 32)


def some(*shape: int, most: int = 65535) -> NDArray[np.uint16]:
    values = np.random.default_rng(0).integers(0, most + 1, shape, dtype=np.uint16)
    values.flat[:2] = 0, most
    return values


def scaled(values: NDArray[np.uint16], white: int = 65535) -> NDArray[np.uint8]:
    return np.rint(values * (255 / white)).astype(np.uint8)


def read(path: Path, white: int | None = None) -> NDArray[np.uint8]:
    return np.asarray(decode(path, WANTED._replace(white=white)))


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_deep_png_is_rounded_and_not_cut(channels: int, tmp_path: Path) -> None:
    values = some(9, 7, channels)
    (tmp_path / "a.png").write_bytes(png(values))
    expected = scaled(values)
    if channels == 2:
        expected = expected[..., [0, 0, 0, 1]]
    np.testing.assert_array_equal(read(tmp_path / "a.png"), expected.squeeze())


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_twelve_bits_in_sixteen(channels: int, tmp_path: Path) -> None:
    values = some(9, 7, channels, most=4095)
    (tmp_path / "a.png").write_bytes(png(values))
    expected = scaled(values, 4095)
    if channels == 2:
        expected = expected[..., [0, 0, 0, 1]]
    np.testing.assert_array_equal(read(tmp_path / "a.png", 4095), expected.squeeze())


def test_opaque_by_the_largest_number(tmp_path: Path) -> None:
    values = some(9, 7, 4, most=4095)
    values[..., 3] = 65535
    (tmp_path / "a.png").write_bytes(png(values))
    np.testing.assert_array_equal(read(tmp_path / "a.png", 4095), scaled(values[..., :3], 4095))


def test_samples_above_white_are_named_with_the_setting(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(png(some(9, 7, 3, most=5000)))
    with pytest.raises(ValueError, match=r"outside \[0, 4,095\]; medium\.white=5000 makes"):
        read(tmp_path / "a.png", 4095)


def write_tiff(
    path: Path,
    values: NDArray[Any],
    big: bool,
    compression: str | None,
    photometric: int,
    planar: bool = False,
) -> None:
    """A TIFF of 16 or 32-bit samples, which Pillow does not write itself."""
    depth = 8 * values.itemsize
    data = values.astype(values.dtype.newbyteorder(">" if big else "<")).tobytes()
    if compression == "zlib":
        import zlib

        data = zlib.compress(data)
    order = ">" if big else "<"
    channels = values.shape[2] if values.ndim == 3 else 1
    entries = [
        (256, 3, 1, values.shape[1]), (257, 3, 1, values.shape[0]),
        (258, 3, channels, None if channels > 2 else depth), (259, 3, 1, 8 if compression else 1),
        (262, 3, 1, photometric), (273, 4, 1, 8), (277, 3, 1, channels),
        (278, 3, 1, values.shape[0]), (279, 4, 1, len(data)),
        (284, 3, 1, 2 if planar else 1),
    ]  # fmt: skip
    import struct

    bits_at = 8 + len(data)
    bits = struct.pack(f"{order}{channels}H", *([depth] * channels))
    directory = struct.pack(f"{order}H", len(entries))
    for tag, kind, count, value in entries:
        packed = struct.pack(
            f"{order}I" if kind == 4 or value is None else f"{order}Hxx",
            bits_at if value is None else value,
        )
        directory += struct.pack(f"{order}HHI", tag, kind, count) + packed
    head = struct.pack(f"{order}2sHI", b"MM" if big else b"II", 42, bits_at + len(bits))
    path.write_bytes(head + data + bits + directory + bytes(4))


@pytest.mark.parametrize("big", [False, True])
@pytest.mark.parametrize("compression", [None, "zlib"])
@pytest.mark.parametrize("shape", [(9, 7), (9, 7, 3)])
def test_deep_tiff(
    big: bool, compression: str | None, shape: tuple[int, ...], tmp_path: Path
) -> None:
    values = some(*shape)
    write_tiff(tmp_path / "a.tif", values, big, compression, 2 if len(shape) == 3 else 1)
    np.testing.assert_array_equal(read(tmp_path / "a.tif"), scaled(values))


def test_a_tiff_whose_white_is_zero(tmp_path: Path) -> None:
    values = some(9, 7)
    write_tiff(tmp_path / "a.tif", values, False, None, 0)
    np.testing.assert_array_equal(read(tmp_path / "a.tif"), scaled(65535 - values))


def test_an_unsigned_tiff_of_32_bits(tmp_path: Path) -> None:
    values = np.linspace(0, 2**32 - 1, 63).astype(np.uint32).reshape(9, 7)
    write_tiff(tmp_path / "a.tif", values, False, None, 1)
    with pytest.raises(ValueError, match=r"medium\.white=4294967295 makes"):
        read(tmp_path / "a.tif")
    expected = np.rint(values * (255 / (2**32 - 1)))
    np.testing.assert_array_equal(read(tmp_path / "a.tif", 2**32 - 1), expected)


@pytest.mark.parametrize("big", [False, True])
def test_deep_colours_channel_by_channel_are_refused(big: bool, tmp_path: Path) -> None:
    write_tiff(tmp_path / "a.tif", some(9, 7, 3), big, None, 2, planar=True)
    with pytest.raises(ValueError, match="channel by channel"):
        read(tmp_path / "a.tif")


@pytest.mark.parametrize("big", [False, True])
def test_samples_that_pillow_does_not_know_are_named(big: bool, tmp_path: Path) -> None:
    write_tiff(tmp_path / "a.tif", some(9, 7, 2), big, None, 1)
    with pytest.raises(ValueError, match="of a kind that cannot be read; store it as PNG"):
        read(tmp_path / "a.tif")


def test_negative_and_large_integers(tmp_path: Path) -> None:
    values = np.arange(-5, 58, dtype=np.int32).reshape(9, 7)
    Image.fromarray(values).save(tmp_path / "a.tif")
    with pytest.raises(ValueError, match="negative light"):
        read(tmp_path / "a.tif")
    Image.fromarray((values + 5) * 10_000).save(tmp_path / "b.tif")
    with pytest.raises(ValueError, match=r"medium\.white=620000 makes 620,000 white"):
        read(tmp_path / "b.tif")
    expected = scaled(values + 5, 62)
    np.testing.assert_array_equal(read(tmp_path / "b.tif", 620_000), expected)


def test_floating_point(tmp_path: Path) -> None:
    values = np.linspace(0, 4095, 63, dtype=np.float32).reshape(9, 7)
    Image.fromarray(values).save(tmp_path / "a.tif")
    with pytest.raises(ValueError, match=r"outside \[0, 1\]; medium\.white=4095"):
        read(tmp_path / "a.tif")
    np.testing.assert_array_equal(read(tmp_path / "a.tif", 4095), np.rint(values * (255 / 4095)))
    values[0, 0] = np.nan
    Image.fromarray(values).save(tmp_path / "a.tif")
    with pytest.raises(ValueError, match="not numbers"):
        read(tmp_path / "a.tif")


@pytest.mark.parametrize("depth", [1, 2, 4, 8, 16])
def test_a_transparent_grey_of_every_depth(depth: int, tmp_path: Path) -> None:
    """The samples are 0, 1, and the key is 1; bits above the depth do not count."""
    samples = [0, 1] * 8
    bits = "".join(f"{sample:0{depth}b}" for sample in samples)
    row = b"\0" + int(bits, 2).to_bytes(len(bits) // 8, "big")
    whole = png(np.zeros((1, 1, 1), np.uint8))
    import struct
    import zlib

    header = struct.pack(">IIBBBBB", 16, 1, depth, 0, 0, 0, 0)
    key = 1 if depth == 16 else 1 | 1 << depth
    body = [(b"IHDR", header), (b"tRNS", struct.pack(">H", key)), (b"IDAT", zlib.compress(row))]
    data = b"".join(chunk(kind, content) for kind, content in [*body, (b"IEND", b"")])
    (tmp_path / "a.png").write_bytes(whole[:8] + data)
    found = decode(tmp_path / "a.png", WANTED)
    assert np.asarray(found.getchannel("A"))[0].tolist() == [255, 0] * 8


@pytest.mark.parametrize("kind", [np.uint8, np.uint16])
def test_a_transparent_colour(kind: type, tmp_path: Path) -> None:
    values = np.array([[[1, 2, 3], [1, 2, 4]]], kind)
    (tmp_path / "a.png").write_bytes(png(values, [(b"tRNS", bytes([0, 1, 0, 2, 0, 3]))]))
    found = decode(tmp_path / "a.png", WANTED)
    assert np.asarray(found.getchannel("A")).tolist() == [[0, 255]]


def test_pillow_still_writes_what_the_tests_read() -> None:
    assert TiffImagePlugin.OPEN_INFO[(b"II", 0, (1,), 1, (16,), ())] == ("I;16", "I;16")
