"""Short texts in pictures, in the font that comes with Pillow.

That font has the letters of English, digits and most punctuation. Accents are left out, and other
characters are replaced by their names in brackets, so that a picture never shows empty boxes:
``[red apple]`` for an emoji, and ``[hebrew]`` for a run of letters of that script.
"""

from __future__ import annotations

import re
import unicodedata
from functools import cache, lru_cache
from itertools import groupby

from PIL import ImageFont

LINE = 15
"""Distance of two lines in pixels."""

_SIZE = 12
_MOST = 4096
# A noncharacter, which no font has.
_ABSENT = "\U0010ffff"
_LATIN = re.compile(r"LATIN (SMALL|CAPITAL) LETTER ([A-Z])( WITH .*)?")


@cache
def font() -> ImageFont.FreeTypeFont:
    """The font of all texts."""
    found = ImageFont.load_default(_SIZE)
    if not isinstance(found, ImageFont.FreeTypeFont):
        raise TypeError("Pillow was built without FreeType")
    return found


def wrapped(text: str, width: float, lines: int = 1) -> list[str]:
    """Divide a text into lines.

    Args:
        text: Any text; of a very long one the first 4,096 characters are considered.
        width: Width of a line in pixels.
        lines: The largest number of lines, at least 1.

    Returns:
        Legible lines, as few as possible; none for an empty text. If the text does not fit, the
        last one ends in three dots. Only if ``width`` has no room for a letter are they wider.
    """
    # No letter is less than a pixel wide.
    rest = legible(text)[: lines * max(1, int(width)) + 1]
    found: list[str] = []
    while rest and len(found) < lines - 1:
        line = _first(rest, width)
        found.append(line)
        rest = rest[len(line) :].lstrip()
    return [*found, _cut(rest, width)] if rest else found


def legible(text: str) -> str:
    """A text in one line with the characters of the font, see the module."""
    marks = (_shown(character) for character in " ".join(text[:_MOST].split()))
    # A bracket stands for a whole run of characters, which may be letters of another script.
    runs = ((mark, len(list(run))) for mark, run in groupby(filter(None, marks)))
    parts = (f" {mark} " if mark[1:].endswith("]") else mark * count for mark, count in runs)
    return " ".join("".join(parts).split())


@lru_cache(4096)
def _shown(character: str) -> str:
    """What is drawn for a character: itself, plain letters, a name in brackets, or nothing."""
    if _is_in_font(character):
        return character
    parts = unicodedata.normalize("NFKD", character)
    base = "".join(part for part in parts if not unicodedata.combining(part))
    for plain in (base, character.casefold()):
        if plain.isascii() and plain.isprintable() and plain:
            return plain
    category, name = unicodedata.category(character), unicodedata.name(character, "")
    latin = _LATIN.fullmatch(name)
    if latin is not None:
        return latin[2] if latin[1] == "CAPITAL" else latin[2].lower()
    if category == "Pd":
        return "-"
    if category[0] in "MC" and category not in ("Co", "Cn"):
        return ""  # Accents, joiners, marks of direction and other controls.
    own = name.split(" ")[0] if category[0] == "L" else name
    return f"[{own.lower() or 'unknown'}]"


def _is_in_font(character: str) -> bool:
    mask, absent = font().getmask(character), font().getmask(_ABSENT)
    return mask.size != absent.size or bytes(mask) != bytes(absent)


def _first(text: str, width: float) -> str:
    """The first line of a text: whole words, or as many letters of a longer one as fit."""
    count = 1
    while count < len(text) and font().getlength(text[: count + 1]) <= width:
        count += 1
    if count == len(text) or text[count] == " ":
        return text[:count].rstrip()
    space = text.rfind(" ", 0, count)
    return text[: count if space < 0 else space]


def _cut(text: str, width: float) -> str:
    """A text, cut to fit with three dots at its end."""
    shown = text
    while text and font().getlength(shown) > width:
        text = text[:-1]
        shown = text.rstrip() + "..."
    return shown
