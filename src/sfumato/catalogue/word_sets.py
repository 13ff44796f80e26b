"""Sets of captioned images without classes: emoji with their colours, and the stamps of Tux Paint.

The emoji hold out combinations of words (:mod:`sfumato.catalogue.combinations`). Most of the stamps
have a word that no other stamp has, so they are held out by groups, as other sets are.
"""

from __future__ import annotations

import dataclasses
import hashlib
import re
from collections.abc import Iterator, Mapping

from sfumato.catalogue.colours import main_colour
from sfumato.catalogue.combinations import content_words, held_out_combinations
from sfumato.catalogue.emoji_words import colour_captions, emoji_words
from sfumato.catalogue.entry import Entry, MediaFile
from sfumato.catalogue.groups import joined_groups
from sfumato.catalogue.image_sets import OPENMOJI, near_duplicates_key, openmoji_drawings, to_png
from sfumato.catalogue.stamp_words import stamp_captions, stamp_keys

_HELD_OUT = 0.065
_STAMPS_FOLDER = "./usr/share/tuxpaint/stamps/"


def openmoji_words(members: Mapping[str, bytes]) -> Iterator[MediaFile]:
    """Yield the emoji of ``openmoji``, with captions that have the colour of the drawing.

    Raises:
        MissingExtra: The package that renders SVG is not installed.
    """
    words = emoji_words()
    files, keys = [], []
    for points, label, _, picture in openmoji_drawings(members):
        captions = colour_captions(words[points], label, main_colour(picture))
        files.append(MediaFile(f"{points}.png", to_png(picture), None, captions, ""))
        keys.append((near_duplicates_key(points), _digest(files[-1].data)))
    firsts = [content_words(file.captions[0]) for file in files]
    groups = joined_groups(keys)
    held = held_out_combinations(firsts, groups, _HELD_OUT)
    for file, group, is_held in zip(files, groups, held, strict=True):
        yield file._replace(group=group, split="test" if is_held else "train")


def stamps(members: Mapping[str, bytes]) -> Iterator[MediaFile]:
    """Yield the stamps that have a PNG file and a text, in the order of their names."""
    files, keys = [], []
    for text, png in _stamp_members(members):
        name = png.removeprefix(_STAMPS_FOLDER).removesuffix(".png")
        captions = stamp_captions(members[text].decode(), name)
        path = f"{name.replace('/', '-')}.png"
        files.append(MediaFile(path, members[png], None, captions, ""))
        keys.append((*stamp_keys(name, captions[0]), _digest(members[png])))
    for file, group in zip(files, joined_groups(keys), strict=True):
        yield file._replace(group=group)


def _stamp_members(members: Mapping[str, bytes]) -> Iterator[tuple[str, str]]:
    for text in sorted(members):
        png = f"{text.removesuffix('.txt')}.png"
        if text.endswith(".txt") and png in members:
            yield text, png


def _digest(data: bytes) -> str:
    return hashlib.blake2b(data, digest_size=16).hexdigest()


OPENMOJI_WORDS = dataclasses.replace(
    OPENMOJI,
    name="openmoji-words",
    recipe="image-words",
    title="OpenMoji with captions: 1,906 emoji, their names, keywords and colours; combinations of"
    " words held out",
    parts=openmoji_words,
    licence="CC-BY-SA-4.0 AND Unicode-3.0",
    attribution=(
        "All emojis designed by OpenMoji (https://openmoji.org), the open-source emoji and icon"
        " project. License: CC BY-SA 4.0 (https://creativecommons.org/licenses/by-sa/4.0/).\n"
        "Changed: rendered from SVG to 144 x 144 PNG. Selected: the emoji of Unicode 16 without"
        " skin-tone variants and without OpenMoji's own additions.\n"
        "Names and keywords: Unicode CLDR, copyright Unicode, Inc., Unicode License v3"
        " (https://www.unicode.org/license.txt).\n"
        "Added: the colour in a caption, unless the name has one, is the basic colour term that at"
        " least half of the opaque pixels away from outlines are nearest to in CIELAB. Pairs of"
        " words were chosen by a hash and held out, with all items that have both, if every word"
        " of these items is known from other items.\n"
    ),
)

STAMPS = Entry(
    name="tuxpaint-stamps",
    title="Tux Paint stamps: 627 photographs and drawings, transparent, with captions",
    medium="image",
    recipe="image-words",
    registry="debian",
    package="tuxpaint-stamps-default",
    version="2022.06.04-1",
    file="tuxpaint-stamps-default_2022.06.04-1_all.deb",
    digest="sha256:6db6c1bfc870a47f1499d6203b083522eacb57c5f9c87d468f2e92eb6d9d5f34",
    wanted=re.compile(
        r"\./usr/share/(doc/tuxpaint-stamps-default/copyright"
        r"|tuxpaint/stamps/(?!symbols/alphabets/)[\w/-]+\.(png|txt))"
    ),
    parts=stamps,
    noun="images",
    count=627,
    licence="GPL-2.0-or-later",
    licence_member="./usr/share/doc/tuxpaint-stamps-default/copyright",
    attribution=(
        "The stamps of Tux Paint (https://tuxpaint.org), 2002-2022 by Bill Kendrick and"
        " contributors, GPL 2 or later, as packaged by Debian.\n"
        "Changed: named after their folders; captions are the first sentence of their English"
        " texts, and words for their folders. Selected: the stamps with a PNG file and a text,"
        " without mirrored variants and without letters of alphabets.\n"
        "Added: near-duplicates (equal captions or names but for colours, numbers and sides) share"
        " a group.\n"
    ),
    megabytes=161,
)
