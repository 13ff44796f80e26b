from __future__ import annotations

import gzip
import json
import random
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sfumato.errors import DataError
from sfumato.media.text import documents as documents_module
from sfumato.media.text.documents import Document, read_documents, read_plain
from sfumato.media.text.files import Form, Problem, find_texts, lines, paragraphs
from sfumato.media.text.settings import TextSettings
from sfumato.reading import encoding as encodings
from sfumato.reading import stream as stream_module


def write(root: Path, **files: str) -> Path:
    for name, text in files.items():
        path = root / name.replace("__", "/").replace("_", ".")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8", newline="")
    return root


def documents(source: Path, **settings: object) -> list[Document]:
    found = list(read_documents(source, TextSettings.model_validate(settings)))
    assert not [one for one in found if isinstance(one, Problem)]
    return [one for one in found if isinstance(one, Document)]


@pytest.mark.parametrize(
    ("split", "expected"),
    [
        ("auto", [("a.txt", "\none\ntwo\n \n\nthree \n")]),
        ("file", [("a.txt", "\none\ntwo\n \n\nthree \n")]),
        ("paragraph", [("a.txt:2", "one\ntwo"), ("a.txt:6", "three ")]),
        ("line", [("a.txt:2", "one"), ("a.txt:3", "two"), ("a.txt:6", "three ")]),
    ],
)
def test_how_a_file_is_divided(tmp_path: Path, split: str, expected: list[tuple[str, str]]) -> None:
    write(tmp_path, a_txt="\r\none\r\ntwo\r\n \r\n\r\nthree \r\n")
    found = documents(tmp_path / "a.txt", split=split)
    assert [(document.name, document.text) for document in found] == expected


def test_a_folder_of_all_kinds(tmp_path: Path) -> None:
    write(
        tmp_path,
        a__one_txt="first",
        a__two_md="second",
        b__three_jsonl=json.dumps({"text": "third", "label": "own", "split": "test"}),
        b__four_csv="text,n\nfourth,1\n",
    )
    found = documents(tmp_path)
    assert [(one.name, one.text, one.label, one.held_out) for one in found] == [
        ("a/one.txt", "first", "a", None),
        ("a/two.md", "second", "a", None),
        ("b/four.csv:2", "fourth", "b", None),
        ("b/three.jsonl:1", "third", "own", True),
    ]
    sizes = [5, 6, 16, (tmp_path / "b/three.jsonl").stat().st_size]
    assert [one.read for one in found] == [sum(sizes[: k + 1]) for k in range(4)]


def test_problems_come_between_documents(tmp_path: Path) -> None:
    write(tmp_path, a_txt="good", b_txt=" ", c_jsonl="", d_jsonl='{"text": "x"}\nbad\n')
    (tmp_path / "link.txt").symlink_to("/nowhere/at/all")
    found = list(read_documents(tmp_path, TextSettings()))
    assert [one.name for one in found if isinstance(one, Document)] == ["a.txt", "d.jsonl:1"]
    assert [(one.path, one.line) for one in found if isinstance(one, Problem)] == [
        ("link.txt", None),
        ("b.txt", None),
        ("c.jsonl", None),
        ("d.jsonl", 2),
    ]


@pytest.mark.parametrize(
    ("name", "text"), [("a.jsonl", ""), ("a.jsonl", "\n \n"), ("a.csv", ""), ("a.csv", "text\n")]
)
def test_a_file_without_records_is_named(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_text(text)
    found = list(read_documents(tmp_path, TextSettings()))
    assert found == [Problem(name, None, "holds no records")]


def test_the_source_is_looked_for_at_once(tmp_path: Path) -> None:
    with pytest.raises(DataError):
        read_documents(tmp_path / "nothing.txt", TextSettings())


def read(path: Path, data: bytes) -> tuple[str, list[Problem | Form]]:
    path.write_bytes(data)
    found = find_texts(path)
    return read_plain(found.root, found.files[0])


def test_a_byte_order_mark_is_dropped_at_the_start_alone(tmp_path: Path) -> None:
    assert read(tmp_path / "a.txt", "\ufeffa\ufeff\ufeff".encode()) == ("a\ufeff\ufeff", [])


def test_all_line_endings_become_line_feeds(tmp_path: Path) -> None:
    assert read(tmp_path / "a.txt", b"a\r\nb\rc\n\r\n\rd\r") == ("a\nb\nc\n\n\nd\n", [])


@given(data=st.lists(st.sampled_from([b"a", b"\n", b"\r", "é🙂".encode(), b"\xff", b"\xf0\x9f"])))
def test_chunks_do_not_matter(tmp_path_factory: pytest.TempPathFactory, data: list[bytes]) -> None:
    path = tmp_path_factory.getbasetemp() / "chunks.txt"
    # Most of it has to be valid.
    whole = read(path, ("é" * 99).encode() + b"".join(data))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stream_module, "_CHUNK", 3)
        assert read(path, ("é" * 99).encode() + b"".join(data)) == whole
    python = (("é" * 99).encode() + b"".join(data)).decode("utf-8", errors="replace")
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
    ],
)
def test_files_that_are_no_use(tmp_path: Path, data: bytes, reason: str) -> None:
    text, [problem] = read(tmp_path / "a.txt", data)
    assert text == ""
    assert (problem.path, problem.line) == ("a.txt", None)
    assert problem.reason.startswith(reason)


def test_a_file_that_is_too_large_does_not_stop_a_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(documents_module, "_LARGEST", 1000)
    write(tmp_path, a_txt="x" * 1001, b_txt="good")
    [problem, document] = list(read_documents(tmp_path, TextSettings()))
    assert isinstance(problem, Problem)
    assert problem.reason.startswith("is larger than 1 GiB")
    assert isinstance(document, Document)


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le"])
def test_wide_encodings_are_recognised(tmp_path: Path, encoding: str) -> None:
    """By their mark, or by the zero bytes of what is a text."""
    text = "Grüße und hello, two\r\nlines\rand more\n"
    found, notes = read(tmp_path / "a.txt", text.encode(encoding))
    assert found == text.replace("\r\n", "\n").replace("\r", "\n")
    marked = encoding in ("utf-16", "utf-32")
    words = [note.reason for note in notes if isinstance(note, Problem)]
    assert len(words) == (0 if marked else 1)
    assert all("has no byte order mark" in one for one in words)
    name = encoding[:6].upper()
    assert [note.words for note in notes if isinstance(note, Form)] == [f"in {name}"]


def test_windows_1252_is_recognised_by_the_whole_file(tmp_path: Path) -> None:
    text = "plain words " * 20_000 + "“C’est l’été” – café crème"
    found, notes = read(tmp_path / "a.txt", text.encode("cp1252"))
    assert found == text
    assert [note.words for note in notes if isinstance(note, Form)] == ["in Windows-1252"]
    assert [note.reason for note in notes if isinstance(note, Problem) and "Windows" in note.reason]


def test_an_encoding_by_name(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes("Привет, как дела?\r\n".encode("koi8-r"))
    [form, document] = list(read_documents(tmp_path, TextSettings(encoding="KOI8-R")))
    assert isinstance(document, Document)
    assert document.text == "Привет, как дела?\n"
    assert form == Form("in KOI8-R")


@pytest.mark.parametrize("encoding", sorted({*encodings._NAMES.values()}))
def test_no_bytes_stop_a_folder_in_any_encoding(tmp_path: Path, encoding: str) -> None:
    rng = random.Random(0)
    for size in (0, 1, 3, 999):
        for name in ("a.txt", "a.csv", "a.json"):
            (tmp_path / name).write_bytes(rng.randbytes(size))
            list(read_documents(tmp_path / name, TextSettings(encoding=encoding)))


def test_packed_files(tmp_path: Path) -> None:
    (tmp_path / "a.txt.gz").write_bytes(gzip.compress(b"packed text\r\n"))
    (tmp_path / "b.jsonl.gz").write_bytes(gzip.compress(b'{"text": "one"}\n'))
    (tmp_path / "c.csv.gz").write_bytes(gzip.compress(b"text;label\ntwo;x\n"))
    (tmp_path / "d.txt.gz").write_bytes(b"not packed")
    (tmp_path / "e.txt.gz").write_bytes(gzip.compress(b"cut off " * 999)[:-9])
    found = list(read_documents(tmp_path, TextSettings()))
    texts = {one.name: one.text for one in found if isinstance(one, Document)}
    assert texts == {
        "a.txt.gz": "packed text\n",
        "b.jsonl.gz:1": "one",
        "c.csv.gz:2": "two",
        "e.txt.gz": texts["e.txt.gz"],
    }
    assert texts["e.txt.gz"].startswith("cut off")
    problems = {one.path: one.reason for one in found if isinstance(one, Problem)}
    assert problems["d.txt.gz"].startswith("is not a whole .gz file")
    assert problems["e.txt.gz"].startswith("is damaged after")
    forms = [one.words for one in found if isinstance(one, Form)]
    assert forms.count("packed") == 4


def test_a_bomb_is_refused(tmp_path: Path) -> None:
    with gzip.open(tmp_path / "a.txt.gz", "wb", 9) as file:
        for _ in range(70):
            file.write(b" " * (1 << 20))
    (tmp_path / "b.txt").write_text("good")
    [problem, document] = list(read_documents(tmp_path, TextSettings()))
    assert isinstance(problem, Problem)
    assert "250 times its size" in problem.reason
    assert isinstance(document, Document)


def test_a_pointer_of_git_lfs(tmp_path: Path) -> None:
    pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 5\n"
    write(tmp_path, a_txt=pointer, b_jsonl=pointer, c_txt="good")
    found = list(read_documents(tmp_path, TextSettings()))
    problems = [one.reason for one in found if isinstance(one, Problem)]
    assert sum("Git LFS" in reason for reason in problems) == 2
    assert [one.text for one in found if isinstance(one, Document)] == ["good"]


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
