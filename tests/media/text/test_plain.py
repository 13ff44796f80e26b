from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sfumato.errors import DataError
from sfumato.media.text import documents
from sfumato.media.text.documents import read_plain
from sfumato.media.text.files import Problem, find_texts, lines, paragraphs


def read(path: Path, data: bytes) -> tuple[str, list[Problem]]:
    path.write_bytes(data)
    found = find_texts(path)
    return read_plain(found.root, found.files[0])


def test_a_byte_order_mark_is_dropped_at_the_start_alone(tmp_path: Path) -> None:
    assert read(tmp_path / "a.txt", "\ufeffa\ufeff\ufeff".encode()) == ("a\ufeff\ufeff", [])


def test_all_line_endings_become_line_feeds(tmp_path: Path) -> None:
    assert read(tmp_path / "a.txt", b"a\r\nb\rc\n\r\n\rd\r") == ("a\nb\nc\n\n\nd\n", [])


@given(
    data=st.lists(
        st.sampled_from([b"a", b"\n", b"\r", "é🙂".encode(), b"\xff", b"\xf0\x9f", b"\0"])
    )
)
def test_chunks_do_not_matter(tmp_path_factory: pytest.TempPathFactory, data: list[bytes]) -> None:
    path = tmp_path_factory.getbasetemp() / "chunks.txt"
    whole = read(path, b"a" + b"".join(data))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(documents, "_CHUNK", 3)
        assert read(path, b"a" + b"".join(data)) == whole
    python = (b"a" + b"".join(data)).decode("utf-8", errors="replace")
    assert whole[0] == python.replace("\r\n", "\n").replace("\r", "\n")


def test_bad_bytes_are_named(tmp_path: Path) -> None:
    data = b"good\r\n\xe9t\xe9 \xe9\nfine\n" + "caf\u00e9".encode() + b"\xff\xff"
    text, problems = read(tmp_path / "a.txt", data)
    assert text == "good\n\ufffdt\ufffd \ufffd\nfine\ncaf\u00e9\ufffd\ufffd"
    first, second, total = problems
    assert (first.path, first.line) == ("a.txt", 2)
    assert first.reason.startswith("column 1: the byte 0xE9")
    assert second.line == 4
    assert second.reason.startswith("column 5: the byte 0xFF")
    assert (total.line, total.reason.split()[0]) == (None, "5")


def test_a_character_of_replacement_is_no_bad_byte(tmp_path: Path) -> None:
    text = "\ufffd" * 500
    assert read(tmp_path / "a.txt", text.encode()) == (text, [])


def test_twenty_lines_are_named_and_all_are_counted(tmp_path: Path) -> None:
    line = b"a line that is long enough\xff \xef\xbf\xbd\n"
    text, problems = read(tmp_path / "a.txt", line * 5000)
    assert text.count("\ufffd") == 10_000
    assert [problem.line for problem in problems] == [*range(1, 21), None]
    assert problems[-1].reason.startswith("5000 places")


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "is empty"),
        (b" \n\t\r\n", "is empty"),
        (b"\xef\xbb\xbf", "is empty"),
        ("Привет, как дела? ".encode("cp1251") * 5, "is not UTF-8 text"),
        (bytes(range(256)), "is not UTF-8 text"),
        ("hello".encode("utf-16"), "is UTF-16"),
    ],
)
def test_files_that_are_no_use(tmp_path: Path, data: bytes, reason: str) -> None:
    text, [problem] = read(tmp_path / "a.txt", data)
    assert text == ""
    assert (problem.path, problem.line) == ("a.txt", None)
    assert problem.reason.startswith(reason)


def test_a_file_that_is_too_large(tmp_path: Path) -> None:
    with (tmp_path / "a.txt").open("wb") as file:
        file.truncate((1 << 30) + 1)
    found = find_texts(tmp_path)
    with pytest.raises(DataError, match="too large") as told:
        read_plain(found.root, found.files[0])
    assert "divide" in told.value.hint


def test_a_file_that_went_away(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("x")
    found = find_texts(tmp_path)
    (tmp_path / "a.txt").unlink()
    text, [problem] = read_plain(found.root, found.files[0])
    assert text == ""
    assert problem.reason.startswith("cannot be read")


BLANK = st.text("ab \n", max_size=30)


@given(text=BLANK)
def test_lines_carry_their_numbers(text: str) -> None:
    assert list(lines(text)) == list(enumerate(text.split("\n"), start=1))


@given(text=BLANK)
def test_paragraphs_lie_between_blank_lines(text: str) -> None:
    numbered = text.split("\n")
    taken: set[int] = set()
    for line, part in paragraphs(text):
        own = part.split("\n")
        assert own == numbered[line - 1 : line - 1 + len(own)]
        assert all(one.strip() for one in own)
        for beside in (line - 2, line - 1 + len(own)):
            assert not 0 <= beside < len(numbered) or not numbered[beside].strip()
        taken |= set(range(line - 1, line - 1 + len(own)))
    assert taken == {place for place, one in enumerate(numbered) if one.strip()}
