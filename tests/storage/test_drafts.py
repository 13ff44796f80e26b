from __future__ import annotations

import errno
import fcntl
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from safetensors import SafetensorError

from sfumato import storage
from sfumato.errors import DiskFull


def test_a_failure_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "spec.json"
    storage.write_text(path, "old")
    with pytest.raises(KeyError), storage.replacing(path) as draft:
        draft.write_text("half of the n")
        raise KeyError
    with pytest.raises(ValueError, match="JSON"):
        storage.write_json(path, {"loss": float("nan")})
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_limit_on_the_size_of_files_is_named(tmp_path: Path) -> None:
    for error in (
        OSError(errno.EFBIG, "File too large"),
        SafetensorError("Error: I/O error: File too large (os error 27)"),
    ):
        with (
            pytest.raises(DiskFull, match="is allowed") as caught,
            storage.replacing(tmp_path / "x"),
        ):
            raise error
        assert "ulimit" in caught.value.hint
    assert not list(tmp_path.iterdir())


def test_a_file_does_not_take_the_place_of_a_folder(tmp_path: Path) -> None:
    (tmp_path / "page.html" / "inside").mkdir(parents=True)
    with pytest.raises(IsADirectoryError) as caught:
        storage.write_text(tmp_path / "page.html", "text")
    assert caught.value.filename == str(tmp_path / "page.html")
    assert [path.name for path in tmp_path.rglob("*")] == ["page.html", "inside"]


def test_an_error_names_the_destination_and_no_draft(tmp_path: Path) -> None:
    path = tmp_path / ("x" * 300)
    with pytest.raises(OSError, match="long") as caught:
        storage.write_text(path, "text")
    assert caught.value.filename == str(path)
    with pytest.raises(OSError, match="other") as caught, storage.replacing(tmp_path / "y"):
        raise OSError(errno.EACCES, "other", "z")
    assert caught.value.filename == "z"


@pytest.mark.parametrize("name", ["x" * 255, "\u20ac" * 85])
def test_the_longest_name_has_a_draft(tmp_path: Path, name: str) -> None:
    storage.write_text(tmp_path / name, "whole")
    assert (tmp_path / name).read_text() == "whole"


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_a_quota_is_a_full_disk(tmp_path: Path, number: int) -> None:
    with pytest.raises(DiskFull, match="no room"), storage.replacing(tmp_path / "x"):
        raise OSError(number, os.strerror(number))
    assert not list(tmp_path.iterdir())


def test_safetensors_reports_a_full_disk_as_text(tmp_path: Path) -> None:
    with pytest.raises(DiskFull), storage.replacing(tmp_path / "x"):
        raise SafetensorError("Error: I/O error: No space left on device (os error 28)")
    with pytest.raises(SafetensorError), storage.replacing(tmp_path / "x"):
        raise SafetensorError("Error: I/O error: Permission denied (os error 13)")


def test_removing_leaves_no_half_under_the_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "old").mkdir()
    (tmp_path / "old" / "file").touch()

    def killed(path: Path, **options: object) -> None:
        raise SystemExit

    monkeypatch.setattr(shutil, "rmtree", killed)
    with pytest.raises(SystemExit):
        storage.remove(tmp_path / "old")
    monkeypatch.undo()
    assert not (tmp_path / "old").exists()
    assert len(storage.sweep(tmp_path)) == 1
    assert list(tmp_path.iterdir()) == []


def test_cache_place(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SFUMATO_CACHE", "/somewhere/else")
    assert storage.default_cache() == Path("/somewhere/else")
    monkeypatch.delenv("SFUMATO_CACHE")
    assert storage.default_cache() == Path.home() / ".cache" / "sfumato"


def test_a_failed_write_keeps_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a"
    storage.write_bytes(path, b"old")

    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(DiskFull, match="no room left"):
        storage.write_bytes(path, b"new")
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_appears_when_it_is_whole(tmp_path: Path) -> None:
    place = tmp_path / "deep" / "set"
    with storage.new_folder(place) as building:
        (building / "a").write_text("1")
        assert not place.exists()
    assert (place / "a").read_text() == "1"
    assert list(place.parent.iterdir()) == [place]


def test_a_failed_folder_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(KeyError), storage.new_folder(tmp_path / "set") as building:
        (building / "a").write_text("1")
        raise KeyError
    assert list(tmp_path.iterdir()) == []


def test_the_first_to_finish_wins(tmp_path: Path) -> None:
    with storage.new_folder(tmp_path / "set") as late:
        (late / "a").write_text("late")
        with storage.new_folder(tmp_path / "set") as early:
            (early / "a").write_text("early")
    assert (tmp_path / "set/a").read_text() == "early"
    assert [child.name for child in tmp_path.iterdir()] == ["set"]


def test_a_folder_that_cannot_have_its_name_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "set").write_text("a file")
    with pytest.raises(OSError, match="set"), storage.new_folder(tmp_path / "set"):
        pass
    assert [path.name for path in tmp_path.iterdir()] == ["set"]
    assert (tmp_path / "set").read_text() == "a file"


def abandoned(folder: Path, name: str = ".partial-set-0123456789abcdef") -> Path:
    """A draft as a killed process leaves it."""
    draft = folder / name
    draft.mkdir(parents=True)
    (draft / "big").write_text("x")
    return draft


def hold(draft: Path) -> int:
    handle = os.open(draft, os.O_RDONLY)
    fcntl.flock(handle, fcntl.LOCK_EX)
    return handle


def test_a_build_removes_what_a_killed_one_left(tmp_path: Path) -> None:
    draft = abandoned(tmp_path)
    earlier = abandoned(tmp_path, ".partial-set-123-0")
    with storage.new_folder(tmp_path / "set"):
        assert not draft.exists()
        assert not earlier.exists()


def test_a_draft_that_is_held_stays(tmp_path: Path) -> None:
    held, left = abandoned(tmp_path), abandoned(tmp_path, f".partial-b-{'0' * 16}")
    handle = hold(held)
    os.utime(held, (0, 0))  # The clock was set forward by years.
    assert storage.sweep(tmp_path) == [left]
    assert (held / "big").exists()
    os.close(handle)
    assert storage.sweep(tmp_path) == [held]


def test_a_draft_being_written_is_held(tmp_path: Path) -> None:
    with storage.replacing(tmp_path / "file") as draft:
        draft.write_text("half")
        assert storage.is_held(draft.parent)
        assert storage.drafts_in(tmp_path) == [draft.parent]
        assert storage.sweep(tmp_path) == []
        draft.write_text("whole")
    assert (tmp_path / "file").read_text() == "whole"
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_what_is_no_draft_is_not_swept(tmp_path: Path) -> None:
    (tmp_path / "precious").mkdir()
    (tmp_path / "precious/file").touch()
    (tmp_path / ".partial-mine").mkdir()
    (tmp_path / ".partial-download-0123456789abcdef").write_text("of another program")
    (tmp_path / ".partial-link-0123456789abcdef").symlink_to(tmp_path / "precious")
    before = sorted(tmp_path.rglob("*"))
    assert storage.drafts_in(tmp_path) == []
    assert storage.sweep(tmp_path) == []
    assert sorted(tmp_path.rglob("*")) == before


def test_where_drafts_cannot_be_locked_those_of_a_day_ago_go(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_locks(handle: int, operation: int) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", no_locks)
    old, young = abandoned(tmp_path), abandoned(tmp_path, f".partial-b-{'0' * 16}")
    os.utime(old, (0, 0))
    assert storage.sweep(tmp_path) == [old]
    assert young.exists()
    storage.write_text(tmp_path / "file", "whole")


def test_processes_of_one_id_have_drafts_of_their_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a container every process is number 1, also the one that is started again."""
    monkeypatch.setattr(os, "getpid", lambda: 1)
    drafts = set()
    for _ in range(3):
        with storage.replacing(tmp_path / "set") as one, storage.replacing(tmp_path / "set") as two:
            drafts |= {one.parent.name, two.parent.name}
            one.touch()
            two.touch()
    assert len(drafts) == 6


def test_a_draft_that_is_swept_before_it_is_locked_is_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    flock, swept = fcntl.flock, []

    def overtaken(handle: int, operation: int) -> None:
        if not swept:
            swept.extend(tmp_path.iterdir())
            shutil.rmtree(swept[0])
        flock(handle, operation)

    monkeypatch.setattr(fcntl, "flock", overtaken)
    storage.write_text(tmp_path / "file", "whole")
    assert len(swept) == 1
    assert (tmp_path / "file").read_text() == "whole"


def test_a_sweep_does_not_delete_what_it_did_not_lock(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between looking and locking, the draft was replaced by another."""
    draft, flock = abandoned(tmp_path), fcntl.flock

    def late(handle: int, operation: int) -> None:
        flock(handle, operation)
        draft.rename(tmp_path / "moved")
        draft.mkdir()

    monkeypatch.setattr(fcntl, "flock", late)
    assert storage.sweep(tmp_path) == []
    assert draft.exists()


class TestPermissions:
    @pytest.fixture(params=[0o022, 0o027, 0o002, 0o077])
    def umask(self, request: pytest.FixtureRequest) -> Iterator[int]:
        before = os.umask(request.param)
        yield request.param
        os.umask(before)

    def test_are_those_that_the_umask_leaves(self, tmp_path: Path, umask: int) -> None:
        with storage.replacing(tmp_path / "file") as draft:
            draft.touch(mode=0o600)
        with storage.new_folder(tmp_path / "folder") as folder:
            (folder / "deep").mkdir()
            (folder / "deep/file").touch(mode=0o600)
        storage.write_text(tmp_path / "text", "")
        for name in ("file", "text", "folder/deep/file"):
            assert (tmp_path / name).stat().st_mode & 0o777 == 0o666 & ~umask
        assert (tmp_path / "folder").stat().st_mode & 0o777 == 0o777 & ~umask

    def test_of_a_file_that_is_replaced_stay(self, tmp_path: Path, umask: int) -> None:
        path = tmp_path / "file"
        for mode in (0o600, 0o664, 0o444):
            storage.write_text(path, "old")
            path.chmod(mode)
            storage.write_text(path, "new")
            assert path.read_text() == "new"
            assert path.stat().st_mode & 0o777 == mode


class TestFlushing:
    """Everything is on the disk before it has its name, and the name is on the disk after."""

    @pytest.fixture
    def calls(self, monkeypatch: pytest.MonkeyPatch) -> list[str]:
        calls: list[str] = []
        force, rename, replace = os.fsync, os.rename, os.replace

        def recorded_sync(handle: int) -> None:
            path = Path(f"/proc/self/fd/{handle}").readlink()
            calls.append(f"sync {path.name}")
            force(handle)

        def recorded_rename(source: Any, target: Any) -> None:
            calls.append(f"rename {Path(target).name}")
            rename(source, target)

        def recorded_replace(source: Any, target: Any) -> None:
            calls.append(f"rename {Path(target).name}")
            replace(source, target)

        monkeypatch.setattr(os, "fsync", recorded_sync)
        monkeypatch.setattr(os, "rename", recorded_rename)
        monkeypatch.setattr(os, "replace", recorded_replace)
        return calls

    @pytest.fixture
    def place(self, tmp_path: Path) -> Path:
        place = tmp_path / "place"
        place.mkdir()
        return place

    def test_of_a_file(self, place: Path, calls: list[str]) -> None:
        storage.write_text(place / "file", "x")
        assert calls == ["sync file", "rename file", "sync place"]

    @pytest.mark.parametrize("write", [storage.replacing, storage.new_folder])
    def test_of_a_folder(self, place: Path, calls: list[str], write: Any) -> None:
        with write(place / "set") as draft:
            (draft / "deep").mkdir(parents=True)
            (draft / "one").touch()
            (draft / "deep/two").touch()
        assert sorted(calls[:4]) == ["sync deep", "sync one", "sync set", "sync two"]
        assert calls[4:] == ["rename set", "sync place"]


def test_a_folder_takes_the_place_of_whatever_is_there(tmp_path: Path) -> None:
    (tmp_path / "precious").mkdir()
    (tmp_path / "precious/file").touch()
    (tmp_path / "file").touch()
    (tmp_path / "link").symlink_to(tmp_path / "precious")
    (tmp_path / "nowhere").symlink_to(tmp_path / "gone")
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder/old").touch()
    for name in ("file", "link", "nowhere", "folder"):
        with storage.replacing(tmp_path / name) as draft:
            draft.mkdir()
            (draft / "new").touch()
        assert [path.name for path in (tmp_path / name).iterdir()] == ["new"]
        assert not (tmp_path / name).is_symlink()
    assert (tmp_path / "precious/file").exists()
    assert not storage.drafts_in(tmp_path)


def test_links_are_replaced_and_removed_but_not_followed(tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    precious.mkdir()
    (precious / "file").write_text("precious")
    (tmp_path / "file").symlink_to(precious / "file")
    storage.write_text(tmp_path / "file", "new")
    assert not (tmp_path / "file").is_symlink()
    (tmp_path / "folder").symlink_to(precious)
    storage.remove(tmp_path / "folder")
    storage.remove(tmp_path / "file")
    assert [path.name for path in tmp_path.iterdir()] == ["precious"]
    assert (precious / "file").read_text() == "precious"
    with pytest.raises(FileNotFoundError):
        storage.remove(tmp_path / "gone")
