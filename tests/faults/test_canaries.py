"""A pickle under every name that we read: it is refused, and never runs."""

from __future__ import annotations

import pickle
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from sfumato import storage
from sfumato.catalogue.archive import read_members
from sfumato.errors import SfumatoError
from sfumato.run import open_run
from sfumato.runs.directory import RunDirectory
from sfumato.runs.verify import verify
from sfumato.training.train import planned, resume, train
from tests.canary import Canary
from tests.faults.tally import Tally

_OF_A_RUN = (
    "spec.json", "model.safetensors", "best.safetensors", "early/step-4.safetensors",
    "checkpoints/latest", "checkpoints/step-0000004/weights.safetensors",
    "checkpoints/step-0000004/optimizer.safetensors", "checkpoints/step-0000004/state.json",
    "checkpoints/step-0000004/manifest.json", "tuned/steps-4-scale-1.json", "log.jsonl",
    "tokenizer.json", "model.ckpt", "model.pt", "pytorch_model.bin",
)  # fmt: skip
_OF_DATA = ("a.png", "a.jpg", "a.webp", "metadata.jsonl", "cat/a.png", "cat/a.txt", "a.pkl")


@pytest.fixture
def feather(tmp_path: Path) -> Path:
    return tmp_path / "feather"


@pytest.fixture
def canary(feather: Path) -> bytes:
    content = pickle.dumps(Canary(feather))
    pickle.loads(content)
    assert feather.exists()
    feather.unlink()
    return content


def attempt(*works: Callable[[], object]) -> None:
    """Do what can be done; an error of ours is an answer, any other is none."""
    for work in works:
        try:
            work()
        except SfumatoError:
            continue


@pytest.mark.parametrize("name", _OF_A_RUN)
def test_in_a_run(
    name: str, tmp_path: Path, finished_runs: Path, canary: bytes, feather: Path, tally: Tally
) -> None:
    fault = tally.fault("32", "a pickle under a name that we read: never run")
    run = RunDirectory(Path(shutil.copytree(finished_runs / "unet", tmp_path / "run")))
    place = run.root / name
    place.parent.mkdir(exist_ok=True)
    place.write_bytes(canary)
    with fault.trial():
        attempt(
            lambda: verify(run),
            lambda: open_run(run.root).info(),
            lambda: open_run(run.root).sample(1, steps=4),
            lambda: open_run(run.root, "best").sample(1, steps=1),
            lambda: open_run(run.root).sample(1, steps=1, guidance="auto"),
            lambda: list(resume(run, steps=5)),
        )
        assert not feather.exists()


@pytest.mark.parametrize("name", _OF_DATA)
def test_in_data(
    name: str,
    own_pictures: Path,
    tmp_path: Path,
    tiny: tuple[str, ...],
    canary: bytes,
    feather: Path,
    tally: Tally,
) -> None:
    fault = tally.fault("32", "a pickle under a name that we read: never run")
    (own_pictures / name).write_bytes(canary)
    plan = planned("image", steps=1, changes=tiny)
    with fault.trial():
        attempt(lambda: list(train(own_pictures, plan, "run", tmp_path / "runs")))
        assert not feather.exists()


def test_in_the_cache(
    own_pictures: Path,
    tmp_path: Path,
    tiny: tuple[str, ...],
    feather: Path,
    tally: Tally,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """NumPy's arrays of objects are pickles."""
    fault = tally.fault("32", "a pickle under a name that we read: never run")
    monkeypatch.setenv("SFUMATO_CACHE", str(tmp_path / "cache"))
    plan = planned("image", steps=1, changes=tiny)
    for _ in train(own_pictures, plan, "first", tmp_path / "runs"):
        pass
    arrays = sorted((tmp_path / "cache").rglob("*.npy"))
    assert len(arrays) >= 4
    for path in arrays:
        whole = path.read_bytes()
        np.save(path, np.array([Canary(feather)], dtype=object), allow_pickle=True)
        with fault.trial():
            # The cache is built anew, so training goes on.
            for _ in train(own_pictures, plan, f"run-{path.stem}", tmp_path / "runs"):
                pass
            assert not feather.exists()
        path.write_bytes(whole)


@pytest.mark.parametrize("suffix", ["whl", "tgz", "deb"])
def test_as_an_archive(
    suffix: str, tmp_path: Path, canary: bytes, feather: Path, tally: Tally
) -> None:
    import re

    fault = tally.fault("32", "a pickle under a name that we read: never run")
    path = tmp_path / f"a.{suffix}"
    path.write_bytes(canary)
    with fault.trial():
        attempt(lambda: read_members(path, re.compile(".*")))
        assert not feather.exists()


@pytest.mark.parametrize(
    "kind", ["os.system", "builtins.eval", "torch.load", "sfumato.training.train.train", "../x.py"]
)
def test_a_spec_that_names_code(
    kind: str, tmp_path: Path, finished_runs: Path, tally: Tally
) -> None:
    """Kinds are looked up in closed lists; there is no way from a name to code."""
    fault = tally.fault("33", "a spec that names code: refused")
    run = RunDirectory(Path(shutil.copytree(finished_runs / "unet", tmp_path / "run")))
    places = [
        ("recipe", "backbone"),
        ("recipe", "schedule"),
        ("recipe", "prediction"),
        ("recipe", "times"),
        ("recipe", "engine", "optimizer"),
        ("recipe", "sampling", "sampler"),
    ]
    for place in places:
        tree = storage.read_sealed_json(run.spec)
        node = tree
        for part in place[:-1]:
            node = node[part]
        node[place[-1]] = {**node[place[-1]], "kind": kind}
        storage.write_sealed_json(tmp_path / "spec.json", tree)
        shutil.copytree(run.root, tmp_path / "named")
        shutil.copy(tmp_path / "spec.json", tmp_path / "named/spec.json")
        with fault.trial(), pytest.raises(SfumatoError):
            open_run(tmp_path / "named").sample(1, steps=1)
        shutil.rmtree(tmp_path / "named")
