"""Links, pipes and devices in place of the files of a run are refused before they are opened."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from sfumato import storage
from sfumato.errors import DamagedFile, RunError

ODD = ("folder", "pipe", "device", "endless", "socket", "nowhere", "loop")


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder with one of each kind of file."""
    monkeypatch.chdir(tmp_path)  # The name of a socket has to be short.
    (tmp_path / "file").write_text("content")
    (tmp_path / "link").symlink_to(tmp_path / "file")
    (tmp_path / "folder").mkdir()
    (tmp_path / "way").symlink_to(tmp_path / "folder")
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "device").symlink_to("/dev/null")
    (tmp_path / "endless").symlink_to("/dev/zero")
    (tmp_path / "nowhere").symlink_to(tmp_path / "gone")
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("socket")
        yield tmp_path


READERS: tuple[Callable[[Path], object], ...] = (
    storage.require,
    storage.read_own,
    storage.read_json,
    storage.read_sealed_json,
)


class TestAnOwnFile:
    @pytest.mark.parametrize("read", READERS)
    @pytest.mark.parametrize("name", [*ODD, "link", "way"])
    def test_is_no_link_and_no_device(
        self, place: Path, name: str, read: Callable[[Path], object]
    ) -> None:
        with pytest.raises(DamagedFile) as caught:
            read(place / name)
        assert str(place / name) in caught.value.what
        assert not storage.is_own_file(place / name)

    @pytest.mark.parametrize("read", READERS)
    def test_may_be_missing(self, place: Path, read: Callable[[Path], object]) -> None:
        with pytest.raises(RunError, match="gone"):
            read(place / "gone")

    def test_is_read(self, place: Path) -> None:
        assert storage.read_own(place / "file") == b"content"
        assert storage.is_own_file(place / "file")

    @pytest.mark.parametrize("flags", [os.O_WRONLY, os.O_RDWR, os.O_WRONLY | os.O_TRUNC])
    @pytest.mark.parametrize("name", ["link", "nowhere", "device", "pipe", "folder", "socket"])
    def test_is_not_written_through_a_link(self, place: Path, name: str, flags: int) -> None:
        with pytest.raises(DamagedFile):
            os.close(storage.open_own(place / name, flags | os.O_CREAT))
        assert (place / "file").read_text() == "content"
        assert not (place / "gone").exists()


def test_a_folder_of_a_run_is_no_link(place: Path) -> None:
    storage.require_own_folder(place / "folder")
    storage.require_own_folder(place / "gone")
    for name in ("way", "file", "link", "nowhere", "pipe", "loop"):
        with pytest.raises(DamagedFile, match=f"{name} is a"):
            storage.require_own_folder(place / name)
        assert not storage.is_own_folder(place / name)


def test_names_that_no_file_can_have(tmp_path: Path) -> None:
    assert not storage.is_own_file(tmp_path / "a\0b")
    assert not storage.is_own_folder(tmp_path / "a\0b")
    with pytest.raises(RunError):
        storage.require(tmp_path / "a\0b")
