from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from sfumato.engine import tensor_file
from sfumato.errors import DamagedFile, RunError

TENSORS = {
    "matrix": torch.arange(12.0).reshape(3, 4).T,
    "half": torch.randn(5).bfloat16(),
    "scalar": torch.tensor(3),
    "none": torch.zeros(0, 2),
    "flags": torch.tensor([True, False]),
}


def test_what_is_written_is_read(tmp_path: Path) -> None:
    path = tmp_path / "t.safetensors"
    tensor_file.write_sealed(path, TENSORS, {"kind": "test"})
    sealed, content = tensor_file.read_sealed(path)
    assert content == path.read_bytes()
    for found in (sealed, tensor_file.read_tensors(path)):
        assert found.keys() == TENSORS.keys()
        assert all(torch.equal(found[name], TENSORS[name]) for name in TENSORS)
    assert list(tmp_path.iterdir()) == [path]


def test_a_missing_file_and_garbage_are_named(tmp_path: Path) -> None:
    for read in (tensor_file.read_tensors, tensor_file.read_sealed):
        with pytest.raises(RunError, match=r"gone\.x"):
            read(tmp_path / "gone.x")
        for content in (b"", b"\x80\x04pickle", b"\xff" * 64):
            (tmp_path / "bad.safetensors").write_bytes(content)
            with pytest.raises(DamagedFile, match=r"bad\.safetensors"):
                read(tmp_path / "bad.safetensors")


def test_facts_are_read_from_memory_and_from_the_file(tmp_path: Path) -> None:
    path = tmp_path / "t.safetensors"
    for told in ({"step": "7", "what": "größer"}, {}):
        tensor_file.write_sealed(path, {"t": torch.zeros(3)}, told)
        assert tensor_file.facts_of(path.read_bytes()) == told
        assert tensor_file.read_facts(path) == told


def test_the_same_is_the_same_to_the_byte(tmp_path: Path) -> None:
    files = [tmp_path / f"{k}.safetensors" for k in range(8)]
    for path in files:
        tensor_file.write_sealed(path, TENSORS, {"one": "1", "two": "2", "three": "3"})
    assert len({path.read_bytes() for path in files}) == 1


def test_any_flipped_bit_is_found_or_harmless(tmp_path: Path) -> None:
    """Harmless: in the name under which the seal is kept, which takes the seal away and no more."""
    path = tmp_path / "t.safetensors"
    tensor_file.write_sealed(path, TENSORS, {"step": "7"})
    whole = path.read_bytes()
    name = range(whole.index(b"sfumato"), whole.index(b"sfumato") + len(b"sfumato"))
    unnoticed = []
    for place in range(len(whole)):
        for bit in (1, 4, 64):
            flipped = bytearray(whole)
            flipped[place] ^= bit
            path.write_bytes(flipped)
            try:
                found, _ = tensor_file.read_sealed(path)
            except DamagedFile:
                continue
            assert all(torch.equal(found[key], TENSORS[key]) for key in TENSORS)
            unnoticed.append(place)
    assert set(unnoticed) <= {*name}


def test_files_of_other_programs_have_no_seal(tmp_path: Path) -> None:
    path = tmp_path / "t.safetensors"
    save_file({"t": torch.ones(2)}, path, metadata={"format": "pt", "step": "3"})
    found, content = tensor_file.read_sealed(path)
    assert torch.equal(found["t"], torch.ones(2))
    assert tensor_file.facts_of(content) == {"format": "pt", "step": "3"}


def test_a_seal_of_another_kind_is_none(tmp_path: Path) -> None:
    path = tmp_path / "t.safetensors"
    for entry in ("[]", "{}", '{"facts": [], "sha256": 3}', '{"facts": {}, "sha256": null}', "x"):
        save_file({"t": torch.ones(2)}, path, metadata={"sfumato": entry})
        with pytest.raises(DamagedFile, match=r"t\.safetensors"):
            tensor_file.read_sealed(path)
