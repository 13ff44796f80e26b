from __future__ import annotations

import io
import re
import tarfile
import zipfile
from pathlib import Path

import pytest

from sfumato.errors import FetchError
from sfumato.media.catalogue import archive
from sfumato.media.catalogue.archive import read_members, verify

ALL = re.compile(r".*")
UNSAFE = ["../evil", "a/../../evil", "/etc/passwd", "C:/evil", "a\\..\\evil"]


def make_wheel(path: Path, members: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as out:
        for name, data in members.items():
            out.writestr(zipfile.ZipInfo(name), data, zipfile.ZIP_DEFLATED)
    return path


def make_package(path: Path, members: dict[str, bytes]) -> Path:
    with tarfile.open(path, "w:gz") as out:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            out.addfile(info, io.BytesIO(data))
    return path


def make(kind: str, folder: Path, members: dict[str, bytes]) -> Path:
    if kind == "wheel":
        return make_wheel(folder / "a.whl", members)
    return make_package(folder / "a.tgz", members)


@pytest.fixture(params=["wheel", "package"])
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_only_wanted_members_are_read(tmp_path: Path, kind: str) -> None:
    path = make(kind, tmp_path, {"p/a.png": b"1", "p/b.py": b"2", "q/a.png.exe": b"3"})
    assert read_members(path, re.compile(r"\w/\w\.png")) == {"p/a.png": b"1"}


@pytest.mark.parametrize("name", UNSAFE)
def test_unsafe_names_refuse_the_whole_archive(tmp_path: Path, kind: str, name: str) -> None:
    path = make(kind, tmp_path, {name: b"x", "good": b"1"})
    with pytest.raises(FetchError, match="unsafe name"):
        read_members(path, re.compile("good"))


def test_links_are_not_followed(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "a.tgz", "w:gz") as out:
        for kind in (tarfile.SYMTYPE, tarfile.LNKTYPE):
            info = tarfile.TarInfo(f"link{kind.decode()}")
            info.type, info.linkname = kind, "/etc/passwd"
            out.addfile(info)
    assert read_members(tmp_path / "a.tgz", ALL) == {}


def test_bombs(tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive, "_MEMBER_LIMIT", 1 << 20)
    monkeypatch.setattr(archive, "_TOTAL_LIMIT", 2 << 20)
    monkeypatch.setattr(archive, "_COUNT_LIMIT", 10)
    one = {"large": bytes((1 << 20) + 1)}
    sum_of_many = {f"{n}": bytes(1 << 19) for n in range(5)}
    many = {f"{n}": b"" for n in range(20)}
    for members in (one, sum_of_many, many):
        with pytest.raises(FetchError):
            read_members(make(kind, tmp_path, members), ALL)


def test_damaged(tmp_path: Path, kind: str) -> None:
    path = make(kind, tmp_path, {"a": bytes(range(256)) * 40})
    path.write_bytes(path.read_bytes()[:60])
    with pytest.raises(FetchError, match="damaged"):
        read_members(path, ALL)


def test_verify(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"abc")
    # The digest of "abc" in FIPS 180-2, appendix B.1.
    known = "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    verify(path, known)
    path.write_bytes(b"abd")
    with pytest.raises(FetchError, match="not the file"):
        verify(path, known)
