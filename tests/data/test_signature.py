from __future__ import annotations

import io
import tarfile
import zipfile
from pathlib import Path

import pytest

from sfumato.data.signature import HEAD_BYTES, named_content, named_file

_PAGE = b"\r\n<!DOCTYPE HTML>\n<html><head><title>404"
_SVG = b'<?xml version="1.0"?>\n<!-- made by hand -->\n<svg xmlns="http://www.w3.org/2000/svg">'


def _zip() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("a.txt", "hello")
    return out.getvalue()


def _tar() -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("a.txt"), io.BytesIO())
    return out.getvalue()


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        (b"", "empty"),
        (bytes(100), "zeros"),
        (b"  \n", "white space"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 9\n", "git lfs pull"),
        (_PAGE, "an HTML page"),
        (b"\xef\xbb\xbf<html lang=en>", "an HTML page"),
        (b"\xff\xfe" + "<html>".encode("utf-16-le"), "an HTML page"),
        (b'<?xml version="1.0"?><Error><Code>AccessDenied</Code></Error>', "an XML document"),
        (_SVG, "an SVG drawing"),
        (b'{"message": "Not Found"}', "JSON"),
        (b'[{"a": 1}]', "JSON"),
        (b"not found\n", "plain text"),
        ("größe".encode()[:3], "plain text"),
        (_zip(), "a zip archive"),
        (_tar(), "a tar archive"),
        (b"RIFF\x24\0\0\0WAVEfmt ", "a WAV sound"),
        (b"RIFF\x24\0\0\0WEBPVP8 ", "a WebP picture"),
        (b"\0\0\0\x18ftypheic\0\0\0\0", "a HEIC picture"),
        (b"\0\0\0\x18ftypM4A \0\0\0\0", "an M4A sound"),
        (b"\0\0\0\x18ftypisom\0\0\0\0", "an MP4 video"),
        (b"%PDF-1.7\n", "a PDF document"),
    ],
)
def test_kinds(head: bytes, expected: str) -> None:
    assert expected in (named_content(head[:HEAD_BYTES]) or "")


def test_what_is_not_known_has_no_name(tmp_path: Path) -> None:
    assert named_content(b"\x01\x02\x03\xff\xfe\xfd") is None
    assert named_file(tmp_path / "missing") is None
    (tmp_path / "empty.jpg").touch()
    assert named_file(tmp_path / "empty.jpg") == "it is empty"
