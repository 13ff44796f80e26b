"""A run goes on with what it began with, and what changed since is named."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from PIL import Image

from sfumato import storage
from sfumato.engine.events import Done
from sfumato.errors import RunError
from sfumato.model.options import CheckOptions
from sfumato.runs.directory import RunDirectory
from sfumato.runs.verify import verify
from sfumato.training.train import planned, resume, train
from sfumato.verbs.check import check

Change = Callable[[Path], None]


def bmp(folder: Path, seed: int = 0) -> None:
    folder.mkdir(exist_ok=True)
    for number in range(8):
        pixels = np.random.default_rng([seed, number]).integers(0, 256, (16, 16, 3), np.uint8)
        Image.fromarray(pixels).save(folder / f"{number}.bmp")


def wav(folder: Path, seed: int = 0) -> None:
    folder.mkdir(exist_ok=True)
    for number in range(8):
        noise = np.random.default_rng([seed, number]).uniform(-0.5, 0.5, 400)
        soundfile.write(folder / f"{number}.wav", noise, 4000)


def txt(folder: Path, seed: int = 0) -> None:
    folder.mkdir(exist_ok=True)
    for number in range(8):
        letters = np.random.default_rng([seed, number]).choice(list("abc "), 300)
        (folder / f"{number}.txt").write_text("".join(letters))


KINDS: dict[str, tuple[Callable[..., None], str]] = {
    "image": (bmp, "bmp"), "audio": (wav, "wav"), "text": (txt, "txt"),
}  # fmt: skip


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def begun(
    kind: str,
    tmp_path: Path,
    tiny: tuple[str, ...],
    tiny_sounds: tuple[str, ...],
    tiny_text: tuple[str, ...],
) -> tuple[RunDirectory, Path]:
    """A run of one step, and its data."""
    folder = tmp_path / "data"
    KINDS[kind][0](folder)
    changes = {"image": tiny, "audio": tiny_sounds, "text": tiny_text}[kind]
    for _ in train(folder, planned(kind, steps=1, changes=changes), "run", tmp_path / "runs"):
        pass
    return RunDirectory(tmp_path / "runs/run"), folder


def goes_on(run: RunDirectory) -> bool:
    *_, last = resume(run, steps=2)
    return isinstance(last, Done)


def replaced(folder: Path, kind: str, number: int = 3) -> Path:
    """Another item of the same size and time under the same name."""
    make, suffix = KINDS[kind]
    path = folder / f"{number}.{suffix}"
    before = path.stat()
    other = folder.parent / "others"
    make(other, seed=99)
    shutil.copyfile(other / path.name, path)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert path.stat().st_size == before.st_size
    return path


def test_an_item_replaced_by_one_of_equal_size_is_named(
    begun: tuple[RunDirectory, Path], kind: str
) -> None:
    run, folder = begun
    path = replaced(folder, kind)
    with pytest.raises(RunError, match="not what this run began with") as caught:
        goes_on(run)
    assert f"1 changed ({path.name})" in caught.value.why
    [note] = verify(run).notes
    assert f"1 changed ({path.name})" in note


def test_it_is_named_where_the_cache_is_gone(
    begun: tuple[RunDirectory, Path], kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, folder = begun
    monkeypatch.setenv("SFUMATO_CACHE", str(tmp_path / "another"))
    assert not verify(run).notes
    path = replaced(folder, kind)
    assert path.name in verify(run).notes[0]
    assert not (tmp_path / "another").exists()
    with pytest.raises(RunError) as caught:
        goes_on(run)
    assert path.name in caught.value.why


def test_files_that_come_and_go_are_named(begun: tuple[RunDirectory, Path], kind: str) -> None:
    run, folder = begun
    suffix = KINDS[kind][1]
    (folder / f"1.{suffix}").rename(folder / f"new.{suffix}")
    with pytest.raises(RunError) as caught:
        goes_on(run)
    assert f"1 new (new.{suffix}), 1 gone (1.{suffix})" in caught.value.why


def test_touched_and_copied_files_are_the_same(
    begun: tuple[RunDirectory, Path], tmp_path: Path
) -> None:
    run, folder = begun
    folder.rename(tmp_path / "aside")
    shutil.copytree(tmp_path / "aside", folder, copy_function=shutil.copyfile)
    assert not verify(run).notes
    assert goes_on(run)


def test_without_a_table_the_change_is_noticed(begun: tuple[RunDirectory, Path], kind: str) -> None:
    run, folder = begun
    run.digests.unlink()
    assert not verify(run).notes
    replaced(folder, kind)
    with pytest.raises(RunError, match="contents or labels changed"):
        goes_on(run)


def test_a_damaged_table_is_a_problem(begun: tuple[RunDirectory, Path]) -> None:
    run, _ = begun
    run.digests.write_bytes(run.digests.read_bytes()[:-1])
    [problem] = verify(run).problems
    assert problem.path == "data.digests"
    assert goes_on(run)


def test_data_that_are_gone_are_not_compared(begun: tuple[RunDirectory, Path]) -> None:
    run, folder = begun
    shutil.rmtree(folder)
    [note] = verify(run).notes
    assert "could not be compared" in note


def test_a_run_that_knows_no_content_goes_by_its_fingerprint(
    begun: tuple[RunDirectory, Path], kind: str
) -> None:
    """As all runs did before."""
    run, folder = begun
    spec: dict[str, Any] = storage.read_sealed_json(run.spec)
    del spec["data"]["content"]
    storage.write_sealed_json(run.spec, spec)
    run.digests.unlink()
    os.utime(folder / f"2.{KINDS[kind][1]}", ns=(0, 0))
    assert goes_on(run)
    (folder / f"2.{KINDS[kind][1]}").unlink()
    with pytest.raises(RunError, match="not what this run began with"):
        list(resume(run, steps=3))


def test_data_check_names_what_changed_since_the_last_time(tmp_path: Path, kind: str) -> None:
    folder = tmp_path / "data"
    KINDS[kind][0](folder)

    def changes() -> str:
        return str(check(str(folder), CheckOptions()).changes)

    assert changes() == ""
    path = replaced(folder, kind)
    assert changes() == f"1 changed ({path.name})"
    assert changes() == ""
