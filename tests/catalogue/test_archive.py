from __future__ import annotations

import io
import re
import tarfile
import zipfile
from pathlib import Path

import pytest

from sfumato.catalogue import archive
from sfumato.catalogue.archive import read_members, verify
from sfumato.errors import FetchError

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


def make_deb(path: Path, members: dict[str, bytes], packing: str = "xz") -> Path:
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode=f"w:{packing}") as out:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            out.addfile(info, io.BytesIO(content))
    # Of odd size, the second part is followed by a byte that belongs to nobody.
    parts = {"debian-binary": b"2.0\n", "control.tar.gz": b"odd", f"data.tar.{packing}": data}
    path.write_bytes(b"!<arch>\n" + b"".join(ar_member(*part) for part in parts.items()))
    return path


def ar_member(name: str, content: bytes | io.BytesIO) -> bytes:
    data = content if isinstance(content, bytes) else content.getvalue()
    header = f"{name:16}{0:<12}{0:<6}{0:<6}{100644:<8}{len(data):<10}`\n".encode()
    assert len(header) == 60
    return header + data + b"\n" * (len(data) % 2)


def make(kind: str, folder: Path, members: dict[str, bytes]) -> Path:
    if kind == "wheel":
        return make_wheel(folder / "a.whl", members)
    if kind == "debian":
        return make_deb(folder / "a.deb", members)
    return make_package(folder / "a.tgz", members)


@pytest.fixture(params=["wheel", "package", "debian"])
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


@pytest.mark.parametrize("packing", ["xz", "gz"])
def test_a_debian_package_may_be_packed_in_two_ways(tmp_path: Path, packing: str) -> None:
    path = make_deb(tmp_path / "a.deb", {"./usr/a": b"1", "./usr/b": b"2"}, packing)
    assert read_members(path, re.compile(r"\./usr/a")) == {"./usr/a": b"1"}


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"PK\3\4", "not a Debian package"),
        (b"!<arch>\n" + ar_member("debian-binary", b"2.0\n"), "holds no files"),
        (b"!<arch>\n" + ar_member("debian-binary", b"2.0\n")[:30], "header"),
        (b"!<arch>\n" + ar_member("a", b"").replace(b"0         `", b"-60       `"), "no number"),
        (b"!<arch>\n" + ar_member("data.tar.zst", b"1234"), "packed as data.tar.zst"),
        (b"!<arch>\n" + ar_member("data.tar.xz", b"1234"), "damaged"),
    ],
)
def test_broken_debian_packages(tmp_path: Path, content: bytes, reason: str) -> None:
    path = tmp_path / "a.deb"
    path.write_bytes(content)
    with pytest.raises(FetchError, match=reason):
        read_members(path, ALL)


def test_verify(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"abc")
    # The digest of "abc" in FIPS 180-2, appendix B.1.
    known = "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    verify(path, known)
    path.write_bytes(b"abd")
    with pytest.raises(FetchError, match="cannot be read"):
        verify(tmp_path, known)
    with pytest.raises(FetchError, match="not the file"):
        verify(path, known)


def test_members_that_python_cannot_unpack(tmp_path: Path) -> None:
    content = make_wheel(tmp_path / "a.whl", {"a": b"1" * 99}).read_bytes()
    entry = content.index(b"PK\1\2")
    # The directory's entry: flags stand 8 bytes in, the method 10.
    for place, value in ((8, 1), (10, 97)):
        changed = bytearray(content)
        changed[entry + place] = value
        changed[6 if place == 8 else 8] = value
        (tmp_path / "b.whl").write_bytes(changed)
        with pytest.raises(FetchError, match="damaged"):
            read_members(tmp_path / "b.whl", ALL)
