"""What is damaged is found and named, what can still be done is said, and nothing is written."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from sfumato import storage
from sfumato.engine.lock import RunLock
from sfumato.errors import RunError
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
