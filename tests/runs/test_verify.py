"""What is damaged is found and named, what can still be done is said, and nothing is written."""

from __future__ import annotations

import json
import os
import random
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from sfumato import storage
from sfumato.engine import checkpoint as checkpoints
from sfumato.engine.events import Started
from sfumato.engine.lock import RunLock
from sfumato.errors import DamagedFile, RunError, SfumatoError
from sfumato.run import open_run
from sfumato.runs.directory import RunDirectory
from sfumato.runs.verify import verify
from sfumato.training.train import resume

Runs = Callable[..., Path]


@pytest.fixture
def run(runs: Runs) -> RunDirectory:
    return RunDirectory(runs("unet"))


def flip(path: Path, place: float = 0.9) -> None:
    """Change one bit, some way into a file."""
    content = bytearray(path.read_bytes())
    content[int(place * len(content))] ^= 1
    path.write_bytes(content)


def contents(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_whole_run(run: RunDirectory) -> None:
    before = contents(run.root)
    found = verify(run)
    assert not found.problems
    assert not found.notes
    assert found.resumes_from == 4
    assert found.samples == ["latest", "best"]
    assert {"spec.json", "model.safetensors", "best.safetensors"} <= {*found.whole}
    assert "checkpoints/step-0000004" in found.whole
    assert any(name.startswith("early/") for name in found.whole)
    assert contents(run.root) == before


@pytest.mark.parametrize("place", [0.05, 0.5, 0.999])
@pytest.mark.parametrize(
    ("name", "samples", "resumes"),
    [
        ("model.safetensors", ["best"], 4),
        ("best.safetensors", ["latest"], 4),
        ("early/step-1.safetensors", ["latest", "best"], 4),
        ("checkpoints/step-0000004/weights.safetensors", ["latest", "best"], None),
        ("checkpoints/step-0000004/state.json", ["latest", "best"], None),
        ("spec.json", [], None),
    ],
)
def test_a_flipped_bit_is_named(
    run: RunDirectory, name: str, samples: list[str], resumes: int | None, place: float
) -> None:
    flip(run.root / name, place)
    before = contents(run.root)
    found = verify(run)
    (problem,) = found.problems
    assert name.startswith(problem.path)
    assert problem.what
    assert problem.mend
    assert found.samples == samples
    assert found.resumes_from == resumes
    assert contents(run.root) == before


def test_what_it_says_of_the_model_works(run: RunDirectory) -> None:
    written = run.model.read_bytes()
    flip(run.model)
    (problem,) = verify(run).problems
    assert problem.mend == "delete it: sampling rebuilds it from the checkpoint of step 4."
    run.model.unlink()
    missing = verify(run)
    assert not missing.problems
    assert missing.samples == ["latest", "best"]
    assert missing.notes == [
        "model.safetensors is missing: sampling rebuilds it from the checkpoint of step 4."
    ]
    open_run(run.root).sample(1, steps=1)
    assert run.model.read_bytes() == written


def test_an_older_checkpoint_is_gone_on_from(run: RunDirectory) -> None:
    for _ in resume(run, steps=6):
        pass
    flip(run.checkpoints / "step-0000006/ema.safetensors")
    found = verify(run)
    assert [problem.path for problem in found.problems] == ["checkpoints/step-0000006"]
    assert "ema.safetensors" in found.problems[0].what
    assert found.resumes_from == 4


def test_weights_of_another_run_are_not_its_own(run: RunDirectory, runs: Runs) -> None:
    other = runs("transformer")
    run.model.write_bytes((other / "model.safetensors").read_bytes())
    (problem,) = verify(run).problems
    assert "does not hold the weights of this run" in problem.what


def test_torn_lines_and_leftovers_are_only_noted(run: RunDirectory) -> None:
    with run.log.open("a") as log:
        log.write('{"event": "prog')
    (run.root / ".partial-model-1-0").mkdir()
    found = verify(run)
    assert not found.problems
    assert len(found.notes) == 2
    assert "1 of" in found.notes[0]
    assert "`sfumato resume` removes them" in found.notes[1]
    with RunLock(run.root):
        assert "is being written by process" in verify(run).notes[1]


def test_a_text_run_needs_its_tokenizer(text_runs: Runs) -> None:
    run = RunDirectory(text_runs("prose"))
    assert "tokenizer.json" in verify(run).whole
    flip(run.root / "tokenizer.json", 0.5)
    found = verify(run)
    assert [problem.path for problem in found.problems] == ["tokenizer.json"]
    assert found.resumes_from is None
    assert found.samples == []


def test_of_a_newer_version(run: RunDirectory) -> None:
    storage.write_sealed_json(run.spec, {**storage.read_sealed_json(run.spec), "format": 99})
    with pytest.raises(RunError, match="--upgrade"):
        verify(run)


_NUMBERS = (b"-1", b"7", b"0.5", b"null", b"[]", b'"4"', b"1" * 30, b"1e400", b"NaN")


def reseal(checkpoint: Path) -> None:
    present = filter(storage.is_own_file, sorted(checkpoint.iterdir()))
    names = [file.name for file in present if file.name != "manifest.json"]
    files = {name: checkpoints._seal(checkpoint / name) for name in names}
    storage.write_sealed_json(checkpoint / "manifest.json", {"format": 1, "files": files})


def damage(run: RunDirectory, draw: random.Random) -> str:
    """Do something bad to one file of a run, which its hash may not show; returns what."""
    files = sorted(path for path in run.root.rglob("*") if storage.is_own_file(path))
    kind = draw.choice(("flip", "cut", "empty", "text", "remove", "link", "folder", "number"))
    if kind == "number":
        files = [path for path in files if path.name == "state.json"] or files
    path = draw.choice(files)
    content = path.read_bytes()
    if kind == "flip" and content:
        flip(path, draw.random() * 0.99)
    elif kind in ("cut", "empty", "text"):
        path.write_bytes({"cut": content[: draw.randrange(100)], "text": b"[]"}.get(kind, b""))
    elif kind == "number":
        path.write_bytes(re.sub(rb"\d+", lambda _: draw.choice(_NUMBERS), content, count=3))
    elif kind != "flip":
        path.unlink()
        if kind == "link":
            path.symlink_to(run.root / "spec.json")
        elif kind == "folder":
            path.mkdir()
    inside = path.parent.parent == run.checkpoints and path.name != "manifest.json"
    if inside and storage.is_own_file(path) and draw.random() < 0.7:
        reseal(path.parent)
    return f"{kind} {path.relative_to(run.root)}"


def test_what_it_promises_resuming_does(
    finished_runs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    whole = RunDirectory(Path(shutil.copytree(finished_runs / "unet", tmp_path / "whole")))
    for _ in resume(whole, steps=6):
        pass
    outcomes = set()
    for trial in range(40):
        draw = random.Random(trial)
        run = RunDirectory(Path(shutil.copytree(whole.root, tmp_path / str(trial))))
        done = [damage(run, draw) for _ in range(draw.choice((1, 2, 4)))]
        promised = verify(run).resumes_from
        assert began_from(run) == promised, done
        outcomes.add(promised)
    assert outcomes == {None, 4, 6}


@pytest.mark.parametrize(
    "name", ["README.md", "previews/latest.png", "model.safetensors", "checkpoints/latest"]
)
def test_a_folder_in_the_place_of_a_file_that_is_replaced(run: RunDirectory, name: str) -> None:
    (run.root / name).unlink(missing_ok=True)
    (run.root / name).mkdir(parents=True)
    found = verify(run)
    assert [problem.path for problem in found.problems] == [name]
    assert found.resumes_from is None
    before = run.log.read_bytes()
    with pytest.raises(DamagedFile, match=f"{name} is a folder"):
        list(resume(run, steps=7))
    assert run.log.read_bytes() == before


@pytest.mark.parametrize(
    "name", ["data.digests", "best.safetensors", "model.safetensors", "covariance.safetensors"]
)
@pytest.mark.parametrize("put", [os.mkfifo, lambda path: path.symlink_to("nowhere")])
def test_what_is_no_file_is_named(
    run: RunDirectory, name: str, put: Callable[[Path], object]
) -> None:
    (run.root / name).unlink(missing_ok=True)
    put(run.root / name)
    assert [problem.path for problem in verify(run).problems] == [name]


def began_from(run: RunDirectory) -> int | None:
    """The step from which training continues; None if it is refused."""
    step = None
    try:
        for event in resume(run, steps=7):
            if isinstance(event, Started):
                step = event.step
    except (SfumatoError, OSError):
        return None
    return step


def test_a_run_without_checkpoints_begins_anew(run: RunDirectory) -> None:
    shutil.rmtree(run.checkpoints)
    assert verify(run).resumes_from == 0
    run.checkpoints.mkdir()
    assert verify(run).resumes_from == 0
    assert began_from(run) == 0


@pytest.mark.parametrize("fact", ["data", "seed", "batch"])
def test_a_checkpoint_of_other_data_is_not_promised(run: RunDirectory, fact: str) -> None:
    (checkpoint,) = run.checkpoints.glob("step-*")
    tree = json.loads((checkpoint / "state.json").read_text())
    tree["identity"][fact] = "another"
    (checkpoint / "state.json").write_text(json.dumps(tree))
    reseal(checkpoint)
    found = verify(run)
    (problem,) = found.problems
    assert f"{fact} changed" in problem.what
    assert "refuses" in problem.mend
    assert found.resumes_from is None
    assert began_from(run) is None


def test_an_older_checkpoint_of_a_newer_version_does_not_matter(run: RunDirectory) -> None:
    for _ in resume(run, steps=6):
        pass
    manifest = run.checkpoints / "step-0000004/manifest.json"
    storage.write_sealed_json(manifest, {**storage.read_sealed_json(manifest), "format": 99})
    assert verify(run).resumes_from == 6
    assert began_from(run) == 6


def test_an_older_checkpoint_does_not_help_if_the_newest_is_refused(run: RunDirectory) -> None:
    for _ in resume(run, steps=6):
        pass
    newest = run.checkpoints / "step-0000006"
    tree = json.loads((newest / "state.json").read_text())
    tree["identity"]["seed"] = "another"
    (newest / "state.json").write_text(json.dumps(tree))
    reseal(newest)
    assert verify(run).resumes_from is None
    assert began_from(run) is None
