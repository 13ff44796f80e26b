from __future__ import annotations

from pathlib import Path

import pytest
import torch

from sfumato.engine import tensor_file
from sfumato.errors import DamagedFile, RunError


def test_what_is_written_is_read(tmp_path: Path) -> None:
    path = tmp_path / "t.safetensors"
    shared = torch.randn(3, 4)
    tensor_file.write_tensors(path, {"t": shared.T}, {"kind": "test"})
    assert torch.equal(tensor_file.read_tensors(path)["t"], shared.T)
    assert list(tmp_path.iterdir()) == [path]


def test_a_missing_file_and_garbage_are_named(tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"gone\.x"):
        tensor_file.read_tensors(tmp_path / "gone.x")
    for content in (b"", b"\x80\x04pickle", b"\xff" * 64):
        (tmp_path / "bad.safetensors").write_bytes(content)
        with pytest.raises(DamagedFile, match=r"bad\.safetensors"):
            tensor_file.read_tensors(tmp_path / "bad.safetensors")


def test_the_header_is_read_from_memory(tmp_path: Path) -> None:
    path = tmp_path / "t.safetensors"
    told = {"step": "7", "what": "größer"}
    tensor_file.write_tensors(path, {"t": torch.zeros(3)}, told)
    assert tensor_file.header_of(path.read_bytes()) == told
    tensor_file.write_tensors(path, {"t": torch.zeros(3)})
    assert tensor_file.header_of(path.read_bytes()) == {}
