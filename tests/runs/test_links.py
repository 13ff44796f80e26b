"""Links inside a run, as in a run from a stranger, are never followed out of it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from sfumato.errors import DamagedFile, SfumatoError
from sfumato.model.options import SampleOptions
from sfumato.run import open_run
from sfumato.runs.directory import RunDirectory, leftovers, locate, new_folder, sweep
from sfumato.runs.verify import verify
from sfumato.training.train import resume
from sfumato.verbs.sample import sample_files

Runs = Callable[..., Path]

FILES = (
    "lock",
    "log.jsonl",
    "spec.json",
    "data.digests",
    "model.safetensors",
    "best.safetensors",
    "README.md",
    "early/step-1.safetensors",
    "checkpoints/latest",
    "checkpoints/step-0000004/state.json",
    "checkpoints/step-0000004/manifest.json",
    "checkpoints/step-0000004/weights.safetensors",
    "previews/latest.png",
)
FOLDERS = ("checkpoints", "early", "previews", "samples", "tuned", "evaluation", "tensorboard")


def moved_out(run: Path, name: str, outside: Path) -> Path:
    """Replace a file or folder of a run by a link to a copy elsewhere."""
    place, target = run / name, outside / "target"
    if place.is_dir():
        shutil.copytree(place, target)
        shutil.rmtree(place)
    elif place.exists():
        shutil.copy(place, target)
        place.unlink()
    elif name in FOLDERS:
        target.mkdir()
        (target / ".partial-x-0123456789abcdef").mkdir()
    else:
        target.write_text("precious")
    place.parent.mkdir(exist_ok=True)
    place.symlink_to(target)
    return target


def contents(folder: Path) -> dict[str, bytes | None]:
    return {
        str(path.relative_to(folder)): path.read_bytes() if path.is_file() else None
        for path in sorted(folder.rglob("*"))
    }


def work(run: Path) -> list[SfumatoError]:
    """Everything that reads and writes a run; the errors that it met."""
    met: list[SfumatoError] = []
    actions: tuple[Callable[[], object], ...] = (
        lambda: list(resume(locate(run), steps=6)),
        lambda: list(resume(RunDirectory(run), steps=7)),
        lambda: list(sample_files(run, SampleOptions(1, steps=1))),
        lambda: open_run(run).info(),
        lambda: verify(RunDirectory(run)),
        lambda: sweep(RunDirectory(run)),
    )
    for action in actions:
        try:
            action()
        except SfumatoError as error:
            met.append(error)
    return met


@pytest.mark.parametrize("name", [*FILES, *FOLDERS])
def test_are_not_followed(name: str, runs: Runs, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    run = runs("unet")
    moved_out(run, name, outside)
    before = contents(outside)
    met = work(run)
    assert contents(outside) == before
    if name in FOLDERS or name in ("lock", "log.jsonl", "spec.json"):
        assert any(f"{name} is a link" in error.what for error in met)


@pytest.mark.parametrize("name", [name for name in FILES if "/" not in name])
def test_that_lead_nowhere_create_nothing(name: str, runs: Runs, tmp_path: Path) -> None:
    run = runs("unet")
    (run / name).unlink(missing_ok=True)
    (run / name).symlink_to(tmp_path / "elsewhere")
    work(run)
    assert not (tmp_path / "elsewhere").exists()


@pytest.mark.parametrize("name", [*FILES[:6], "early/step-1.safetensors", FILES[-2]])
def test_a_pipe_does_not_block(name: str, runs: Runs) -> None:
    run = runs("unet")
    (run / name).unlink(missing_ok=True)
    os.mkfifo(run / name)
    work(run)


@pytest.mark.parametrize("name", [*FOLDERS, "log.jsonl", "spec.json"])
def test_verify_names_them(name: str, runs: Runs, tmp_path: Path) -> None:
    run = runs("unet")
    moved_out(run, name, tmp_path)
    found = verify(RunDirectory(run))
    assert [problem.path for problem in found.problems if "is a link" in problem.what] == [name]
    assert found.resumes_from is None


def test_a_run_may_be_a_link_itself(runs: Runs, tmp_path: Path) -> None:
    run = runs("unet")
    (tmp_path / "way").symlink_to(run)
    assert work(tmp_path / "way") == []


def test_a_sample_folder_that_is_a_link_is_passed_over(runs: Runs, tmp_path: Path) -> None:
    run = RunDirectory(runs("unet"))
    (tmp_path / "outside").mkdir()
    run.samples.mkdir(exist_ok=True)
    (run.samples / "001").symlink_to(tmp_path / "outside")
    assert new_folder(run).name == "002"
    assert list((tmp_path / "outside").iterdir()) == []


def test_the_next_sampling_sweeps_what_a_killed_one_left(runs: Runs) -> None:
    run = RunDirectory(runs("unet"))
    first = new_folder(run)
    (first / ".partial-00001.png-0123456789abcdef").mkdir()
    assert new_folder(run).name == "002"
    assert list(first.iterdir()) == []


def test_drafts_are_swept_everywhere_but_where_a_link_leads(runs: Runs, tmp_path: Path) -> None:
    run = RunDirectory(runs("unet"))
    name, outside = ".partial-x-0123456789abcdef", tmp_path / "outside"
    (outside / name).mkdir(parents=True)
    folders = [run.root, *run.folders, run.samples / "001"]
    for folder in folders:
        (folder / name).mkdir(parents=True)
    (run.samples / "002").symlink_to(outside)
    assert sorted(leftovers(run)) == sorted(folder / name for folder in folders)
    sweep(run)
    assert leftovers(run) == []
    assert (outside / name).exists()


def test_a_link_is_named_with_what_to_do(runs: Runs, tmp_path: Path) -> None:
    run = runs("unet")
    moved_out(run, "checkpoints", tmp_path)
    with pytest.raises(DamagedFile, match="not followed") as caught:
        locate(run)
    assert "copy" in caught.value.hint
    (run / "checkpoints").unlink()
    with suppress(StopIteration):
        next(iter(resume(locate(run), steps=6)))
