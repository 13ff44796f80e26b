from __future__ import annotations

import errno
import fcntl
import os
from pathlib import Path
from typing import Any

import pytest

from sfumato import storage
from sfumato.engine.lock import RunLock, holder
from sfumato.errors import RunLocked


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


def test_where_nothing_can_be_locked_work_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_locks(file: Any, operation: int) -> None:
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))

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
