from __future__ import annotations

from pathlib import Path, PurePosixPath

import pytest

from sfumato.data.walk import Found, Rejected, suffix_of, walk


def test_files_come_in_the_order_of_their_paths(tmp_path: Path) -> None:
    names = ["a/b.png", "a/b/c.png", "a-b/c.png", "a.png", "ab.png", "é/z.png", "Z.png", "a/!.png"]
    for name in names:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(name.encode())
    found = [file for file in walk(tmp_path) if isinstance(file, Found)]
    assert [file.path for file in found] == sorted(names)
    assert [file.size for file in found] == [len(name.encode()) for name in sorted(names)]


def test_texts_are_told_of_the_folder_and_links_are_not(tmp_path: Path) -> None:
    for name in ("a.png", "a.txt", "b.md"):
        (tmp_path / name).write_bytes(b"")
    (tmp_path / "link.txt").symlink_to(tmp_path / "a.txt")
    for found in walk(tmp_path):
        assert isinstance(found, Found) or found.path == "link.txt"
        assert isinstance(found, Rejected) or found.texts == {"a.txt"}


def test_folders_may_be_deep(tmp_path: Path) -> None:
    deep = tmp_path.joinpath(*["d"] * 200)
    place = tmp_path
    for _ in range(200):
        place = place / "d"
        place.mkdir()
    (deep / "x.png").write_bytes(b"")
    (found,) = walk(tmp_path)
    assert found.path.endswith("d/x.png")


def test_a_file_that_went_away_is_named(tmp_path: Path) -> None:
    (tmp_path / "b.png").write_bytes(b"")
    (tmp_path / "c.png").write_bytes(b"")
    walking = walk(tmp_path)
    next(walking)
    (tmp_path / "c.png").unlink()
    (gone,) = walking
    assert isinstance(gone, Rejected)
    assert gone.path == "c.png"


@pytest.mark.parametrize("name", ["a.PNG", "a", ".a", "a.b.c", "d.x/a", "d/.x.jpg"])
def test_suffixes_are_those_of_pathlib(name: str) -> None:
    assert suffix_of(name) == PurePosixPath(name).suffix.lower()
