from __future__ import annotations

import errno
import json
import os
import pickle
import random
import shutil
import time
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from sfumato import storage
from sfumato.engine import checkpoint
from sfumato.engine.checkpoint import Checkpoint, CheckpointStore
from sfumato.errors import DamagedFile, DiskFull, RunError
from tests.canary import Canary
from tests.processes import wait_for


@pytest.fixture
def store(tmp_path: Path) -> CheckpointStore:
    return CheckpointStore(tmp_path / "checkpoints")


def save(store: CheckpointStore, job_code: ModuleType, *steps: int) -> list[Path]:
    return [store.save(step, job_code.contents(step), {"third": step / 3}) for step in steps]


def assert_whole(found: Checkpoint | None, job_code: ModuleType) -> int:
    assert found is not None
    expected = job_code.contents(found.step)
    assert found.tensors.keys() == expected.keys()
    for group, named in expected.items():
        for name, tensor in named.items():
            assert torch.equal(found.tensors[group][name], tensor)
    assert found.scalars == {"third": found.step / 3}
    return found.step


def flip_a_byte(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def reseal(directory: Path, name: str) -> None:
    """Make the manifest agree with a file, as an attacker would."""
    manifest = storage.read_sealed_json(directory / "manifest.json")
    manifest["files"][name] = checkpoint._seal(directory / name)
    storage.write_sealed_json(directory / "manifest.json", manifest)


def test_nothing_saved_is_nothing_loaded(store: CheckpointStore) -> None:
    assert store.load_latest() == (None, [])


def test_every_dtype_and_scalar_comes_back_exactly(store: CheckpointStore) -> None:
    tensors = {
        "f32": torch.tensor([0.1, float("-inf"), 1e-45]),
        "bf16": torch.tensor([0.1], dtype=torch.bfloat16),
        "i64": torch.tensor(2**62 + 1),
        "none": torch.zeros(0, 3),
        "last": torch.randn(2, 3, 4, 5).to(memory_format=torch.channels_last),
    }
    scalars = {"tenth": 0.1, "tiny": 5e-324, "big": 2**70, "list": [1 / 3, None], "å": "é"}
    store.save(3, {"weights": tensors}, scalars)
    found, _ = store.load_latest()
    assert found is not None
    assert found.scalars == scalars
    for name, tensor in tensors.items():
        assert found.tensors["weights"][name].dtype == tensor.dtype
        assert torch.equal(found.tensors["weights"][name], tensor)


def test_a_kill_at_any_moment_of_a_save_leaves_a_whole_checkpoint(
    tmp_path: Path, jobs: Any, job_code: ModuleType
) -> None:
    draw = random.Random(0)
    interrupted = 0
    for trial in range(20):
        directory = tmp_path / str(trial % 2)  # each is crashed into many times over
        pid = jobs.start("save_forever", directory)
        wait_for(directory / "latest")
        time.sleep(draw.uniform(0.0, 0.08))
        jobs.end(pid)
        store = CheckpointStore(directory)
        told = int((directory / "latest").read_text().strip().removeprefix("step-"))
        interrupted += bool(list(directory.glob(".partial-*")))
        found, warnings = store.load_latest()
        assert assert_whole(found, job_code) >= told
        assert warnings == []
    assert interrupted >= 3, "the kills never fell inside a save: the test proves nothing"


def test_leftovers_are_swept_and_nothing_else_is(
    store: CheckpointStore, job_code: ModuleType
) -> None:
    save(store, job_code, 1)
    partial = store.directory / ".partial-step-0000002-99-0"
    (partial / "step-0000002").mkdir(parents=True)
    (store.directory / ".tmpabc").touch()
    (store.directory / "notes").mkdir()
    assert store.sweep() == [partial]
    assert {p.name for p in store.directory.iterdir()} == {
        "step-0000001", "latest", ".tmpabc", "notes",
    }  # fmt: skip


@pytest.mark.parametrize("name", ["weights.safetensors", "ema.safetensors", "state.json"])
def test_a_flipped_byte_is_named_and_the_one_before_is_loaded(
    store: CheckpointStore, job_code: ModuleType, name: str
) -> None:
    older, newer = save(store, job_code, 1, 2)
    flip_a_byte(newer / name)
    found, warnings = store.load_latest()
    assert assert_whole(found, job_code) == 1
    assert [warning.step for warning in warnings] == [2]
    assert name in warnings[0].message
    assert str(store.directory) not in warnings[0].message  # The log, which stores it, is shared.
    with pytest.raises(DamagedFile, match=name):
        store.load(newer)
    flip_a_byte(older / name)
    with pytest.raises(DamagedFile, match=name):
        store.load_latest()


@pytest.mark.parametrize("name", ["optimizer.safetensors", "manifest.json", "state.json"])
def test_a_missing_file_is_damage(store: CheckpointStore, job_code: ModuleType, name: str) -> None:
    (path,) = save(store, job_code, 1)
    (path / name).unlink()
    with pytest.raises(DamagedFile, match=name):
        store.load(path)


@pytest.mark.parametrize("keep", [0, 4, 8, 40, 1000])
def test_truncated_safetensors_is_a_typed_error(
    store: CheckpointStore, job_code: ModuleType, keep: int
) -> None:
    (path,) = save(store, job_code, 1)
    weights = path / "weights.safetensors"
    weights.write_bytes(weights.read_bytes()[:keep])
    with pytest.raises(DamagedFile, match="weights"):
        store.load(path)
    reseal(path, weights.name)
    with pytest.raises(DamagedFile, match="weights"):
        store.load(path)


@pytest.mark.parametrize("name", ["weights.safetensors", "state.json", "manifest.json"])
def test_a_pickle_under_our_names_never_runs(
    store: CheckpointStore, job_code: ModuleType, tmp_path: Path, name: str
) -> None:
    (path,) = save(store, job_code, 1)
    payload = pickle.dumps(Canary(tmp_path / "it-ran"))
    pickle.loads(payload)
    (tmp_path / "it-ran").unlink()  # the canary is alive
    (path / name).write_bytes(payload)
    if name != "manifest.json":
        reseal(path, name)
    with pytest.raises(DamagedFile):
        store.load(path)
    assert not (tmp_path / "it-ran").exists()


def test_a_manifest_cannot_reach_outside(
    store: CheckpointStore, job_code: ModuleType, tmp_path: Path
) -> None:
    (path,) = save(store, job_code, 1)
    save_file({"secret": torch.ones(1)}, tmp_path / "outside.safetensors")
    manifest = storage.read_sealed_json(path / "manifest.json")
    seal = checkpoint._seal(tmp_path / "outside.safetensors")
    manifest["files"]["../../outside.safetensors"] = seal
    storage.write_sealed_json(path / "manifest.json", manifest)
    with pytest.raises(DamagedFile, match="outside"):
        store.load(path)


def test_a_state_that_the_manifest_does_not_list_is_not_read(
    store: CheckpointStore, job_code: ModuleType
) -> None:
    (path,) = save(store, job_code, 1)
    manifest = storage.read_sealed_json(path / "manifest.json")
    del manifest["files"]["state.json"]
    storage.write_sealed_json(path / "manifest.json", manifest)
    with pytest.raises(DamagedFile, match="not a manifest"):
        store.load(path)


def test_true_is_no_step(store: CheckpointStore, job_code: ModuleType) -> None:
    (path,) = save(store, job_code, 1)
    storage.write_json(path / "state.json", {"step": True})
    reseal(path, "state.json")
    with pytest.raises(DamagedFile, match="step"):
        store.load(path)


def test_a_newer_format_is_refused_by_name(store: CheckpointStore, job_code: ModuleType) -> None:
    _, path = save(store, job_code, 1, 2)
    manifest = storage.read_sealed_json(path / "manifest.json")
    storage.write_sealed_json(path / "manifest.json", {**manifest, "format": 99})
    with pytest.raises(RunError, match="newer version"):
        store.load_latest()


@pytest.mark.parametrize("failing_write", range(1, 8))
def test_a_full_disk_leaves_the_old_checkpoint(
    store: CheckpointStore,
    job_code: ModuleType,
    monkeypatch: pytest.MonkeyPatch,
    failing_write: int,
) -> None:
    save(store, job_code, 1)
    calls = 0
    force = os.fsync

    def full(handle: int) -> None:
        nonlocal calls
        calls += 1
        if calls == failing_write:
            raise OSError(errno.ENOSPC, "No space left on device")
        force(handle)

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(DiskFull):
        store.save(2, job_code.contents(2), {"third": 2 / 3})
    monkeypatch.undo()
    assert not list(store.directory.glob(".partial-*"))
    found, warnings = store.load_latest()
    assert assert_whole(found, job_code) in (1, 2)
    assert warnings == []
    assert (store.directory / "latest").read_text() == "step-0000001\n"


def test_too_little_room_is_refused_with_the_estimate(
    store: CheckpointStore, job_code: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    save(store, job_code, 1)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=2**20))
    with pytest.raises(DiskFull) as caught:
        store.save(2, job_code.contents(2), {})
    assert "2.3 MiB are needed and 1.0 MiB are free" in str(caught.value)
    assert [step for step, _ in store.steps()] == [1]
    store.require_room(2**19, count=2)
    with pytest.raises(DiskFull, match=r"1\.5 MiB are needed"):
        store.require_room(2**19, count=3)


def test_the_newest_and_the_milestones_are_kept(tmp_path: Path, job_code: ModuleType) -> None:
    store = CheckpointStore(tmp_path, keep=2, milestone_steps=4)
    save(store, job_code, *range(1, 12))
    assert [step for step, _ in store.steps()] == [4, 8, 10, 11]
    assert (tmp_path / "latest").read_text() == "step-0000011\n"


def test_going_back_abandons_the_future(store: CheckpointStore, job_code: ModuleType) -> None:
    save(store, job_code, 10, 20)
    save(store, job_code, 15)
    found, _ = store.load_latest()
    assert assert_whole(found, job_code) == 15


def test_latest_never_names_a_checkpoint_that_was_removed(
    store: CheckpointStore, job_code: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An older one is removed after `latest` names the new one."""
    removed = []

    def remove(path: Path) -> None:
        named = (store.directory / "latest").read_text().strip()
        assert (store.directory / named).is_dir()
        assert named != path.name
        removed.append(path.name)
        shutil.rmtree(path)

    monkeypatch.setattr(storage, "remove", remove)
    store.keep = 1
    save(store, job_code, 1, 2, 3)
    assert removed == ["step-0000001", "step-0000002"]


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_what_json_cannot_express_is_not_saved(
    store: CheckpointStore, job_code: ModuleType, value: float
) -> None:
    save(store, job_code, 1)
    with pytest.raises(ValueError, match="JSON"):
        store.save(2, job_code.contents(2), {"loss": value})
    assert [step for step, _ in store.steps()] == [1]
    assert_whole(store.load_latest()[0], job_code)


@pytest.mark.parametrize("change", ["format", "files", "sha256"])
def test_a_manifest_carries_its_own_seal(
    store: CheckpointStore, job_code: ModuleType, change: str
) -> None:
    (path,) = save(store, job_code, 1)
    manifest = json.loads((path / "manifest.json").read_text())
    manifest[change] = {"format": True, "files": {"state.json": manifest["files"]["state.json"]},
                        "sha256": manifest["sha256"][::-1]}[change]  # fmt: skip
    (path / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(DamagedFile, match=r"manifest.json is not what was written"):
        store.load(path)


def test_a_damaged_checkpoint_is_replaced_when_its_step_comes_again(
    store: CheckpointStore, job_code: ModuleType
) -> None:
    _, newer = save(store, job_code, 1, 2)
    flip_a_byte(newer / "ema.safetensors")
    save(store, job_code, 2)
    found, warnings = store.load_latest()
    assert assert_whole(found, job_code) == 2
    assert warnings == []
