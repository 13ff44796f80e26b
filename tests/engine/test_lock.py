from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from sfumato.engine.lock import RunLock
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
