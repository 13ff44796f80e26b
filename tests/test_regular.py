from __future__ import annotations

import os
from pathlib import Path

import pytest

from sfumato.errors import DataError
from sfumato.regular import irregular, require_regular


def test_what_is_no_regular_file_is_named_without_being_opened(tmp_path: Path) -> None:
    file, pipe = tmp_path / "file", tmp_path / "pipe"
    file.write_text("")
    os.mkfifo(pipe)
    (tmp_path / "link").symlink_to(pipe)
    assert irregular(file) is None
    assert irregular(pipe) == "it is a pipe"  # To open it would wait for a writer.
    assert irregular(tmp_path / "link") == "it is a pipe"
    assert irregular(tmp_path) == "it is a folder"
    assert irregular(Path("/dev/null")) == "it is a device"
    assert irregular(tmp_path / "gone") == "no such file or directory"
    assert irregular(Path("a\0b")) is not None
    require_regular(file)
    for path in (pipe, tmp_path, Path("/dev/zero"), tmp_path / "gone"):
        with pytest.raises(DataError, match="cannot be read as a file"):
            require_regular(path)
