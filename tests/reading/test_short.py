from __future__ import annotations

import codecs
from pathlib import Path

import pytest

from sfumato.reading.short import Short, read_short
from sfumato.reading.stream import Unusable

LIMIT = 1 << 16


def read(tmp_path: Path, data: bytes, limit: int = LIMIT) -> Short:
    (tmp_path / "a.txt").write_bytes(data)
    return read_short(tmp_path / "a.txt", limit)


@pytest.mark.parametrize(
    ("encoding", "mark"),
    [
        ("utf-8", b""),
        ("utf-8", codecs.BOM_UTF8),
        ("utf-16-le", codecs.BOM_UTF16_LE),
        ("utf-16-be", codecs.BOM_UTF16_BE),
        ("utf-16-le", b""),
        ("utf-32-be", codecs.BOM_UTF32_BE),
    ],
)
@pytest.mark.parametrize("text", ["a red kite\r\n", "Ein Käfer, 日本語 und 🪁"])
def test_encodings(tmp_path: Path, encoding: str, mark: bytes, text: str) -> None:
    if not mark and encoding != "utf-8" and not text.isascii():
        pytest.skip("so short a text without a mark can be anything")
    found = read(tmp_path, mark + text.encode(encoding))
    assert found == Short(text, encoding, 0, False)


def test_western_texts(tmp_path: Path) -> None:
    text = "Ein Käfer – „müde“"
    assert read(tmp_path, text.encode("cp1252")) == Short(text, "cp1252", 0, False)


def test_a_character_is_not_cut_in_two(tmp_path: Path) -> None:
    for cut in range(1, 5):
        found = read(tmp_path, "日🪁".encode() * 100, 7 * 10 + cut)
        assert found.text == "日🪁" * 10 + "日" * (cut >= 3)
        assert found.is_cut and not found.replaced


@pytest.mark.parametrize("size", [9, 10])
def test_the_limit(tmp_path: Path, size: int) -> None:
    found = read(tmp_path, b"x" * size, 9)
    assert found.text == "x" * 9 and found.is_cut == (size > 9)


def test_replaced_places_are_counted(tmp_path: Path) -> None:
    data = "日本語 � ".encode() * 10 + b"\xff\xfe"
    assert read(tmp_path, data).replaced == 12  # What was there counts too, once some are damaged.
    assert read(tmp_path, "日本語 �".encode()).replaced == 0


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 20, "no text"),
        (bytes(1000), "no text"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "git lfs pull"),
    ],
)
def test_what_is_no_text(tmp_path: Path, data: bytes, reason: str) -> None:
    with pytest.raises(Unusable, match=reason):
        read(tmp_path, data)


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        read_short(tmp_path / "none.txt", LIMIT)
