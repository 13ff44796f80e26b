"""Reading an SVG drawing as XML, and writing it again without anything that leads out of it.

The renderer never sees the bytes of a file. They are parsed here by expat, which fetches nothing,
and what the renderer gets is written from the parsed elements: without DOCTYPE, comments and
processing instructions, and with entities replaced. So there are no two parsers that could
understand a file differently. All work is linear in the size of the file.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple
from xml.parsers import expat
from xml.sax.saxutils import escape, quoteattr

FILE_LIMIT = 8 << 20
DEPTH_LIMIT = 200
_ELEMENT_LIMIT = 200_000
_ATTRIBUTE_LIMIT = 500
_MANY_ATTRIBUTES = f"an element has more than {_ATTRIBUTE_LIMIT} attributes"
_ALL_ATTRIBUTES_LIMIT = 1_000_000
_OUTPUT_LIMIT = 2 * FILE_LIMIT
_SIZE_LIMIT = 1000
_ENTITY_LIMIT = 1000
_ENTITIES_LIMIT = 100

_NUMBER = re.compile(r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?")
_DECLARED = re.compile(
    rb"""^\s*<\?xml\s[^>]{0,200}?encoding\s*=\s*["']([A-Za-z0-9._-]{1,40})["']"""
)
_ESCAPE = re.compile(r"\\(?:([0-9a-fA-F]{1,6})\s?|(.))", re.DOTALL)
_URL = re.compile(r"""url\(\s*+["']?+\s*+(?!#|data:)""", re.IGNORECASE)
_IMPORT = re.compile(r"@import", re.IGNORECASE)
# The scheme in small letters, lest the renderer take another spelling for the name of a file.
_RASTER = re.compile(r"data:(?i:image/(?:png|jpe?g|gif|webp))[;,]")
_BLANKS = re.compile(r"[\x00-\x20]+")
_MARKS = (
    (b"\xff\xfe", "utf-16"),
    (b"\xfe\xff", "utf-16"),
    (b"<\0?\0", "utf-16-le"),
    (b"<\0s\0", "utf-16-le"),
    (b"\0<\0?", "utf-16-be"),
    (b"\0<\0s", "utf-16-be"),
)
_LEGACY = {"iso-8859-1", "latin-1", "latin1", "windows-1252", "cp1252", "us-ascii", "ascii"}


class Drawing(NamedTuple):
    """A drawing that refers to nothing outside itself.

    Attributes:
        text: The drawing as XML.
        aspect: The ratio of its width to its height.
    """

    text: str
    aspect: float


def read_drawing(data: bytes) -> Drawing:
    """Parse a drawing and refuse what leads out of it or would take too much work.

    Only references inside the drawing (``#name``) and pictures inside it (``data:image/png;...``)
    are allowed, in whatever element and under whatever prefix. Links for readers, ``<a href>``,
    are removed.

    Raises:
        ValueError: The text is not an SVG drawing, or is refused; the message is the reason.
    """
    if len(data) > FILE_LIMIT:
        raise ValueError(f"larger than {FILE_LIMIT >> 20} MiB")
    text = _text(data)
    _require_few_attributes(text)
    writer = _Writer(text.count("&"))
    parser = expat.ParserCreate(encoding="utf-8")
    parser.buffer_text = True
    parser.ordered_attributes = True
    parser.StartElementHandler = writer.start
    parser.EndElementHandler = writer.end
    parser.CharacterDataHandler = writer.characters
    parser.EntityDeclHandler = writer.entity
    parser.ExternalEntityRefHandler = writer.external
    parser.ProcessingInstructionHandler = writer.instruction
    try:
        parser.Parse(text.encode(), True)
    except expat.ExpatError as error:
        if writer.root is None:
            raise ValueError("not an SVG drawing") from error
        raise ValueError(f"damaged XML: {error}") from error
    if writer.root is None:
        raise ValueError("not an SVG drawing")
    return Drawing("".join(writer.out), _aspect(writer.root))


class _Writer:
    """Writes the elements of a drawing as they are parsed.

    Args:
        references: The number of references to entities that the text can have.
    """

    def __init__(self, references: int) -> None:
        self.out: list[str] = []
        self.root: dict[str, str] | None = None
        self._references = references
        self._open: list[str] = []
        self._style: list[str] = []
        self._elements = self._attributes = self._written = self._entities = self._styles = 0

    def start(self, name: str, pairs: list[str]) -> None:
        """An element begins; ``pairs`` are its attributes' names and values in turn."""
        attributes = dict(zip(pairs[::2], pairs[1::2], strict=True))
        local = _local(name)
        if self.root is None:
            if local != "svg":
                raise ValueError("not an SVG drawing")
            self.root = {_local(key): value for key, value in reversed(attributes.items())}
        self._count(len(attributes))
        kept = []
        for key, value in attributes.items():
            if _local(key) == "href" and local == "a":
                continue
            _require_inside(local, _local(key), value)
            kept.append(f" {key}={quoteattr(value)}")
        self._open.append(local)
        self._styles += local == "style"
        self._write(f"<{name}{''.join(kept)}>")

    def end(self, name: str) -> None:
        """An element ends."""
        if self._open.pop() == "style":
            self._styles -= 1
            if not self._styles:
                _require_local_style("".join(self._style))
                self._style.clear()
        self._write(f"</{name}>")

    def characters(self, text: str) -> None:
        """Text between elements, comments left out."""
        # A long text comes in pieces, so a style is looked at when it ends.
        if self._styles:
            self._style.append(text)
        self._write(escape(text))

    def entity(
        self,
        name: str,
        is_parameter: bool,
        value: str | None,
        base: str | None,
        system: str | None,
        public: str | None,
        notation: str | None,
    ) -> None:
        """An entity is declared: short ones are replaced, as old programs write them."""
        self._entities += 1
        if is_parameter or value is None or system or notation:
            raise ValueError("declares an entity outside itself")
        nested = "&" in value or "%" in value or "<" in value
        if nested or len(value) > _ENTITY_LIMIT or self._entities > _ENTITIES_LIMIT:
            raise ValueError("declares entities that are nested, long or many")
        if self._references * len(value) > _OUTPUT_LIMIT:
            raise ValueError("would become too large by its entities")

    def external(self, *names: str | None) -> int:
        """An external entity is referred to."""
        raise ValueError("refers to files outside itself (an entity)")

    def instruction(self, target: str, data: str) -> None:
        """A processing instruction; a style sheet is one."""
        if target == "xml-stylesheet":
            raise ValueError("refers to files outside itself (a style sheet)")

    def _count(self, attributes: int) -> None:
        self._elements += 1
        self._attributes += attributes
        if len(self._open) >= DEPTH_LIMIT:
            raise ValueError(f"its elements are nested more than {DEPTH_LIMIT} deep")
        if attributes > _ATTRIBUTE_LIMIT:
            raise ValueError(_MANY_ATTRIBUTES)
        if self._elements > _ELEMENT_LIMIT or self._attributes > _ALL_ATTRIBUTES_LIMIT:
            raise ValueError(f"it has more than {_ELEMENT_LIMIT:,} elements, or many attributes")

    def _write(self, text: str) -> None:
        self._written += len(text)
        if self._written > _OUTPUT_LIMIT:
            raise ValueError(f"larger than {_OUTPUT_LIMIT >> 20} MiB with its entities replaced")
        self.out.append(text)


def _local(name: str) -> str:
    """A name without its prefix."""
    return name.rpartition(":")[2]


def _require_inside(element: str, attribute: str, value: str) -> None:
    """Refuse an attribute that leads out of the drawing."""
    if attribute in ("href", "src"):
        target = _BLANKS.sub("", value)
        # A drawing inside a data: URI could refer to files again, so pictures of pixels alone.
        if target and not target.startswith("#") and not _RASTER.match(target):
            shown = target if len(target) <= 60 else f"{target[:60]}..."
            raise ValueError(f"refers to something outside itself: {element} {shown!r}")
    if "(" in value or "@" in value:
        _require_local_style(value)


def _require_few_attributes(text: str) -> None:
    """Refuse a tag of very many attributes before it is parsed.

    The parser counts exactly, but stores all attributes of a tag first, for which it needs more
    time than in proportion to their number.
    """
    for piece in text.split("<"):
        tag = piece.partition(">")[0]
        if tag.count('="') + tag.count("='") > _ATTRIBUTE_LIMIT:
            raise ValueError(_MANY_ATTRIBUTES)


def _require_local_style(text: str) -> None:
    """Refuse CSS that loads something; its escapes and comments are resolved first."""
    plain = _without_comments(text)
    if "\\" in plain:
        plain = _ESCAPE.sub(_unescaped, plain)
    if _IMPORT.search(plain) or _URL.search(plain):
        raise ValueError("refers to something outside itself in its style")


def _without_comments(text: str) -> str:
    """CSS without its comments, which may stand inside a word."""
    pieces, start = [], 0
    while (opened := text.find("/*", start)) >= 0:
        pieces.append(text[start:opened])
        closed = text.find("*/", opened + 2)
        start = closed + 2 if closed >= 0 else len(text)
    return "".join([*pieces, text[start:]])


def _unescaped(found: re.Match[str]) -> str:
    digits, plain = found.groups()
    if digits is None:
        return str(plain)
    code = int(digits, 16)
    return chr(code) if code < 0x110000 and not 0xD800 <= code < 0xE000 else ""


def _text(data: bytes) -> str:
    """The text of a drawing: UTF-8 unless it is marked or declared otherwise.

    Raises:
        ValueError: The bytes are not text.
    """
    encoding = next((name for mark, name in _MARKS if data.startswith(mark)), None)
    if encoding is None:
        declared = _DECLARED.match(data)
        name = declared.group(1).decode().lower() if declared else ""
        encoding = "cp1252" if name in _LEGACY else "utf-8-sig"
    try:
        text = data.decode(encoding, errors="replace" if encoding == "cp1252" else "strict")
    except UnicodeDecodeError as error:
        raise ValueError(f"its text is not {encoding.removesuffix('-sig').upper()}") from error
    # The declaration names the encoding of the file, and the text has one of its own now.
    return re.sub(r"^\s*<\?xml\s[^>]{0,400}\?>", "", text, count=1)


def _aspect(attributes: Mapping[str, str]) -> float:
    """The ratio of width to height, from the size, else from the viewBox."""
    found = {name: attributes.get(name, "").strip() for name in ("width", "height", "viewBox")}
    if any(len(value) > _SIZE_LIMIT for value in found.values()):
        raise ValueError("the drawing declares no size")
    box = [float(number) for number in _NUMBER.findall(found["viewBox"])]
    width, height = box[2:] if len(box) == 4 else (0.0, 0.0)
    size = [_NUMBER.match(found[name]) for name in ("width", "height")]
    if size[0] and size[1] and "%" not in found["width"] + found["height"]:
        width, height = float(size[0].group()), float(size[1].group())
    if not (0 < width < 1e9 and 0 < height < 1e9):
        raise ValueError("the drawing declares no size")
    return width / height
