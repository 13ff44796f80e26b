from __future__ import annotations

import hashlib
import json
import os
import shutil
import time
from pathlib import Path

import pytest

from sfumato.data.index import Index, scan
from sfumato.data.items import Item
from sfumato.data.selection import Selection
from sfumato.errors import DataError
from sfumato.media.image.open import IMAGES


def write(root: Path, *names: str) -> Path:
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(name.encode())
    return root


def labels(index: Index) -> dict[str, str | None]:
    return {item.path: item.label for item in index.items}


def reasons(index: Index) -> dict[str, str]:
    return dict(index.rejected)


def test_items_are_sorted_and_hidden_ones_passed_over(tmp_path: Path) -> None:
    write(tmp_path, "b.png", "a/z.JPG", "a/.hidden.png", ".git/x.png", "notes.md")
    index = scan(tmp_path, IMAGES)
    assert [item.path for item in index.items] == ["a/z.JPG", "b.png"]
    assert index.rejected == ()


def test_class_folders(tmp_path: Path) -> None:
    write(tmp_path, "cat/1.png", "cat/deep/2.png", "dog/1.png")
    assert labels(scan(tmp_path, IMAGES)) == {
        "cat/1.png": "cat",
        "cat/deep/2.png": "cat",
        "dog/1.png": "dog",
    }


def test_captions_beside_the_pictures(tmp_path: Path) -> None:
    write(tmp_path, "1.png", "2.png")
    (tmp_path / "1.txt").write_text("\ufeff a red kite \n", encoding="utf-8")
    captions = [item.caption for item in scan(tmp_path, IMAGES).items]
    assert captions == ["a red kite", None]


def test_metadata(tmp_path: Path) -> None:
    write(tmp_path, "x/1.png", "x/2.png", "y/3.png")
    lines = [
        json.dumps({"file_name": "x/1.png", "label": 4, "text": "one", "group": "g"}),
        "{not json",
        "",
        json.dumps({"file_name": "x/2.png", "label": "five"}),
        json.dumps({"file_name": "../secret.png", "label": "five"}),
        json.dumps({"label": "nameless"}),
        json.dumps({"file_name": "x/2.png", "label": "again"}),
        json.dumps({"file_name": "gone.png", "label": "five"}),
        json.dumps(["a", "list"]),
        "[" * 100_000,
    ]
    (tmp_path / "metadata.jsonl").write_text("\n".join(lines))
    index = scan(tmp_path, IMAGES)
    first, second, third = index.items
    assert (first.label, first.caption, first.group) == ("4", "one", "g")
    assert (second.path, second.label, second.caption) == ("x/2.png", "five", None)
    assert (third.path, third.label) == ("y/3.png", None)  # It serves without a label.
    assert index.metadata == ("metadata.jsonl",)
    found = reasons(index)
    lines_named = {f"metadata.jsonl:{line}" for line in (2, 5, 6, 7, 9, 10)}
    assert found.keys() == {*lines_named, "gone.png"}
    assert "not JSON" in found["metadata.jsonl:2"]
    assert "inside the folder" in found["metadata.jsonl:5"]
    assert found["gone.png"] == "named in metadata.jsonl but not found"


@pytest.mark.parametrize("name", ["Metadata.csv", "METADATA.JSONL"])
def test_metadata_whose_name_is_in_another_case(tmp_path: Path, name: str) -> None:
    (tmp_path / "1.png").touch()
    csv, jsonl = "file_name,label\n1.png,a\n", '{"file_name": "1.png", "label": "a"}'
    (tmp_path / name).write_text(csv if name.endswith("csv") else jsonl)
    index = scan(tmp_path, IMAGES)
    assert index.items[0].label == "a"
    assert index.metadata == (name,)


def test_metadata_of_subfolders(tmp_path: Path) -> None:
    write(tmp_path, "train/1.png", "test/1.png", "test/2.png")
    (tmp_path / "train/metadata.jsonl").write_text('{"file_name": "1.png", "label": "a"}')
    (tmp_path / "test/metadata.csv").write_text("file_name;label\n1.png;b\n./2.png;c\n")
    (tmp_path / "metadata.jsonl").write_text('{"file_name": "test/2.png", "label": "root"}')
    index = scan(tmp_path, IMAGES)
    assert labels(index) == {"test/1.png": "b", "test/2.png": "c", "train/1.png": "a"}
    assert [item.held_out for item in index.items] == [True, True, False]
    assert index.rejected == ()
    assert sorted(index.metadata) == [
        "metadata.jsonl",
        "test/metadata.csv",
        "train/metadata.jsonl",
    ]


def test_two_metadata_files_in_a_folder(tmp_path: Path) -> None:
    write(tmp_path, "1.png")
    (tmp_path / "metadata.jsonl").write_text('{"file_name": "1.png", "label": "a"}')
    (tmp_path / "metadata.csv").write_text("file_name,label\n1.png,b\n")
    index = scan(tmp_path, IMAGES)
    assert labels(index) == {"1.png": "a"}
    assert "other metadata" in reasons(index)["metadata.csv"]


def test_files_that_are_not_looked_at_are_counted(tmp_path: Path) -> None:
    write(tmp_path, "1.png", "1.gif", "2.psd", "a/3.PSD", "notes.md", "noext", "1.txt", "2.txt")
    counts = dict(scan(tmp_path, IMAGES).unread)
    assert counts == {".psd": 2, ".md": 1, ".txt": 1, "(no suffix)": 1}


def test_patterns(tmp_path: Path) -> None:
    write(tmp_path, "cats/1.png", "cats/2.png", "dogs/1.png", "old/1.png", "old/2.psd")
    chosen = Selection(include=("*1.png", "*.gif"), exclude=("old",))
    index = scan(tmp_path, IMAGES, chosen)
    assert labels(index) == {"cats/1.png": "cats", "dogs/1.png": "dogs"}
    assert dict(index.unread) == {}
    assert reasons(index) == {"--include *.gif": "matches no file"}
    with pytest.raises(DataError, match=r"--include \*\.gif matches no file"):
        scan(tmp_path, IMAGES, Selection(include=("*.gif",)))


def test_metadata_may_name_what_is_left_out(tmp_path: Path) -> None:
    write(tmp_path, "cats/1.png", "dogs/1.png", "cats/2.heic", ".hidden.png")
    (tmp_path / "cats/3.png").symlink_to("nowhere")
    names = ["cats/1.png", "cats/2.heic", "cats/3.png", "dogs/1.png", ".hidden.png", "gone.png"]
    (tmp_path / "metadata.csv").write_text("\n".join(["file_name", *names]))
    index = scan(tmp_path, IMAGES, Selection(exclude=("dogs",)))
    assert reasons(index) == {
        "cats/3.png": "a link to nothing",
        "gone.png": "named in metadata.csv but not found",
    }


def test_a_file_beside_class_folders(tmp_path: Path) -> None:
    index = scan(write(tmp_path, "cat/1.png", "dog/1.png", "stray.png"), IMAGES)
    assert labels(index) == {"cat/1.png": "cat", "dog/1.png": "dog", "stray.png": None}


def test_folders_beside_many_files_are_no_classes(tmp_path: Path) -> None:
    index = scan(write(tmp_path, "a/1.png", "b/1.png", "1.png", "2.png"), IMAGES)
    assert set(labels(index).values()) == {None}
    assert "its 2 folders are no classes" in reasons(index)["."]


def test_a_folder_without_permission(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, "1.png", "closed/2.png", "closed.txt", "1.txt")
    real = os.scandir

    def scandir(path: str) -> object:
        if str(path).endswith("closed/"):
            raise PermissionError(13, "Permission denied", path)
        return real(path)

    monkeypatch.setattr(os, "scandir", scandir)
    index = scan(tmp_path, IMAGES)
    assert [item.path for item in index.items] == ["1.png"]
    assert reasons(index) == {
        "closed": "cannot be listed: Permission denied",
        "closed.txt": "a caption, but none of the images has its name",
    }


def test_metadata_without_labels_leaves_class_folders(tmp_path: Path) -> None:
    write(tmp_path, "x/1.png", "y/2.png")
    (tmp_path / "metadata.jsonl").write_text('{"file_name": "x/1.png", "caption": "hello"}')
    index = scan(tmp_path, IMAGES)
    assert labels(index) == {"x/1.png": "x", "y/2.png": "y"}
    assert index.items[0].caption == "hello"


def test_the_root_may_be_a_link(tmp_path: Path) -> None:
    write(tmp_path / "data", "a.png")
    (tmp_path / "link").symlink_to(tmp_path / "data")
    assert len(scan(tmp_path / "link", IMAGES)) == 1


def test_a_name_that_is_not_text(tmp_path: Path) -> None:
    write(tmp_path, "a.png")
    try:
        Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff.png")).write_bytes(b"")
    except OSError:
        pytest.skip("the file system takes UTF-8 names only")
    assert list(reasons(scan(tmp_path, IMAGES)).values()) == ["the name is not valid UTF-8"]


def test_fingerprint_survives_a_move_and_sees_changes(tmp_path: Path) -> None:
    write(tmp_path / "one", "cat/1.png", "dog/2.png")
    shutil.copytree(tmp_path / "one", tmp_path / "two")
    before = scan(tmp_path / "one", IMAGES)
    assert scan(tmp_path / "two", IMAGES).fingerprint == before.fingerprint
    (tmp_path / "two/cat/1.png").write_bytes(b"longer than it was")
    (tmp_path / "one/cat/1.txt").write_text("a caption")
    assert scan(tmp_path / "two", IMAGES).fingerprint != before.fingerprint
    assert scan(tmp_path / "one", IMAGES).fingerprint != before.fingerprint


def test_parts_of_a_file_have_names_of_their_own() -> None:
    parts = [Item("a/b.wav", part=part) for part in range(3)]
    assert [item.name for item in parts] == ["a/b.wav", "a/b.wav#1", "a/b.wav#2"]


def test_the_fingerprint_is_what_it_was(tmp_path: Path) -> None:
    # It is in the spec of every run, and a run goes on only with the data of its fingerprint.
    write(tmp_path, "cat/1.png", "dog/2.png")
    (tmp_path / "dog/2.txt").write_text("a dog")
    expected = hashlib.sha256()
    for item in [
        ("cat/1.png", 9, "cat", None, None),
        ("dog/2.png", 9, "dog", "a dog", None),
    ]:
        expected.update(repr(item).encode())
    assert scan(tmp_path, IMAGES).fingerprint == expected.hexdigest()


def test_the_fingerprint_has_no_further_fields_and_first_captions(tmp_path: Path) -> None:
    write(tmp_path, "1.png", "2.png", "3.png", "3.txt")
    lines = [
        {"file_name": "1.png", "text": ["a  kite", "b"], "age": 3},
        {"file_name": "2.png", "caption": "a\nkite"},
        {"file_name": "3.png", "text": ["", "a kite"]},
    ]
    (tmp_path / "metadata.jsonl").write_text("\n".join(map(json.dumps, lines)))
    index = scan(tmp_path, IMAGES)
    assert [item.caption for item in index.items] == ["a kite\nb", "a kite", "a kite"]
    assert [item.fields for item in index.items] == [{"age": 3}, None, None]
    expected = hashlib.sha256()
    for item in [
        ("1.png", 5, None, "a  kite", None),
        ("2.png", 5, None, "a\nkite", None),
        ("3.png", 5, None, "3.txt", None),
    ]:
        expected.update(repr(item).encode())
    assert index.fingerprint == expected.hexdigest()


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({}, {"age": 1}),
        ({"age": 1}, {"age": 2}),
        ({"age": 1}, {"ages": 1}),
        ({"age": 1}, {"age": "1"}),
        ({"text": "a"}, {"text": ["a", "b"]}),
        ({"text": ["a", "b"]}, {"text": ["a", "c"]}),
    ],
)
def test_the_stamp_has_further_fields_and_all_captions(
    tmp_path: Path, before: dict[str, object], after: dict[str, object]
) -> None:
    write(tmp_path, "1.png", "2.png")
    found = []
    for more in (before, after):
        line = json.dumps({"file_name": "2.png", **more})
        (tmp_path / "metadata.jsonl").write_text(line)
        found.append(scan(tmp_path, IMAGES))
    assert found[0].fingerprint == found[1].fingerprint
    assert found[0].stamp != found[1].stamp


def test_the_stamp_without_further_fields_is_what_it_was(tmp_path: Path) -> None:
    # It names the folder of the decoded items, which are not to be decoded again.
    write(tmp_path, "1.png", "1.txt")
    index = scan(tmp_path, IMAGES)
    expected = hashlib.sha256(os.fsencode(tmp_path.resolve()) + b"\0" + index.fingerprint.encode())
    expected.update(index.stats.tobytes())
    assert index.stamp == expected.hexdigest()


def test_stamp_sees_an_edit_that_keeps_the_size(tmp_path: Path) -> None:
    write(tmp_path, "1.png")
    before = scan(tmp_path, IMAGES)
    os.utime(tmp_path / "1.png", ns=(1, 1))
    after = scan(tmp_path, IMAGES)
    assert after.fingerprint == before.fingerprint
    assert after.stamp != before.stamp


def test_errors_say_what_is_there(tmp_path: Path) -> None:
    write(tmp_path, "data/a.txt", "data/b.txt", "data/c", "one.png", "story.txt")
    (tmp_path / "empty").mkdir()
    cases = {
        "data": ("There are no images", "2 x .txt, 1 x (no suffix)"),
        "empty": ("There are no images", "the folder is empty"),
        "one.png": ("not a folder", "training needs many"),
        "story.txt": ("not a folder", "single file"),
        "dat": ("does not exist", "did you mean 'data'?"),
        "no/such/place": ("does not exist", "check the path"),
    }
    for name, (what, detail) in cases.items():
        with pytest.raises(DataError) as caught:
            scan(tmp_path / name, IMAGES)
        assert what in caught.value.what
        assert detail in str(caught.value)
        assert caught.value.hint


def test_time_grows_with_the_number_of_files(tmp_path: Path) -> None:
    seconds = []
    for count in (2000, 4000):
        root = tmp_path / str(count)
        (root / "a").mkdir(parents=True)
        for number in range(count):
            (root / f"a/{number:06}.png").touch()
        lines = [f"a/{number:06}.PNG;{number % 7}" for number in range(count)]
        (root / "metadata.csv").write_text("\n".join(["file_name;label", *lines]))
        begin = time.process_time()
        index = scan(root, IMAGES)
        seconds.append(time.process_time() - begin)
        assert len(index) == count and "differs in case" in index.rejected[0].reason
    assert seconds[1] < 4 * seconds[0]
