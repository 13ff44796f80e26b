from __future__ import annotations

import errno
import fcntl
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sfumato import storage
from sfumato.engine.lock import RunLock, holder
from sfumato.errors import DamagedFile, RunLocked


def test_a_second_process_is_refused_until_the_first_dies(tmp_path: Path, jobs: Any) -> None:
    pid = jobs.start("hold_lock", tmp_path, until="reached")
    with pytest.raises(RunLocked, match=f"process {pid} "), RunLock(tmp_path):
        pass
    jobs.end(pid)  # SIGKILL: nobody tidied up
    with RunLock(tmp_path):
        other = jobs.start("hold_lock", tmp_path)
        assert jobs.wait(other) == RunLocked.exit_code
    with RunLock(tmp_path):
        pass


def test_even_the_same_process_cannot_hold_it_twice(tmp_path: Path) -> None:
    with RunLock(tmp_path), pytest.raises(RunLocked), RunLock(tmp_path):
        pass


def test_a_garbled_lock_file_does_not_matter(tmp_path: Path) -> None:
    (tmp_path / "lock").write_text('{"pid": ')
    with RunLock(tmp_path), pytest.raises(RunLocked), RunLock(tmp_path):
        pass


def test_over_a_network_where_only_what_is_written_can_be_locked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """NFS asks for a file that is open for writing, which a folder never is."""
    flock = fcntl.flock

    def as_nfs_does(file: Any, operation: int) -> None:
        handle = file if isinstance(file, int) else file.fileno()
        if not fcntl.fcntl(handle, fcntl.F_GETFL) & (os.O_RDWR | os.O_WRONLY):
            raise OSError(errno.EBADF, os.strerror(errno.EBADF))
        flock(handle, operation)

    monkeypatch.setattr(fcntl, "flock", as_nfs_does)
    assert holder(tmp_path) is None
    with RunLock(tmp_path):
        assert holder(tmp_path) == f"process {os.getpid()} on {os.uname().nodename}"
        with pytest.raises(RunLocked), RunLock(tmp_path):
            pass
        storage.write_text(tmp_path / "file", "whole")
        with storage.new_folder(tmp_path / "folder") as draft:
            (draft / "file").write_text("whole")
    assert holder(tmp_path) is None
    assert (tmp_path / "file").read_text() == (tmp_path / "folder/file").read_text() == "whole"


@pytest.mark.parametrize("number", [errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP])
def test_where_nothing_can_be_locked_work_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    def no_locks(file: Any, operation: int) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(fcntl, "flock", no_locks)
    with RunLock(tmp_path):
        storage.write_text(tmp_path / "file", "whole")
        assert holder(tmp_path) is None
    assert (tmp_path / "file").read_text() == "whole"


def test_any_other_trouble_with_a_lock_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(file: Any, operation: int) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(fcntl, "flock", broken)
    with pytest.raises(OSError, match="Input/output"), RunLock(tmp_path):
        pass


@pytest.mark.parametrize("target", ["precious", "gone", "/dev/null"])
def test_a_link_in_place_of_the_lock_is_not_followed(tmp_path: Path, target: str) -> None:
    (tmp_path / "precious").write_text("precious")
    run = tmp_path / "run"
    run.mkdir()
    (run / "lock").symlink_to(tmp_path / target)
    with pytest.raises(DamagedFile, match="lock is a link"), RunLock(run):
        pass
    assert holder(run) is None
    assert (tmp_path / "precious").read_text() == "precious"
    assert not (tmp_path / "gone").exists()


def test_a_pipe_or_a_folder_in_place_of_the_lock_is_refused(tmp_path: Path) -> None:
    for name, make in (("a", os.mkfifo), ("b", os.mkdir)):
        run = tmp_path / name
        run.mkdir()
        make(run / "lock")
        with pytest.raises(DamagedFile, match="lock is a"), RunLock(run):
            pass
        assert holder(run) is None


def test_a_backup_of_hard_links_is_not_written_to(tmp_path: Path) -> None:
    run, backup = tmp_path / "run", tmp_path / "backup"
    for folder in (run, backup):
        folder.mkdir()
    (run / "lock").write_text("before")
    (backup / "lock").hardlink_to(run / "lock")
    with RunLock(run), RunLock(backup):
        assert json.loads((run / "lock").read_text())["pid"] == os.getpid()
        with pytest.raises(RunLocked), RunLock(run):
            pass
    assert (run / "lock").stat().st_ino != (backup / "lock").stat().st_ino


@pytest.mark.parametrize("again", [True, False])
def test_a_lock_that_is_replaced_while_it_is_taken_is_taken_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, again: bool
) -> None:
    flock, seen = fcntl.flock, []

    def overtaken(handle: int, operation: int) -> None:
        flock(handle, operation)
        if not seen:
            seen.append(handle)
            (tmp_path / "lock").unlink()
            if again:
                (tmp_path / "lock").touch()

    monkeypatch.setattr(fcntl, "flock", overtaken)
    with RunLock(tmp_path), pytest.raises(RunLocked), RunLock(tmp_path):
        pass


def test_a_lock_is_released(tmp_path: Path) -> None:
    before = len(list(Path("/proc/self/fd").iterdir()))
    with RunLock(tmp_path):
        assert holder(tmp_path) is not None
    assert holder(tmp_path) is None
    for _ in range(3):
        with RunLock(tmp_path), pytest.raises(RunLocked), RunLock(tmp_path):
            pass
    assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_the_name_of_the_holder_is_short_and_whole(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with RunLock(tmp_path):
        for text in ('{"pid": "x", "host": "y"}', "[]", '{"pid": 1}', "[" * 10**5, "\xff", ""):
            path.write_bytes(text.encode("latin-1"))
            assert holder(tmp_path) == "another process"
        path.write_text(json.dumps({"pid": 7, "host": "h" * 10**6}))
        assert len(str(holder(tmp_path))) < 100


@pytest.fixture
def reader(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Makes this process one that may only read a run: it cannot open its lock for writing."""
    open_file = os.open

    def read_only(path: Any, flags: int, *rest: Any, **more: Any) -> int:
        if flags & (os.O_RDWR | os.O_WRONLY) and Path(path).name == "lock":
            raise PermissionError(errno.EACCES, "Permission denied")
        return open_file(path, flags, *rest, **more)

    return lambda: monkeypatch.setattr(os, "open", read_only)


def test_a_reader_sees_the_lock_of_a_shared_run(tmp_path: Path, reader: Callable[[], None]) -> None:
    with RunLock(tmp_path):
        reader()
        assert holder(tmp_path) is not None


def test_a_reader_does_not_wait_for_a_pipe(tmp_path: Path, reader: Callable[[], None]) -> None:
    os.mkfifo(tmp_path / "lock")
    reader()
    assert holder(tmp_path) is None


def test_a_missing_folder_is_made(tmp_path: Path) -> None:
    with RunLock(tmp_path / "new" / "run"):
        assert holder(tmp_path / "new" / "run") is not None


def test_an_earlier_holder_is_forgotten(tmp_path: Path) -> None:
    (tmp_path / "lock").write_text(json.dumps({"pid": 1, "host": "h" * 1000}))
    with RunLock(tmp_path):
        assert json.loads((tmp_path / "lock").read_text())["pid"] == os.getpid()
