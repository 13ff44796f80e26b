from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import torch
from safetensors import SafetensorError

from sfumato.engine import atomic
from sfumato.errors import DamagedFile, DiskFull, RunError


def test_what_is_written_is_read(tmp_path: Path) -> None:
    value = {"å": [0.1, None, {"deep": 2**70}]}
    atomic.write_json(tmp_path / "new" / "spec.json", value)
    assert atomic.read_json(tmp_path / "new" / "spec.json") == value
    shared = torch.randn(3, 4)
    atomic.write_tensors(tmp_path / "t.safetensors", {"t": shared.T}, {"kind": "test"})
    assert torch.equal(atomic.read_tensors(tmp_path / "t.safetensors")["t"], shared.T)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["new", "t.safetensors"]


def test_a_failure_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "spec.json"
    atomic.write_text(path, "old")
    with pytest.raises(KeyError), atomic.replacing(path) as draft:
        draft.write_text("half of the n")
        raise KeyError
    with pytest.raises(ValueError, match="JSON"):
        atomic.write_json(path, {"loss": float("nan")})
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_safetensors_reports_a_full_disk_as_text(tmp_path: Path) -> None:
    with pytest.raises(DiskFull), atomic.replacing(tmp_path / "x"):
        raise SafetensorError("Error: I/O error: No space left on device (os error 28)")
    with pytest.raises(SafetensorError), atomic.replacing(tmp_path / "x"):
        raise SafetensorError("Error: I/O error: Permission denied (os error 13)")


def test_readers_name_what_is_wrong(tmp_path: Path) -> None:
    for read in (atomic.read_json, atomic.read_tensors):
        with pytest.raises(RunError, match=r"gone\.x"):
            read(tmp_path / "gone.x")
    for text in ("[1]", "{", "[" * 100_000, "\x00"):
        (tmp_path / "bad.json").write_text(text)
        with pytest.raises(DamagedFile, match=r"bad\.json"):
            atomic.read_json(tmp_path / "bad.json")


def test_removing_leaves_no_half_under_the_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "old").mkdir()
    (tmp_path / "old" / "file").touch()

    def killed(path: Path) -> None:
        raise SystemExit

    monkeypatch.setattr(shutil, "rmtree", killed)
    with pytest.raises(SystemExit):
        atomic.remove(tmp_path / "old")
    monkeypatch.undo()
    assert not (tmp_path / "old").exists()
    assert len(atomic.sweep(tmp_path)) == 1
    assert list(tmp_path.iterdir()) == []
