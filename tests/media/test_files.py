from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from sfumato.errors import DiskFull
from sfumato.media.files import default_cache, new_folder, write_whole


def test_cache_place(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SFUMATO_CACHE", "/somewhere/else")
    assert default_cache() == Path("/somewhere/else")
    monkeypatch.delenv("SFUMATO_CACHE")
    assert default_cache() == Path.home() / ".cache" / "sfumato"


def test_a_failed_write_keeps_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a"
    write_whole(path, b"old")

    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(DiskFull, match="No space left"):
        write_whole(path, b"new")
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_appears_when_it_is_whole(tmp_path: Path) -> None:
    place = tmp_path / "deep" / "set"
    with new_folder(place) as building:
        (building / "a").write_text("1")
        assert not place.exists()
    assert (place / "a").read_text() == "1"
    assert list(place.parent.iterdir()) == [place]


def test_a_failed_folder_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(KeyError), new_folder(tmp_path / "set") as building:
        (building / "a").write_text("1")
        raise KeyError
    assert list(tmp_path.iterdir()) == []


def test_the_first_to_finish_wins(tmp_path: Path) -> None:
    with new_folder(tmp_path / "set") as late:
        (late / "a").write_text("late")
        with new_folder(tmp_path / "set") as early:
            (early / "a").write_text("early")
    assert (tmp_path / "set/a").read_text() == "early"
    assert [child.name for child in tmp_path.iterdir()] == ["set"]


def test_what_a_killed_build_left_is_removed_after_a_day(tmp_path: Path) -> None:
    old, young = tmp_path / ".set.0a.part", tmp_path / ".set.0b.part"
    for folder in (old, young):
        folder.mkdir()
        (folder / "big").write_text("x")
    os.utime(old, (0, 0))
    with new_folder(tmp_path / "set"):
        pass
    assert not old.exists()
    assert young.exists()
