"""A checkpoint with numbers that training cannot have written is passed over, whatever its hash."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch
from torch import Tensor

from sfumato import storage
from sfumato.engine import checkpoint as checkpoints
from sfumato.engine import tensor_file
from sfumato.engine.checkpoint import CheckpointStore
from sfumato.engine.events import Started, Warned
from sfumato.engine.settings import Budget
from sfumato.errors import DamagedFile, RunError

Change = Callable[[dict[str, Any]], object]


def reseal(path: Path) -> None:
    """Make the manifest agree with the files, so that only their content is judged."""
    names = [file.name for file in sorted(path.iterdir()) if file.name != "manifest.json"]
    files = {name: checkpoints._seal(path / name) for name in names}
    manifest = {"format": checkpoints.FORMAT, "files": files}
    storage.write_sealed_json(path / "manifest.json", manifest)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory, job_code: ModuleType) -> Path:
    folder = tmp_path_factory.mktemp("trained")
    for _ in job_code.make_trainer(folder).run(Budget(steps=6)):
        pass
    return folder


@pytest.fixture
def run(trained: Path, tmp_path: Path) -> Path:
    """A folder with checkpoints of the steps 3 and 6."""
    return Path(shutil.copytree(trained, tmp_path / "run"))


@pytest.fixture
def newest(run: Path) -> Path:
    return run / "checkpoints/step-0000006"


def resumed_from(run: Path, job_code: ModuleType) -> tuple[int, str]:
    """The step from which training continues, and the warnings."""
    events = job_code.make_trainer(run).run(Budget(steps=7))
    seen = []
    for event in events:
        seen.append(event)
        if isinstance(event, Started):
            events.close()
            return event.step, " ".join(e.message for e in seen if isinstance(e, Warned))
    raise AssertionError("training did not start")


def put(name: str, value: object) -> Change:
    return lambda tree: tree.__setitem__(name, value)


def drop(name: str) -> Change:
    return lambda tree: tree.pop(name)


def nested(depth: int) -> Any:
    value: Any = 1
    for _ in range(depth):
        value = [value]
    return value


ENTRIES = ("step", "samples", "elapsed", "progress", "loss", "ema_steps", "optimizer", "identity")
ODD: dict[str, Change] = {
    **{f"no {name}": drop(name) for name in ENTRIES},
    **{f"{name} is null": put(name, None) for name in ENTRIES},
    **{f"{name} is a text": put(name, "6") for name in ENTRIES},
    **{f"{name} is a list": put(name, [1]) for name in ENTRIES},
    **{f"{name} is nested": put(name, nested(50)) for name in ENTRIES},
    **{f"{name} is an object": put(name, {"a": {"b": []}}) for name in ENTRIES[:-1]},
    **{f"{name} is true": put(name, True) for name in ENTRIES},
    **{f"{name} is negative": put(name, -1) for name in ENTRIES},
    **{f"{name} is huge": put(name, 10**30) for name in ENTRIES},
    **{f"{name} is not whole": put(name, 6.5) for name in ("step", "samples", "ema_steps")},
    "an earlier step": put("step", 5),
    "a later step": put("step", 8),
    "more updates than steps": put("ema_steps", 7),
    "a loss of one": put("loss", [0.5]),
    "a loss of three": put("loss", [0.5, 0.5, 0.5]),
    "a loss of negative weight": put("loss", [0.5, -0.5]),
    "a loss of hardly any weight": put("loss", [1e300, 1e-300]),
    "a loss of too much weight": put("loss", [0.5, 2.0]),
    "a loss of texts": put("loss", ["0.5", "0.5"]),
    "progress above one": put("progress", 1.5),
    "an optimizer of lists": put("optimizer", {"0.weight/step": [1]}),
    "an optimizer of strangers": put("optimizer", {"stranger/step": 1}),
    "an optimizer of numbers": put("optimizer", {"0.weight/step": 1}),
    "an optimizer without slots": put("optimizer", {"0.weight": 1}),
    "a surrogate": put("loss", "\ud800"),
    "another number of slots": put("slots", 3),
}  # fmt: skip


@pytest.mark.parametrize("name", ODD)
def test_odd_numbers(name: str, run: Path, newest: Path, job_code: ModuleType) -> None:
    tree = json.loads((newest / "state.json").read_text())
    ODD[name](tree)
    (newest / "state.json").write_text(json.dumps(tree))
    reseal(newest)
    step, warning = resumed_from(run, job_code)
    assert step == 3
    assert "step-0000006 was skipped" in warning


@pytest.mark.parametrize(
    "text",
    ["", "[]", "null", "6", '"step"', "{", "[" * 10**5, '{"a":' * 10**5, "\ufeff{}", "{} {}"],
)  # fmt: skip
def test_no_object(text: str, run: Path, newest: Path, job_code: ModuleType) -> None:
    (newest / "state.json").write_text(text)
    reseal(newest)
    assert resumed_from(run, job_code)[0] == 3


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999", "9" * 5000])
@pytest.mark.parametrize("name", ["samples", "elapsed", "progress", "step"])
def test_no_numbers(name: str, number: str, run: Path, newest: Path, job_code: ModuleType) -> None:
    tree = json.loads((newest / "state.json").read_text())
    text = json.dumps({**tree, name: "HERE"}).replace('"HERE"', number)
    (newest / "state.json").write_text(text)
    reseal(newest)
    assert resumed_from(run, job_code)[0] == 3


def rewrite(path: Path, change: Callable[[dict[str, Tensor]], object]) -> None:
    tensors = dict(tensor_file.read_tensors(path))
    change(tensors)
    tensor_file.save_tensors(path, tensors)


def first(ending: str, change: Callable[[Tensor], Tensor]) -> Callable[[dict[str, Tensor]], object]:
    def apply(tensors: dict[str, Tensor]) -> None:
        name = next(name for name in sorted(tensors) if name.endswith(ending))
        tensors[name] = change(tensors[name])

    return apply


OPTIMIZERS: dict[str, Callable[[dict[str, Tensor]], object]] = {
    "empty": dict.clear,
    "one is missing": dict.popitem,
    "a stranger": lambda tensors: tensors.update({"stranger/exp_avg": tensors.popitem()[1]}),
    "no slot": lambda tensors: tensors.update({"0.weight": tensors.popitem()[1]}),
    "another shape": first("/exp_avg", lambda tensor: tensor[:1]),
    "another type": first("/exp_avg", lambda tensor: tensor.long()),
    "not finite": first("/exp_avg", lambda tensor: tensor * float("nan")),
    "half a type": first("/exp_avg", lambda tensor: tensor.half()),
    "a number for a tensor": first("/exp_avg", lambda tensor: tensor.mean()),
    "a tensor for a number": first("0.weight/step", lambda step: step.expand(8, 2, 3, 3).clone()),
    "a whole number of steps": first("/step", lambda step: step.long()),
    "a slot of another optimizer": lambda tensors: rename(tensors, "0.weight/exp_avg", "momentum"),
    "a slot of no optimizer": lambda tensors: rename(tensors, "0.weight/step", "stop"),
}


def rename(tensors: dict[str, Tensor], key: str, name: str) -> None:
    tensors[f"{key.rpartition('/')[0]}/{name}"] = tensors.pop(key)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_an_odd_optimizer(name: str, run: Path, newest: Path, job_code: ModuleType) -> None:
    rewrite(newest / "optimizer.safetensors", OPTIMIZERS[name])
    reseal(newest)
    step, warning = resumed_from(run, job_code)
    assert step == 3
    assert "step-0000006 was skipped" in warning


def test_an_empty_optimizer_of_an_earlier_version(
    run: Path, newest: Path, job_code: ModuleType
) -> None:
    """Earlier versions did not store the number of tensors."""
    tree = json.loads((newest / "state.json").read_text())
    del tree["slots"]
    (newest / "state.json").write_text(json.dumps(tree))
    reseal(newest)
    assert resumed_from(run, job_code)[0] == 6
    rewrite(newest / "optimizer.safetensors", dict.clear)
    reseal(newest)
    assert resumed_from(run, job_code)[0] == 3


@pytest.mark.parametrize("group", ["weights", "ema", "optimizer"])
def test_a_missing_group(group: str, run: Path, newest: Path, job_code: ModuleType) -> None:
    (newest / f"{group}.safetensors").unlink()
    reseal(newest)
    step, warning = resumed_from(run, job_code)
    assert step == 3
    assert group in warning


def test_an_average_of_another_module(run: Path, newest: Path, job_code: ModuleType) -> None:
    rewrite(newest / "ema.safetensors", dict.popitem)
    reseal(newest)
    assert resumed_from(run, job_code)[0] == 3


def test_a_file_in_place_of_a_checkpoint(run: Path, newest: Path, job_code: ModuleType) -> None:
    shutil.rmtree(newest)
    newest.write_text("a file")
    step, warning = resumed_from(run, job_code)
    assert step == 3
    assert "is a file" in warning
    for _ in job_code.make_trainer(run).run(Budget(steps=9)):
        pass
    assert [step for step, _ in CheckpointStore(run / "checkpoints").steps()] == [6, 9]


@pytest.mark.parametrize("step", ["0000009", "9" * 200])
def test_a_file_beyond_the_last_checkpoint(run: Path, step: str, job_code: ModuleType) -> None:
    (run / f"checkpoints/step-{step}").write_text("a file")
    assert resumed_from(run, job_code)[0] == 6
    for _ in job_code.make_trainer(run).run(Budget(steps=8)):
        pass
    assert [step for step, _ in CheckpointStore(run / "checkpoints").steps()] == [6, 8]


class TestLinks:
    """They are passed over, replaced or removed, and never followed."""

    def test_to_a_checkpoint(self, run: Path, newest: Path, job_code: ModuleType) -> None:
        outside = newest.rename(run / "outside")
        newest.symlink_to(outside)
        assert resumed_from(run, job_code)[0] == 3
        for _ in job_code.make_trainer(run).run(Budget(steps=9)):
            pass
        assert not newest.is_symlink()
        assert (outside / "state.json").exists()

    @pytest.mark.parametrize("name", ["state.json", "manifest.json", "weights.safetensors"])
    def test_to_a_file(self, run: Path, newest: Path, name: str, job_code: ModuleType) -> None:
        outside = (newest / name).rename(run / "outside")
        (newest / name).symlink_to(outside)
        step, warning = resumed_from(run, job_code)
        assert step == 3
        assert f"{name} is a link" in warning

    def test_to_all_checkpoints(self, run: Path, job_code: ModuleType) -> None:
        outside = (run / "checkpoints").rename(run / "outside")
        (run / "checkpoints").symlink_to(outside)
        before = sorted(outside.rglob("*"))
        with pytest.raises(DamagedFile, match="checkpoints is a link"):
            resumed_from(run, job_code)
        store = CheckpointStore(run / "checkpoints")
        with pytest.raises(DamagedFile, match="checkpoints is a link"):
            store.save(7, job_code.contents(7), {})
        assert sorted(outside.rglob("*")) == before


def test_a_checkpoint_that_cannot_be_read(
    run: Path, newest: Path, job_code: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A broken disk is damage like any other."""
    load = tensor_file.read_tensors

    def broken(path: Path) -> dict[str, Tensor]:
        if path.parent == newest:
            raise OSError(5, "Input/output error")
        return load(path)

    monkeypatch.setattr(tensor_file, "read_tensors", broken)
    step, warning = resumed_from(run, job_code)
    assert step == 3
    assert "Input/output error" in warning


def test_when_all_are_damaged_the_newest_is_named(run: Path, job_code: ModuleType) -> None:
    for path in (run / "checkpoints").glob("step-*"):
        (path / "state.json").write_text("{}")
        reseal(path)
    with pytest.raises(DamagedFile, match="step-0000006"):
        resumed_from(run, job_code)


def test_weights_of_another_type_belong_to_another_module(
    run: Path, newest: Path, job_code: ModuleType
) -> None:
    rewrite(newest / "weights.safetensors", first("weight", lambda tensor: tensor.half()))
    reseal(newest)
    with pytest.raises(RunError, match="another module"):
        resumed_from(run, job_code)


def test_a_sound_state_comes_back(run: Path, job_code: ModuleType) -> None:
    assert resumed_from(run, job_code) == (6, "")
    found, _ = CheckpointStore(run / "checkpoints").load_latest()
    assert found is not None
    assert found.scalars["slots"] == len(found.tensors["optimizer"]) > 0
    assert all(torch.isfinite(slot).all() for slot in found.tensors["optimizer"].values())
