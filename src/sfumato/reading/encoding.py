"""Which encoding a file of text is in: by its mark, by its zero bytes, and by a look at all of it.

Text is UTF-8 unless something shows another encoding. Only three others are recognised: UTF-16 and
UTF-32, and Windows-1252, which spreadsheets write. All others have to be named.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterable
from dataclasses import dataclass

from sfumato.errors import suggest

AUTO = "auto"
"""The name that stands for looking at the file."""

_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_WIDE = ("utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be")
_LOOKED_AT = 1 << 14
_MOST_AS_UTF8, _LEAST_AS_WIDE = 0.95, 0.98
# Not printable, and usual in texts: ends of lines, wide spaces, joiners and marks of direction.
_SIGNS = frozenset("\t\n\v\f\r\x85\xa0\xad\u200b\u200c\u200d\u200e\u200f\u2028\u2029\u3000\ufeff")
_SEQUENCE = re.compile(
    rb"[\xc2-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}|[\xf0-\xf4][\x80-\xbf]{3}"
)
_ASCII = bytes(range(128))
# Letters with accents, quotation marks, dashes and the signs that Western texts hold.
_WESTERN = frozenset(range(0xC0, 0xFF)) - {0xD7, 0xF7} | frozenset(
    b"\x80\x82\x84\x85\x86\x88\x8a\x8b\x8c\x8e\x91\x92\x93\x94\x95\x96\x97\x99\x9a\x9b\x9c\x9e\x9f"
    b"\xa0\xa1\xa3\xa7\xa9\xab\xac\xad\xae\xb0\xb1\xb2\xb4\xb5\xb7\xb8\xba\xbb\xbc\xbd\xbe\xbf"
)
# Other alphabets in one byte a letter consist of such bytes.
_MOST_WESTERN = 0.3

_KNOWN = (
    "utf-8", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le", "utf-32-be", "ascii",
    "latin-1", *(f"iso8859-{part}" for part in (2, 3, 4, 5, 6, 7, 8, 9, 10, 13, 14, 15, 16)),
    *(f"cp125{part}" for part in range(9)), "cp437", "cp850", "cp852", "cp866", "cp874", "koi8-r",
    "koi8-u", "mac-roman", "mac-cyrillic", "shift_jis", "cp932", "euc_jp", "gb2312", "gbk",
    "gb18030", "big5", "cp950", "euc_kr", "cp949",
)  # fmt: skip
_NAMES = {codecs.lookup(name).name: name for name in _KNOWN}


def named(encoding: str) -> str:
    """The usual name of an encoding.

    Args:
        encoding: Any of its names, such as ``latin-1``, ``Windows-1252`` or ``UTF-8-sig``.

    Raises:
        ValueError: There is none of that name, or it is not one of texts.
    """
    plain = encoding.strip().lower()
    if plain == AUTO:
        return AUTO
    try:
        name = codecs.lookup(plain.replace("_", "-").removesuffix("-sig")).name
    except (LookupError, ValueError):
        name = ""
    if name not in _NAMES:
        hint = suggest(plain, ["windows-1252", "iso-8859-1", AUTO, *_KNOWN])
        raise ValueError(f"there is no encoding of texts of that name: {hint}")
    return _NAMES[name]


@dataclass(frozen=True)
class Look:
    """What a look at all bytes of a file showed.

    Attributes:
        encoding: The encoding.
        marked: Whether the file begins with a mark of it.
        size: Number of bytes.
        invalid: Number of bytes that are zero or not valid in UTF-8; 0 in another encoding.
    """

    encoding: str
    marked: bool
    size: int
    invalid: int = 0

    @property
    def is_text(self) -> bool:
        """Whether so much is valid that the rest can be replaced."""
        return self.invalid <= max(1, min(32, self.size // 4), self.size // 10)


def look(chunks: Iterable[bytes], western: bool) -> Look:
    """Find the encoding of a file.

    Args:
        chunks: Its bytes.
        western: Whether it can be Windows-1252.
    """
    size = invalid = 0
    valid = False
    strays: set[int] = set()
    rest = b""
    for number, chunk in enumerate(chunks):
        if number == 0 and (wide := _at_start(chunk)):
            return Look(*wide, len(chunk))
        size += len(chunk)
        invalid += chunk.count(0)
        if chunk.isascii() and not rest:
            continue
        data, rest = _whole(rest + chunk)
        found = _strays(data)
        valid = valid or len(found) < len(data.translate(None, _ASCII))
        invalid += len(found)
        strays.update(found)
    invalid += len(rest)
    strays.update(rest)
    if western and strays and not valid and strays <= _WESTERN and invalid <= _MOST_WESTERN * size:
        return Look("cp1252", False, size)
    return Look("utf-8", False, size, invalid)


def _at_start(chunk: bytes) -> tuple[str, bool] | None:
    """An encoding that the first bytes show, and whether by a mark."""
    for mark, encoding in _MARKS:
        if chunk.startswith(mark) and encoding in _WIDE:
            return encoding, True
    start = chunk[:_LOOKED_AT]
    # Bytes of other encodings that are read as UTF-8 are full of control characters.
    if b"\0" not in start or _readable(start, "utf-8")[0] > _MOST_AS_UTF8:
        return None
    found = {encoding: _readable(start, encoding) for encoding in _WIDE}
    best = max(_WIDE, key=lambda encoding: found[encoding][1])
    share, plain = found[best]
    return (best, False) if share >= _LEAST_AS_WIDE and plain else None


def _readable(start: bytes, encoding: str) -> tuple[float, int]:
    """The share of the readable characters in an encoding, and the number of those of ASCII.

    Both are 0 if most characters are not readable, so that no wrong order of bytes is chosen.
    """
    decoder = codecs.getincrementaldecoder(encoding)("replace")
    text = decoder.decode(start)
    good = sum(one.isprintable() or one in _SIGNS for one in text) - text.count("\ufffd")
    share = good / max(1, len(text))
    # Spaces and line feeds are in texts of all languages.
    return share, sum(one.isascii() or one == "\u3000" for one in text) if share > 0.5 else 0


def with_order(encoding: str, start: bytes) -> str:
    """The encoding with its order of bytes: that of the mark, the likely one, or little-endian.

    Args:
        encoding: An encoding that was named.
        start: The first bytes of a file.
    """
    if encoding not in ("utf-16", "utf-32"):
        return encoding
    found = _at_start(start)
    likely = found is not None and found[0].startswith(encoding)
    return found[0] if found is not None and likely else f"{encoding}-le"


def _whole(data: bytes) -> tuple[bytes, bytes]:
    """Bytes without a character at their end that may go on, and the bytes of that character."""
    for back in range(1, min(4, len(data)) + 1):
        if data[-back] >= 0xC0:
            needed = 2 + (data[-back] >= 0xE0) + (data[-back] >= 0xF0)
            return (data[:-back], data[-back:]) if back < needed else (data, b"")
        if data[-back] < 0x80:
            break
    return data, b""


def _strays(data: bytes) -> bytes:
    """The bytes beyond ASCII that are not part of a character in UTF-8."""
    try:
        data.decode()
    except UnicodeDecodeError:
        return _SEQUENCE.sub(b"", data).translate(None, _ASCII)
    return b""


def without_mark(data: bytes, encoding: str) -> bytes:
    """The first bytes of a file without the mark of its encoding."""
    for mark, name in _MARKS:
        if name == encoding or (name.startswith("utf-8") and encoding == "utf-8"):
            data = data.removeprefix(mark)
    return data
