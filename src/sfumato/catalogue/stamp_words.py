"""Captions of Tux Paint's stamps: what their text files say in English, and their folders.

The first line of a text file names the thing, as in "A red apple."; further sentences and clauses
are about such things, and not about the picture.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType

from sfumato.catalogue.colours import COLOURS

_ASIDE = re.compile(r"\s*\([^)]*\)")
_NAME_END = re.compile(r"[.!?…](?=\s|$)|—|\s–\s|[;,]|\s(?:is|are|lets|stands|means|can)\s")
_ARTICLE = re.compile(r"^(an?|the|some) ")
_PLAIN = str.maketrans({"’": "'", "“": "", "”": "", '"': ""})
_CARTOON = "cartoon"
# Parts of the names of files that tell variants of one thing apart: numbers, sides, and colours.
_VARIANT = re.compile(
    rf"\d+|left|right|open|closed|front|side|photo|outline|new|old|{'|'.join(COLOURS)}"
)

# Singular nouns for the contents of folders whose names do not give one.
_FOLDERS: Mapping[str, str] = MappingProxyType(
    {
        "animals": "animal",
        "apes": "ape",
        "amphibians": "amphibian",
        "aquatic": "sea animal",
        "arttools": "art tool",
        "auto": "car",
        "bears": "bear",
        "birds": "bird",
        "body_parts": "part of the body",
        "bovines": "horned animal",
        "brass": "brass instrument",
        "cats": "cat",
        "coins": "coin",
        "clothes": "clothes",
        "deer": "deer",
        "chess": "chess piece",
        "construction": "construction vehicle",
        "cycle": "cycle",
        "dessert": "dessert",
        "dishes": "dishes",
        "dogs": "dog",
        "electronics": "electronics",
        "emergency": "emergency vehicle",
        "equines": "animal",
        "faces": "face",
        "fish": "fish",
        "flags": "flag",
        "flowers": "flower",
        "fruit": "fruit",
        "hats": "hat",
        "houses": "building",
        "insects": "small animal",
        "locomotive": "train",
        "mammals": "mammal",
        "marsupials": "marsupial",
        "math": "digit",
        "medical": "medicine",
        "monuments": "monument",
        "mushrooms": "mushroom",
        "nuts": "nut",
        "operators": "sign of arithmetic",
        "planets": "planet",
        "plants": "plant",
        "planes": "airplane",
        "roadsigns": "road sign",
        "rodents": "small mammal",
        "ship": "ship",
        "space": "space",
        "sports": "sports",
        "string": "string instrument",
        "tools": "tool",
        "trees": "tree",
        "vegetables": "vegetable",
        "vehicles": "vehicle",
        "christmas": "christmas",
        "easter": "easter",
        "halloween": "halloween",
        "hanukkah": "hanukkah",
        "winter": "winter",
    }
)


def stamp_captions(text: str, name: str) -> tuple[str, ...]:
    """Captions of a stamp.

    Args:
        text: Its text file, of which the first line is English.
        name: Its path without suffix, such as ``food/fruit/cartoon/apple``.

    Returns:
        What it shows with an article, without it, and with words for its folders.
    """
    *folders, stem = name.split("/")
    line = _ASIDE.sub("", text.partition("\n")[0].strip().translate(_PLAIN).lower())
    whole = _NAME_END.split(line)[0].strip(" :")
    # A sentence that begins with a dash goes on from the picture, and does not name it.
    if not whole or line.startswith("–"):
        whole = re.sub(r"[_\W]+", " ", stem).strip().lower()
    bare = _ARTICLE.sub("", whole, count=1)
    kind = next((_FOLDERS[folder] for folder in reversed(folders) if folder in _FOLDERS), "")
    captions = [whole, bare]
    if kind and kind not in bare:
        captions.append(f"{bare}, {kind}")
    if _CARTOON in folders and bare != whole:
        captions.append(f"cartoon of {whole}")
    return tuple(dict.fromkeys(captions))


def stamp_keys(name: str, caption: str) -> tuple[str, str]:
    """What near-duplicates of a stamp have in common with it.

    These are its caption and the name of its file, without colours, numbers and sides.

    Args:
        name: Its path without suffix.
        caption: Its caption.
    """
    return f"caption {_key(caption)}", f"name {_key(name.rpartition('/')[2])}"


def _key(text: str) -> str:
    """A text without the parts that tell variants apart; the text if nothing else is left."""
    words = (word for word in re.split(r"[_\W]+|(?<=[a-z])(?=\d)", text.lower()) if word)
    plain = [word for word in words if not _VARIANT.fullmatch(word)]
    return " ".join(plain) or text
