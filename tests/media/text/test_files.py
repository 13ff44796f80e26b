from __future__ import annotations

import os
from pathlib import Path

import pytest

from sfumato.data.selection import Selection
from sfumato.errors import DataError
from sfumato.media.text.files import find_texts


def write(root: Path, *names: str) -> Path:
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    return root


def test_texts_at_any_depth(tmp_path: Path) -> None:
    write(
        tmp_path, "b.txt", "a/z.MD", "a/deep/er/x.jsonl", "c.csv", "a/p.png", ".h/x.txt", ".y.txt"
    )
    write(tmp_path, "README.md", "LICENSE.txt", "a/Attribution.txt", "citation.jsonl")
    found = find_texts(tmp_path)
    assert [file.path for file in found.files] == ["a/deep/er/x.jsonl", "a/z.MD", "b.txt", "c.csv"]
    assert found.problems == ()
    assert found.size == sum(len(file.path) for file in found.files)


def test_a_single_file(tmp_path: Path) -> None:
    found = find_texts(write(tmp_path, "README.txt") / "README.txt")
    assert (found.root, [file.path for file in found.files]) == (tmp_path, ["README.txt"])


@pytest.mark.parametrize(
    ("names", "labels"),
    [
        (("cat/1.txt", "dog/deep/2.txt", "README.md"), ["cat", "dog"]),
        (("all/1.txt", "all/2.txt"), [None, None]),
        (("cat/1.txt", "dog/1.txt", "stray.txt"), ["cat", "dog", None]),
        (("cat/1.txt", "dog/1.txt", "s.txt", "t.txt"), [None] * 4),
        (("train/cat/1.txt", "train/dog/1.txt", "test/cat/2.txt"), ["cat", "cat", "dog"]),
    ],
)
def test_class_folders(tmp_path: Path, names: tuple[str, ...], labels: list[str | None]) -> None:
    assert [file.label for file in find_texts(write(tmp_path, *names)).files] == labels


@pytest.mark.parametrize(
    ("names", "sides"),
    [
        (("test/1.txt", "train/1.txt", "train/2.txt"), [True, False, False]),
        (("test.csv", "train-00000-of-00002.csv", "validation.jsonl.gz"), [True, False, True]),
        (("test.csv", "poems.csv"), [None, None]),
        (("test.txt", "exam.txt", "train.txt"), [None] * 3),
        (("dev.tsv", "eval.tsv"), [None, None]),
    ],
)
def test_parts_of_the_data(
    tmp_path: Path, names: tuple[str, ...], sides: list[bool | None]
) -> None:
    assert [file.held_out for file in find_texts(write(tmp_path, *names)).files] == sides


def test_metadata_of_plain_texts(tmp_path: Path) -> None:
    write(tmp_path, "a.txt", "b.txt", "c.txt")
    (tmp_path / "metadata.csv").write_text(
        "file_name,label,split\na.txt,x,train\nb.txt,y,test\ngone.txt,y,train\n"
    )
    found = find_texts(tmp_path)
    assert [(file.path, file.label, file.held_out) for file in found.files] == [
        ("a.txt", "x", False),
        ("b.txt", "y", True),
        ("c.txt", None, None),
    ]
    assert [problem.path for problem in found.problems] == ["gone.txt"]


def test_metadata_that_are_texts_themselves(tmp_path: Path) -> None:
    write(tmp_path, "a.txt")
    (tmp_path / "metadata.jsonl").write_text('{"text": "a text"}\n')
    assert [file.path for file in find_texts(tmp_path).files] == ["a.txt", "metadata.jsonl"]


def test_what_a_place_says_is_part_of_the_stamp(tmp_path: Path) -> None:
    write(tmp_path, "a.txt", "b.txt")
    stamps = set()
    for label in ("x", "y"):
        (tmp_path / "metadata.csv").write_text(f"file_name,label\na.txt,{label}\n")
        stamps.add(find_texts(tmp_path).stamp)
    assert len(stamps) == 2


def test_patterns_choose_files(tmp_path: Path) -> None:
    write(tmp_path, "a.txt", "b.txt", "old/c.txt", "d.pdf")
    chosen = find_texts(tmp_path, Selection(include=("*.txt",), exclude=("old", "*.doc")))
    assert [file.path for file in chosen.files] == ["a.txt", "b.txt"]
    assert chosen.unread == {}
    [problem] = chosen.problems
    assert (problem.path, problem.reason) == (
        "*.doc",
        "no file matches this pattern of --exclude",
    )


def test_own_samples_are_no_data(tmp_path: Path) -> None:
    write(tmp_path, "a.txt")
    (tmp_path / "samples.jsonl").write_text('{"text": "x", "recipe": {"sfumato": 1}}\n')
    found = find_texts(tmp_path)
    assert [file.path for file in found.files] == ["a.txt"]
    assert found.problems[0].reason.startswith("made by Sfumato")
    assert len(find_texts(tmp_path, Selection(outputs=True)).files) == 2


def test_a_pipe_is_never_opened(tmp_path: Path) -> None:
    write(tmp_path / "texts", "a.txt")
    for place in (tmp_path / "b.txt", tmp_path / "texts/b.txt"):
        os.mkfifo(place)
    with pytest.raises(DataError, match="neither a file nor a folder"):
        find_texts(tmp_path / "b.txt")
    found = find_texts(tmp_path / "texts")
    assert [file.path for file in found.files] == ["a.txt"]
    assert "pipe" in found.problems[0].reason


def test_other_files_are_counted(tmp_path: Path) -> None:
    write(tmp_path, "a.txt", "b.pdf", "c.pdf", "d.tar.gz", "README.md")
    assert find_texts(tmp_path).unread == {".pdf": 2, ".gz": 1, "(about the data)": 1}


def test_links(tmp_path: Path) -> None:
    outside = write(tmp_path / "outside", "secret.txt")
    root = write(tmp_path / "data", "a.txt")
    (root / "escape.txt").symlink_to(outside / "secret.txt")
    (root / "loop").symlink_to(root)
    (root / "dangling.txt").symlink_to(root / "nowhere.txt")
    (root / "inside.txt").symlink_to(root / "a.txt")
    found = find_texts(root)
    assert [file.path for file in found.files] == ["a.txt"]
    allowed = "(--settings data.follow_links=true follows it)"
    assert {problem.path: problem.reason for problem in found.problems} == {
        "escape.txt": f"a link that leaves the folder {allowed}",
        "loop": f"a link to a folder {allowed}",
        "dangling.txt": "a link to nothing",
        "inside.txt": "a link to 'a.txt', which is in the folder itself",
    }
    followed = find_texts(root, Selection(follow_links=True))
    assert [file.path for file in followed.files] == ["a.txt", "escape.txt"]


def test_a_name_that_is_no_text(tmp_path: Path) -> None:
    write(tmp_path, "a.txt")
    Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff.txt")).write_text("x")
    [problem] = find_texts(tmp_path).problems
    assert problem.reason == "the name is not valid UTF-8"
    problem.path.encode()


def test_the_stamp_sees_edits(tmp_path: Path) -> None:
    write(tmp_path, "a.txt", "b.txt")
    before = find_texts(tmp_path).stamp
    assert find_texts(tmp_path).stamp == before
    os.utime(tmp_path / "a.txt", ns=(0, 0))
    assert find_texts(tmp_path).stamp != before


def test_what_cannot_be_read(tmp_path: Path) -> None:
    write(tmp_path, "poems.txt", "x/a.pdf", "x/b.pdf", "x/c", "b.txt.zip", "image.png", "plain")
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match=r"poem\.txt") as missing:
        find_texts(tmp_path / "poem.txt")
    assert "poems.txt" in missing.value.hint
    with pytest.raises(DataError) as packed:
        find_texts(tmp_path / "b.txt.zip")
    assert "unpack" in packed.value.hint
    with pytest.raises(DataError, match="not a text file") as picture:
        find_texts(tmp_path / "image.png")
    assert ".jsonl" in picture.value.hint
    with pytest.raises(DataError) as nameless:
        find_texts(tmp_path / "plain")
    assert "no ending" in nameless.value.why
    with pytest.raises(DataError) as empty:
        find_texts(tmp_path / "empty")
    assert empty.value.why == "the folder is empty"
    with pytest.raises(DataError) as other:
        find_texts(tmp_path / "x")
    assert "2 x .pdf, 1 x (no suffix)" in other.value.why
