"""Links, pipes and devices in a folder: followed where that is safe, never opened otherwise."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from sfumato.data.selection import Selection
from sfumato.data.walk import Found, Rejected, count_suffixes, walk

PLAIN = Selection()
FOLLOW = Selection(follow_links=True)
ALLOW = "(--settings data.follow_links=true follows it)"


def write(root: Path, *names: str) -> Path:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(name.encode())
    return root


def listed(
    root: Path, selection: Selection = PLAIN, leaving: bool = False
) -> tuple[list[str], dict[str, str]]:
    found = list(walk(root, selection, leaving))
    paths = [file.path for file in found if isinstance(file, Found)]
    return paths, {one.path: one.reason for one in found if isinstance(one, Rejected)}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with links of many kinds, beside another one."""
    write(tmp_path / "outside", "secret.png", "deep/1.png", "deep/2.png")
    root = write(tmp_path / "data", "a.png", "sub/b.png")
    (root / "dangling.png").symlink_to(root / "nowhere.png")
    (root / "escape.png").symlink_to(tmp_path / "outside/secret.png")
    (root / "escape2.png").symlink_to(tmp_path / "outside/secret.png")
    (root / "folder").symlink_to(tmp_path / "outside")
    (root / "inside.png").symlink_to(root / "a.png")
    (root / "itself.png").symlink_to("itself.png")
    (root / "loop").symlink_to(root)
    (root / "sub/up").symlink_to(tmp_path)
    (root / "zeros.png").symlink_to("/dev/zero")
    return root


BROKEN = {
    "dangling.png": "a link to nothing",
    "inside.png": "a link to 'a.png', which is in the folder itself",
    "itself.png": "a link that cannot be followed: Too many levels of symbolic links",
    "zeros.png": "is a device and no file",
}


def test_by_default_links_to_folders_are_not_followed(folder: Path) -> None:
    paths, reasons = listed(folder, leaving=True)
    assert paths == ["a.png", "escape.png", "sub/b.png"]
    assert reasons == BROKEN | {
        "escape2.png": "a link to what another link leads to",
        "folder": f"a link to a folder {ALLOW}",
        "loop": f"a link to a folder {ALLOW}",
        "sub/up": f"a link to a folder {ALLOW}",
    }


def test_files_elsewhere_can_be_left_out(folder: Path) -> None:
    paths, reasons = listed(folder)
    assert paths == ["a.png", "sub/b.png"]
    assert reasons["escape.png"] == f"a link that leaves the folder {ALLOW}"
    assert reasons["zeros.png"] == f"a link that leaves the folder {ALLOW}"


def test_links_to_folders_are_followed_and_each_file_is_listed_once(folder: Path) -> None:
    paths, reasons = listed(folder, FOLLOW)
    assert paths == ["a.png", "escape.png", "folder/deep/1.png", "folder/deep/2.png", "sub/b.png"]
    assert reasons == BROKEN | {
        "escape2.png": "a link to what another link leads to",
        "loop": "a link to a folder in the folder itself",
        "sub/up": "a link to a folder that holds this one",
    }
    assert count_suffixes(folder, FOLLOW) == {".png": 5}


def test_links_back_and_forth_end(tmp_path: Path) -> None:
    write(tmp_path / "one", "1.png")
    write(tmp_path / "two", "2.png")
    write(tmp_path / "three", "3.png")
    (tmp_path / "one/two").symlink_to(tmp_path / "two")
    (tmp_path / "two/one").symlink_to(tmp_path / "one")
    (tmp_path / "two/three").symlink_to(tmp_path / "three")
    (tmp_path / "three/two").symlink_to(tmp_path / "two")
    paths, reasons = listed(tmp_path / "one", FOLLOW)
    assert paths == ["1.png", "two/2.png", "two/three/3.png"]
    assert len(reasons) == 2


def test_the_target_of_a_link_may_be_hidden_or_excluded(tmp_path: Path) -> None:
    root = write(tmp_path, ".annex/1.png", "pool/2.png", "3.png")
    (root / "one.png").symlink_to(root / ".annex/1.png")
    (root / "two.png").symlink_to(root / "pool/2.png")
    paths, _ = listed(root, Selection(exclude=("pool",)))
    assert {"one.png", "two.png"} <= set(paths)
    assert "two.png" not in listed(root)[0]


def test_pipes_sockets_and_devices_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path, "a.png")
    os.mkfifo(tmp_path / "pipe.png")
    with socket.socket(socket.AF_UNIX) as server:
        monkeypatch.chdir(tmp_path)  # The path of a socket has to be short.
        server.bind("socket.png")
    paths, reasons = listed(tmp_path)
    assert paths == ["a.png"]
    assert reasons == {
        "pipe.png": "is a pipe and no file",
        "socket.png": "is a socket and no file",
    }


def test_a_forbidden_target_stops_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = write(tmp_path / "data", "a.png", "metadata.jsonl")
    (root / "closed.png").symlink_to(tmp_path / "closed/1.png")
    real = os.stat

    def stat(path: str, **options: bool) -> os.stat_result:
        if str(path).endswith("closed.png"):
            raise PermissionError(13, "Permission denied", path)
        return real(path, **options)

    monkeypatch.setattr(os, "stat", stat)
    paths, reasons = listed(root, leaving=True)
    assert paths == ["a.png", "metadata.jsonl"]
    assert reasons == {"closed.png": "a link that cannot be followed: Permission denied"}
