from __future__ import annotations

import io
import struct
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms

from sfumato.imaging import colour
from sfumato.imaging.decode import Wanted, decode
from sfumato.imaging.parts import PROFILE_LIMIT, gif_start
from sfumato.imaging.profiles import SRGB_CHROMATICITIES, adobe_rgb, matrix_profile
from tests.pngs import png, profile_chunk

P3 = (0.3127, 0.329, 0.68, 0.32, 0.265, 0.69, 0.15, 0.06)
WANTED = Wanted(1_000_000, 32)
SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
COLOUR = (180, 80, 60)


def shown(picture: Image.Image, profile: bytes) -> tuple[int, ...]:
    """What a viewer shows, by the engine itself."""
    source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
    seen = ImageCms.profileToProfile(
        picture, source, ImageCms.createProfile("sRGB"), outputMode="RGB"
    )
    assert seen is not None
    return tuple(np.asarray(seen)[2, 2].tolist())


def read(path: Path) -> tuple[int, ...]:
    return tuple(np.asarray(decode(path, WANTED).convert("RGB"))[4, 4].tolist())


def read_png(folder: Path, rgb: tuple[int, ...], *chunks: tuple[bytes, bytes]) -> tuple[int, ...]:
    (folder / "a.png").write_bytes(png(np.full((8, 8, len(rgb)), rgb, np.uint8), chunks))
    return read(folder / "a.png")


def near(one: tuple[int, ...], other: tuple[int, ...]) -> bool:
    return max(abs(a - b) for a, b in zip(one, other, strict=True)) <= 4


@pytest.mark.parametrize("profile", [adobe_rgb(), matrix_profile(P3, (2.2,))])
@pytest.mark.parametrize("suffix", ["png", "jpg", "webp", "tif", "avif", "heic"])
def test_profiles_in_every_format(suffix: str, profile: bytes, tmp_path: Path) -> None:
    if suffix == "heic":
        pytest.importorskip("pillow_heif").register_heif_opener()
    picture = Image.new("RGB", (64, 64), COLOUR)
    more = {"webp": {"lossless": True}, "tif": {}, "png": {}}.get(suffix, {"quality": 100})
    picture.save(tmp_path / f"a.{suffix}", icc_profile=profile, **more)
    stored = Image.open(tmp_path / f"a.{suffix}").convert("RGB")
    found = read(tmp_path / f"a.{suffix}")
    assert near(found, shown(stored, profile))
    assert not near(found, COLOUR)


def test_pictures_in_srgb_keep_every_bit(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (40, 40, 3), dtype=np.uint8)
    for number, profile in enumerate([SRGB, matrix_profile(SRGB_CHROMATICITIES, SRGB_CURVE)]):
        path = tmp_path / f"{number}.png"
        Image.fromarray(pixels).save(path, icc_profile=profile)
        np.testing.assert_array_equal(np.asarray(decode(path, WANTED)), pixels)


SRGB_CURVE = (2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)


def test_alpha_and_orientation_are_kept(tmp_path: Path) -> None:
    picture = Image.new("RGBA", (8, 4), (*COLOUR, 128))
    exif = Image.Exif()
    exif[0x0112] = 6
    picture.save(tmp_path / "a.png", icc_profile=adobe_rgb(), exif=exif)
    found = decode(tmp_path / "a.png", WANTED)
    assert found.size == (4, 8)
    assert found.getpixel((1, 1))[3] == 128
    assert near(found.getpixel((1, 1))[:3], shown(picture.convert("RGB"), adobe_rgb()))


def grey_profile(gamma: float) -> bytes:
    curve = b"curv\0\0\0\0" + struct.pack(">IH", 1, round(gamma * 256)) + b"\0\0"
    white = b"XYZ \0\0\0\0" + struct.pack(">iii", 63190, 65536, 54061)
    start = 128 + 4 + 24
    tags = struct.pack(">4sII", b"wtpt", start, len(white))
    tags += struct.pack(">4sII", b"kTRC", start + len(white), len(curve))
    body = struct.pack(">I", 2) + tags + white + curve
    head = struct.pack(
        ">I4sI4s4s4s12x4s28x", 128 + len(body), b"lcms", 0x02400000, b"mntr", b"GRAY", b"XYZ ",
        b"acsp",
    )  # fmt: skip
    head += struct.pack(">iii", 63190, 65536, 54061)
    return head + bytes(128 - len(head)) + body


@pytest.mark.parametrize("suffix", ["png", "jpg", "tif"])
def test_grey_profiles(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"a.{suffix}"
    Image.new("L", (8, 8), 100).save(path, icc_profile=grey_profile(1.0))
    found = decode(path, WANTED)
    assert found.mode == "L"
    # Linear light of 100 / 255 is level 168 of sRGB.
    assert abs(found.getpixel((4, 4)) - 168) <= 2


def test_grey_with_alpha_and_grey_with_a_profile_of_colours(tmp_path: Path) -> None:
    Image.new("LA", (8, 8), (100, 50)).save(tmp_path / "a.png", icc_profile=grey_profile(1.0))
    level, _, _, alpha = decode(tmp_path / "a.png", WANTED).getpixel((4, 4))
    assert alpha == 50
    assert abs(level - 168) <= 2
    linear = matrix_profile(SRGB_CHROMATICITIES, (1.0,))
    Image.new("L", (8, 8), 100).save(tmp_path / "b.jpg", quality=100, icc_profile=linear)
    found = decode(tmp_path / "b.jpg", WANTED)
    assert found.mode == "L"
    assert abs(found.getpixel((4, 4)) - 168) <= 2


def printer_profile() -> bytes:
    """CMYK whose every colour is a grey by its black alone, from dark to light."""
    grid = b""
    for point in range(16):
        grid += bytes([255 if point & 1 else 0, 128, 128])
    identity = bytes(range(256))
    table = b"mft1\0\0\0\0" + bytes([4, 3, 2, 0])
    table += struct.pack(">9i", *(65536 if place % 4 == 0 else 0 for place in range(9)))
    table += identity * 4 + grid + identity * 3
    table += bytes(-len(table) % 4)
    body = struct.pack(">I4sII", 1, b"A2B0", 128 + 16, len(table)) + table
    head = struct.pack(
        ">I4sI4s4s4s12x4s28x", 128 + len(body), b"lcms", 0x02400000, b"prtr", b"CMYK", b"Lab ",
        b"acsp",
    )  # fmt: skip
    head += struct.pack(">iii", 63190, 65536, 54061)
    return head + bytes(128 - len(head)) + body


@pytest.mark.parametrize("suffix", ["jpg", "tif"])
def test_printers_colours(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"a.{suffix}"
    picture = Image.new("CMYK", (8, 8), (30, 60, 90, 255))
    picture.save(path, icc_profile=printer_profile(), quality=100)
    assert min(read(path)) > 245
    picture.save(path, quality=100)
    assert max(read(path)) < 20


@pytest.mark.parametrize(
    "profile",
    [b"", b"damaged", adobe_rgb()[:200], adobe_rgb()[:150] + bytes(400), printer_profile()],
)
def test_a_profile_that_cannot_be_used_is_ignored(profile: bytes, tmp_path: Path) -> None:
    assert read_png(tmp_path, COLOUR, profile_chunk(profile)) == COLOUR
    Image.new("RGB", (8, 8), COLOUR).save(tmp_path / "a.tif", icc_profile=profile)
    assert read(tmp_path / "a.tif") == COLOUR


@pytest.mark.parametrize(
    "chunk",
    [
        (b"iCCP", b""),
        (b"iCCP", b"no end"),
        (b"iCCP", b"name\0\0not deflated"),
        (b"iCCP", b"name\0\7" + b"x" * 20),
        (b"gAMA", b"\0\0"),
        (b"gAMA", bytes(4)),
        (b"gAMA", b"\xff\xff\xff\xff"),
        (b"cHRM", bytes(32)),
        (b"cHRM", b"\xff" * 32),
        (b"cHRM", b"\0\0"),
        (b"cICP", b"\x01"),
        (b"cICP", bytes([9, 16, 0, 1])),
    ],
)
def test_damaged_statements_are_ignored(chunk: tuple[bytes, bytes], tmp_path: Path) -> None:
    assert read_png(tmp_path, COLOUR, chunk) == COLOUR


def test_a_huge_profile_costs_no_memory(tmp_path: Path) -> None:
    assert read_png(tmp_path, COLOUR, profile_chunk(bytes(2 * PROFILE_LIMIT))) == COLOUR
    assert colour.transform_of(bytes(PROFILE_LIMIT + 1)) is None


def gamma(value: float) -> tuple[bytes, bytes]:
    return b"gAMA", struct.pack(">I", round(value * 100_000))


def chromaticities(values: tuple[float, ...]) -> tuple[bytes, bytes]:
    return b"cHRM", struct.pack(">8I", *(round(value * 100_000) for value in values))


def test_gamma_of_a_png(tmp_path: Path) -> None:
    assert read_png(tmp_path, COLOUR, gamma(1 / 2.2)) == COLOUR
    # Linear light of 0.5 is level 188.
    assert near(read_png(tmp_path, (128, 128, 128), gamma(1.0)), (188, 188, 188))
    assert near(read_png(tmp_path, (128,), gamma(1.0)), (188, 188, 188))
    sixteen = np.full((8, 8, 3), 32896, np.uint16)
    (tmp_path / "b.png").write_bytes(png(sixteen, [gamma(1.0)]))
    assert near(read(tmp_path / "b.png"), (188, 188, 188))


def test_primaries_of_a_png(tmp_path: Path) -> None:
    expected = shown(Image.new("RGB", (8, 8), COLOUR), matrix_profile(P3, (2.2,)))
    assert near(read_png(tmp_path, COLOUR, gamma(1 / 2.2), chromaticities(P3)), expected)
    same = chromaticities(SRGB_CHROMATICITIES)
    assert read_png(tmp_path, COLOUR, gamma(1 / 2.2), same) == COLOUR


def test_the_order_of_statements(tmp_path: Path) -> None:
    """The PNG specification, 4.3: cICP, iCCP, sRGB, gAMA and cHRM."""
    expected = shown(Image.new("RGB", (8, 8), COLOUR), matrix_profile(P3, SRGB_CURVE))
    p3, srgb = (b"cICP", bytes([12, 13, 0, 1])), (b"sRGB", b"\0")
    assert near(read_png(tmp_path, COLOUR, p3), expected)
    assert near(read_png(tmp_path, COLOUR, p3, profile_chunk(SRGB), srgb), expected)
    assert read_png(tmp_path, COLOUR, srgb, gamma(1.0)) == COLOUR
    adobe = shown(Image.new("RGB", (8, 8), COLOUR), adobe_rgb())
    assert near(read_png(tmp_path, COLOUR, profile_chunk(adobe_rgb()), gamma(1.0)), adobe)


def test_adobe_rgb_named_by_a_camera(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif.get_ifd(0x8769)[0xA001] = 0xFFFF
    exif.get_ifd(0x8769)[0xA005] = {1: "R03"}
    picture = Image.new("RGB", (16, 16), COLOUR)
    picture.save(tmp_path / "a.jpg", exif=exif, quality=100)
    assert near(read(tmp_path / "a.jpg"), shown(picture, adobe_rgb()))


def test_lab(tmp_path: Path) -> None:
    Image.new("LAB", (8, 8), (255, 128, 128)).save(tmp_path / "a.tif")
    assert decode(tmp_path / "a.tif", WANTED).mode == "RGB"


def test_transforms_in_threads_agree(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "a.png", icc_profile=adobe_rgb())
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda _: decode(tmp_path / "a.png", WANTED).tobytes(), range(40)))
    assert len(set(found)) == 1


def test_a_transform_is_built_once_for_equal_profiles(monkeypatch: pytest.MonkeyPatch) -> None:
    built = []
    monkeypatch.setattr(colour, "_built", lambda profile: built.append(profile))
    for _ in range(3):
        colour.transform_of(b"one that no other test has")
    assert len(built) == 1


def test_the_profile_of_a_bitmap(tmp_path: Path) -> None:
    plain = io.BytesIO()
    Image.new("RGB", (8, 8), COLOUR).save(plain, "BMP")
    pixels = plain.getvalue()[54:]
    profile = adobe_rgb()
    size = 14 + 124 + len(pixels)
    head = struct.pack("<2sIII", b"BM", size + len(profile), 0, 14 + 124)
    info = struct.pack("<IiiHHIIiiII", 124, 8, 8, 1, 24, 0, len(pixels), 2835, 2835, 0, 0)
    info += bytes(16) + b"DEBM" + bytes(48) + struct.pack("<IIII", 4, 124 + len(pixels), 0, 0)
    info = info[:112] + struct.pack("<III", 124 + len(pixels), len(profile), 0)
    (tmp_path / "a.bmp").write_bytes(head + info + pixels + profile)
    picture = Image.new("RGB", (8, 8), COLOUR)
    assert near(read(tmp_path / "a.bmp"), shown(picture, profile))
    (tmp_path / "b.bmp").write_bytes(head + info + pixels + profile[:100])
    assert read(tmp_path / "b.bmp") == COLOUR


def test_the_profile_of_a_gif(tmp_path: Path) -> None:
    plain = io.BytesIO()
    picture = Image.new("RGB", (8, 8), COLOUR)
    picture.save(plain, "GIF")
    gif, profile = plain.getvalue(), adobe_rgb()
    start = gif_start(gif)
    comment = b"!\xfe\x05hello\0"
    blocks = b"".join(
        bytes([len(profile[place : place + 255])]) + profile[place : place + 255]
        for place in range(0, len(profile), 255)
    )
    head = gif[:start] + comment + b"!\xff\x0bICCRGBG1012"
    (tmp_path / "a.gif").write_bytes(head + blocks + b"\0" + gif[start:])
    assert near(read(tmp_path / "a.gif"), shown(picture, profile))
    (tmp_path / "b.gif").write_bytes(head + b"\x04junk\0" + gif[start:])
    assert read(tmp_path / "b.gif") == COLOUR


def test_an_avif_whose_first_brand_is_that_of_any_picture(tmp_path: Path) -> None:
    pytest.importorskip("PIL._avif")
    picture, whole = Image.new("RGB", (8, 8), COLOUR), io.BytesIO()
    picture.save(whole, "AVIF", quality=100, icc_profile=adobe_rgb())
    for brand in (b"mif1", b"miaf"):
        (tmp_path / "a.avif").write_bytes(whole.getvalue().replace(b"ftypavif", b"ftyp" + brand))
        assert near(read(tmp_path / "a.avif"), shown(picture, adobe_rgb()))


def test_the_profile_of_a_jpeg_2000(tmp_path: Path) -> None:
    picture = Image.new("RGB", (8, 8), COLOUR)
    picture.save(tmp_path / "a.jp2")
    data = (tmp_path / "a.jp2").read_bytes()
    place = data.index(b"colr") - 4
    length = struct.unpack(">I", data[place : place + 4])[0]
    profile = adobe_rgb()
    box = struct.pack(">I4sBBB", 11 + len(profile), b"colr", 2, 0, 0) + profile
    header = data.index(b"jp2h") - 4
    longer = struct.unpack(">I", data[header : header + 4])[0] + len(box) - length
    changed = data[:header] + struct.pack(">I", longer) + data[header + 4 : place]
    (tmp_path / "b.jp2").write_bytes(changed + box + data[place + length :])
    assert read(tmp_path / "a.jp2") == COLOUR
    assert near(read(tmp_path / "b.jp2"), shown(picture, profile))


def test_the_numbers_of_an_avif(tmp_path: Path) -> None:
    picture = Image.new("RGB", (64, 64), COLOUR)
    picture.save(tmp_path / "a.avif", quality=100)
    stored = Image.open(tmp_path / "a.avif").convert("RGB")
    data = (tmp_path / "a.avif").read_bytes()
    place = data.index(b"colrnclx") + 8
    (tmp_path / "b.avif").write_bytes(data[:place] + struct.pack(">HH", 12, 13) + data[place + 4 :])
    assert near(read(tmp_path / "a.avif"), COLOUR)
    expected = shown(stored, matrix_profile(P3, SRGB_CURVE))
    assert near(read(tmp_path / "b.avif"), expected)
    assert not near(expected, COLOUR)
