"""Captions in text files beside the items."""

from __future__ import annotations

import codecs
import os
import time
from pathlib import Path

import pytest

from sfumato.data.captions import ABOUT_CAPTIONS
from sfumato.data.index import FileKind, Index, scan
from sfumato.data.selection import Selection
from sfumato.media.image.open import IMAGES

LIMIT = 64 * 1024


def captioned(root: Path, content: bytes) -> Index:
    root.mkdir(exist_ok=True)
    (root / "1.png").touch()
    (root / "1.txt").write_bytes(content)
    return scan(root, IMAGES)


def reasons(index: Index) -> dict[str, str]:
    return dict(index.rejected)


@pytest.mark.parametrize(
    "text",
    [
        "a red kite",
        "un cerf-volant rouge, très haut – « là-haut »",
        "\u7d05\u3044\u51e7",
        "\u0432\u043e\u0437\u0434\u0443\u0448\u043d\u044b\u0439 \u0437\u043c\u0435\u0439",
        "\u0637\u0627\u0626\u0631\u0629 \u0648\u0631\u0642\u064a\u0629",
        "\U0001fa81 kite \U0001f468\u200d\U0001f469\u200d\U0001f467",
        "a kite " * 1428 + "kite",
    ],
    ids=["english", "french", "japanese", "russian", "arabic", "emoji", "10,000 characters"],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_captions_of_all_languages(tmp_path: Path, text: str, encoding: str) -> None:
    index = captioned(tmp_path, f"  {text}\r\n".encode(encoding))
    assert index.items[0].captions == (text,)
    assert index.rejected == ()


def test_a_western_caption_is_read_and_reported_once(tmp_path: Path) -> None:
    for number in range(3):
        (tmp_path / f"{number}.png").touch()
        (tmp_path / f"{number}.txt").write_bytes("ein müder Käfer".encode("latin-1"))
    index = scan(tmp_path, IMAGES)
    assert {item.caption for item in index.items} == {"ein müder Käfer"}
    reason = "a caption that is not UTF-8: it was read as Windows-1252 (3 files)"
    assert reasons(index) == {"0.txt": reason}


def test_lines_are_variants(tmp_path: Path) -> None:
    (item,) = captioned(tmp_path, b"a kite\r\n\r\n\t a red kite \r\nsky\n").items
    assert item.captions == ("a kite", "a red kite", "sky")


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "a caption that is empty"),
        (b" \r\n\t\n", "a caption that is empty"),
        (codecs.BOM_UTF8, "a caption that is empty"),
        (codecs.BOM_UTF16_LE, "a caption that is empty"),
        (b"\x89PNG\r\n\x1a\n" + bytes(range(256)), "a caption that is no text"),
        (b"version https://git-lfs.github.com/spec/v1\n", "a caption that is a pointer of Git LFS"),
    ],
)
def test_what_holds_no_caption_is_reported(tmp_path: Path, content: bytes, reason: str) -> None:
    index = captioned(tmp_path, content)
    assert [item.caption for item in index.items] == [None]
    assert index.items[0].captions == ()
    assert reasons(index)["1.txt"].startswith(reason)
    assert reason.startswith(ABOUT_CAPTIONS)


def test_a_long_caption_is_cut(tmp_path: Path) -> None:
    index = captioned(tmp_path, b"x" + "\u51e7".encode() * LIMIT)
    (caption,) = index.items[0].captions
    assert caption == "x" + "\u51e7" * ((LIMIT - 1) // 3)
    assert "longer than 64 KiB" in reasons(index)["1.txt"]


def test_of_many_lines_the_first_are_used(tmp_path: Path) -> None:
    lines = [str(number) for number in range(100)]
    index = captioned(tmp_path, "\n".join(lines).encode())
    assert index.items[0].captions == tuple(lines[:64])
    assert reasons(index) == {"1.txt": "a caption of 100 lines, of which the first 64 are used"}


def test_bytes_that_are_no_text_are_counted(tmp_path: Path) -> None:
    index = captioned(tmp_path, "\u7d05\u3044\u51e7".encode() * 10 + b"\xff")
    assert reasons(index) == {
        "1.txt": "a caption with bytes that are no text: 1 place became U+FFFD"
    }
    assert index.items[0].caption == "\u7d05\u3044\u51e7" * 10 + "\ufffd"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_caption_that_may_not_be_read(tmp_path: Path) -> None:
    captioned(tmp_path, b"a kite")
    (tmp_path / "1.txt").chmod(0)
    index = scan(tmp_path, IMAGES)
    assert len(index) == 1 and "cannot be read" in reasons(index)["1.txt"]


def test_pipes_and_links_are_no_captions(tmp_path: Path) -> None:
    for name in ("1.png", "2.png"):
        (tmp_path / name).touch()
    os.mkfifo(tmp_path / "1.txt")
    (tmp_path / "secret").write_text("a secret")
    (tmp_path / "2.txt").symlink_to(tmp_path / "secret")
    index = scan(tmp_path, IMAGES)
    assert [item.caption for item in index.items] == [None, None]


def write(root: Path, *names: str) -> Path:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text("a text" if name.endswith(".txt") else "")
    return root


# "1.jpg" sorts before "1.txt", "1.webp" behind it, and "1.s.png" between the two.
@pytest.mark.parametrize("suffix", ["jpg", "webp"])
def test_a_caption_without_an_image(tmp_path: Path, suffix: str) -> None:
    write(tmp_path, f"1.{suffix}", "1.txt", "1.s.png", "1.s.txt", "2.txt", "3.txt", "a/README.txt")
    write(tmp_path, f"a/4.{suffix}", f"b/5.{suffix}", f"b/6.{suffix}", "b/5.txt", "c/6.txt")
    index = scan(tmp_path, IMAGES)
    reason = "a caption, but none of the images has its name"
    assert reasons(index) == {"2.txt": reason, "3.txt": reason}
    assert dict(index.unread) == {".txt": 4}
    assert sum(item.caption is not None for item in index.items) == 3


def test_the_words_are_those_of_the_kind(tmp_path: Path) -> None:
    write(tmp_path, "1.wav", "1.txt", "2.txt")
    index = scan(tmp_path, FileKind("audio files", frozenset({".wav"})))
    assert reasons(index) == {"2.txt": "a caption, but none of the audio files has its name"}


def test_a_lone_text_is_no_caption(tmp_path: Path) -> None:
    write(tmp_path, "1.png", "README.txt", "LICENSE.txt", "a/2.png", "a/2.txt")
    assert reasons(scan(tmp_path, IMAGES)) == {}


def test_one_caption_of_two_images(tmp_path: Path) -> None:
    index = scan(write(tmp_path, "1.jpg", "1.png", "1.txt", "1.webp"), IMAGES)
    assert [item.caption for item in index.items] == ["a text"] * 3
    assert reasons(index) == {} and dict(index.unread) == {}


def test_captions_of_files_that_are_left_out(tmp_path: Path) -> None:
    write(tmp_path, "1.png", "1.txt", "dog 2.png", "dog 2.txt", "3.heic", "3.txt", "4.txt")
    (tmp_path / "4.png").symlink_to("nowhere")
    kind = FileKind("images", frozenset({".png"}), {".heic": "convert it"})
    index = scan(tmp_path, kind, Selection(exclude=("dog*.png",)))
    assert reasons(index) == {"4.png": "a link to nothing"}
    assert dict(index.unread) == {".txt": 3, ".heic": 1}


@pytest.mark.parametrize(
    "selection", [Selection(include=("*.png",)), Selection(exclude=("2.txt",))]
)
def test_texts_that_are_left_out(tmp_path: Path, selection: Selection) -> None:
    index = scan(write(tmp_path, "1.png", "1.txt", "2.txt"), IMAGES, selection)
    assert index.items[0].caption == "a text"
    assert reasons(index) == {} and dict(index.unread) == {}


def test_metadata_take_precedence(tmp_path: Path) -> None:
    write(tmp_path, "1.png", "1.txt", "2.png", "2.txt")
    (tmp_path / "metadata.jsonl").write_text('{"file_name": "1.png", "text": "a kite"}')
    assert [item.caption for item in scan(tmp_path, IMAGES).items] == ["a kite", "a text"]


def test_time_grows_with_the_number_of_captions(tmp_path: Path) -> None:
    seconds = []
    for count in (1000, 2000):
        root = tmp_path / str(count)
        root.mkdir()
        for number in range(count):
            (root / f"{number:05}.png").touch()
            (root / f"{number:05}.txt").write_text("a kite")
            (root / f"{number:05} none.txt").write_text("a kite")
        begin = time.process_time()
        assert len(scan(root, IMAGES).rejected) == count
        seconds.append(time.process_time() - begin)
    assert seconds[1] < 4 * seconds[0]
