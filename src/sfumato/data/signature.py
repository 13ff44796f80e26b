"""What a file really is, from its first bytes, for files that are not what their names say.

A download that failed leaves an HTML page, JSON or nothing under the name of a picture, and a
checkout without Git LFS leaves pointers. Every reader names these in the same words.
"""

from __future__ import annotations

from pathlib import Path

HEAD_BYTES = 1024
"""Number of bytes that are enough to recognise every kind."""

_LFS = b"version https://git-lfs.github.com/spec/"
_HTML = (b"<!doctype html", b"<html", b"<head", b"<body", b"<!-- saved from url")
_LEADING: tuple[tuple[bytes, str], ...] = (
    (b"\x89PNG\r\n\x1a\n", "a PNG picture"),
    (b"\xff\xd8\xff", "a JPEG picture"),
    (b"GIF87a", "a GIF picture"),
    (b"GIF89a", "a GIF picture"),
    (b"II*\0", "a TIFF picture"),
    (b"MM\0*", "a TIFF picture"),
    (b"\xff\n", "a JPEG XL picture"),
    (b"\0\0\0\x0cJXL \r\n", "a JPEG XL picture"),
    (b"v/1\x01", "an OpenEXR picture"),
    (b"DDS ", "a DirectDraw texture"),
    (b"8BPS", "a Photoshop file"),
    (b"gimp xcf", "a GIMP file"),
    (b"%PDF-", "a PDF document"),
    (b"%!PS", "a PostScript document"),
    (b"{\\rtf", "an RTF document"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an old Office document"),
    (b"PK\x03\x04", "a zip archive"),
    (b"PK\x05\x06", "an empty zip archive"),
    (b"\x1f\x8b", "gzip-compressed data"),
    (b"BZh", "bzip2-compressed data"),
    (b"\xfd7zXZ\0", "xz-compressed data"),
    (b"\x28\xb5\x2f\xfd", "zstd-compressed data"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive"),
    (b"Rar!\x1a\x07", "a rar archive"),
    (b"fLaC", "a FLAC sound"),
    (b"OggS", "an Ogg sound or video"),
    (b"ID3", "an MP3 sound"),
    (b"\x1aE\xdf\xa3", "a Matroska or WebM video"),
    (b"\x00\x05\x16\x07", "an AppleDouble file, which macOS writes beside the real one"),
    (b"\x00\x05\x16\x00", "an AppleSingle file of macOS"),
    (b"\x7fELF", "a program"),
    (b"MZ", "a Windows program"),
    (b"SQLite format 3\0", "an SQLite database"),
    (b"PAR1", "a Parquet table"),
    (b"\x93NUMPY", "a NumPy array"),
    (b"#!", "a script"),
)
_BRANDS: tuple[tuple[bytes, str], ...] = (
    (b"hei", "a HEIC picture"),
    (b"hev", "a HEIC picture"),
    (b"mif1", "a HEIC picture"),
    (b"msf1", "a HEIC picture"),
    (b"avif", "an AVIF picture"),
    (b"avis", "an AVIF picture"),
    (b"M4A", "an M4A sound"),
    (b"M4B", "an M4A sound"),
    (b"crx", "a raw photo of a camera"),
    (b"qt", "a QuickTime video"),
)
_RIFF = {b"WAVE": "a WAV sound", b"WEBP": "a WebP picture", b"AVI ": "an AVI video"}


def named_content(head: bytes) -> str | None:
    """Name what the first bytes of a file are.

    Args:
        head: The first bytes of the file, `HEAD_BYTES` of them if it has so many.

    Returns:
        A sentence without a full stop, such as ``it is an HTML page``, or None if the bytes
        are not of a known kind.
    """
    if not head:
        return "it is empty"
    if head.startswith(_LFS):
        return "it is a Git LFS pointer, not the file itself: fetch it with `git lfs pull`"
    if not head.strip(b"\0"):
        return "it begins with zeros alone, as a file does that was never written"
    kind = _binary(head) or _text(head)
    return f"it is {kind}" if kind else None


def named_file(path: Path) -> str | None:
    """Like :func:`named_content`, of a file on the disk; None if it cannot be opened."""
    try:
        with path.open("rb") as file:
            return named_content(file.read(HEAD_BYTES))
    except OSError:
        return None


def brands_of(head: bytes) -> frozenset[bytes]:
    """The brands of a file of boxes (ISO 14496-12, 4.3), such as MP4, HEIC and AVIF; else none.

    The first is that of the program that wrote the file; the others say how it can be read.
    """
    if head[4:8] != b"ftyp":
        return frozenset()
    end = min(int.from_bytes(head[:4], "big"), len(head))
    others = (head[place : place + 4] for place in range(16, end - 3, 4))
    return frozenset((head[8:12], *others))


def _binary(head: bytes) -> str | None:
    if head[4:8] == b"ftyp":
        brand = head[8:12]
        return next((kind for start, kind in _BRANDS if brand.startswith(start)), "an MP4 video")
    if head[:4] in (b"RIFF", b"RF64"):
        return _RIFF.get(head[8:12])
    if head[257:262] == b"ustar":
        return "a tar archive"
    return next((kind for start, kind in _LEADING if head.startswith(start)), None)


def _text(head: bytes) -> str | None:
    """The kind of a text; most downloads that failed are one."""
    start = _decoded(head).lstrip().lower()
    if not start:
        return "white space alone"
    if start.startswith(_HTML):
        return "an HTML page, as a download leaves that failed"
    if start.startswith(b"<?xml") or start.startswith(b"<!doctype"):
        if b"<svg" in start or b"<!doctype svg" in start:
            return "an SVG drawing"
        return "an HTML page" if b"<html" in start else "an XML document"
    if start.startswith(b"<svg"):
        return "an SVG drawing"
    if start.startswith(b"<error") or start.startswith(b"<rss"):
        return "an XML document"
    if start[:1] in b"{[" and _is_json_like(start):
        return "JSON text"
    return "plain text" if _is_plain(start) else None


def _decoded(head: bytes) -> bytes:
    """The head as UTF-8 without a mark, if it is marked as a Unicode text."""
    for mark, encoding in ((b"\xff\xfe", "utf-16-le"), (b"\xfe\xff", "utf-16-be")):
        if head.startswith(mark):
            return head[2:].decode(encoding, errors="ignore").encode()
    return head.removeprefix(b"\xef\xbb\xbf")


def _is_json_like(start: bytes) -> bool:
    after = start[1:].lstrip()[:1]
    return _is_plain(start) and (not after or after in b'"{[]}-0123456789tfn')


def _is_plain(start: bytes) -> bool:
    """Whether the bytes are UTF-8 without control characters; the last one may be cut."""
    if any(byte < 32 and byte not in b"\t\n\r\f" for byte in start):
        return False
    try:
        start.decode()
    except UnicodeDecodeError as error:
        return error.start >= len(start) - 3 and error.reason == "unexpected end of data"
    return True
