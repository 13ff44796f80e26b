"""One process at a time writes a set of files into a folder of outputs."""

from __future__ import annotations

import errno
import fcntl
import os
import socket
from pathlib import Path

import pytest

from sfumato.engine.claim import claimed
from sfumato.errors import RunLocked


def test_a_second_claim_is_refused_with_the_name_of_the_first(tmp_path: Path) -> None:
    folder = tmp_path / "out"
    with claimed(folder, "report"):
        with pytest.raises(RunLocked) as caught, claimed(folder, "report"):
            pass
        with claimed(folder, "others"):  # Other files do not collide.
            pass
    assert str(os.getpid()) in caught.value.what
    assert socket.gethostname() in caught.value.what
    assert str(folder) in caught.value.what
    with claimed(folder, "report"):
        pass


def test_nothing_of_a_claim_is_left(tmp_path: Path) -> None:
    with pytest.raises(KeyError), claimed(tmp_path / "new/out"):
        raise KeyError
    assert not (tmp_path / "new/out").exists()
    with claimed(tmp_path / "kept"):
        (tmp_path / "kept/file").touch()
    assert [path.name for path in (tmp_path / "kept").iterdir()] == ["file"]
    (tmp_path / "mine").mkdir()
    with claimed(tmp_path / "mine"):
        pass
    assert (tmp_path / "mine").is_dir()


def test_the_file_of_a_killed_process_is_in_nobodys_way(tmp_path: Path) -> None:
    (tmp_path / ".outputs.lock").write_text('{"pid": 1, "host": "elsewhere", "more": "text"}')
    with claimed(tmp_path):
        assert f'"pid": {os.getpid()}' in (tmp_path / ".outputs.lock").read_text()
    assert not (tmp_path / ".outputs.lock").exists()


def test_a_link_in_place_of_the_lock_is_not_followed(tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    precious.write_text("precious")
    (tmp_path / ".outputs.lock").symlink_to(precious)
    with pytest.raises(OSError), claimed(tmp_path):
        pass
    assert precious.read_text() == "precious"


def test_a_lock_that_was_removed_meanwhile_is_taken_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The last holder removes the file between the opening and the locking of the next one."""
    lock, opened = fcntl.flock, []

    def raced(handle: int, how: int) -> None:
        if not opened:
            (tmp_path / ".outputs.lock").unlink()
        opened.append(handle)
        lock(handle, how)

    monkeypatch.setattr(fcntl, "flock", raced)
    with claimed(tmp_path):
        assert (tmp_path / ".outputs.lock").exists()
    assert len(opened) == 2


def test_a_file_system_without_locks_locks_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(handle: int, how: int) -> None:
        raise OSError(errno.ENOLCK, "no locks")

    monkeypatch.setattr(fcntl, "flock", refused)
    with claimed(tmp_path), claimed(tmp_path):
        pass
