"""A run that begins with the weights of another one."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sfumato.engine import tensor_file
from sfumato.engine.checkpoint import CheckpointStore
from sfumato.engine.events import Warned
from sfumato.errors import DamagedFile, RunError, SettingError
from sfumato.model.options import TrainOptions
from sfumato.runs import spec as specs
from sfumato.runs import weights
from sfumato.runs.directory import RunDirectory
from sfumato.runs.info import info
from sfumato.runs.verify import verify
from sfumato.training.train import resume, train_with

Runs = Callable[..., Path]


def begun(data: Path, steps: int | None = 1, **options: object) -> RunDirectory:
    """A run that begins with the weights of ``unet``."""
    options = {"from_run": "unet", "name": "second", "steps": steps, **options}
    for _ in train_with(data, TrainOptions(**options)):  # type: ignore[arg-type]
        pass
    return RunDirectory(Path(f"runs/{options['name']}"))


def test_it_begins_where_the_other_one_is(runs: Runs, pictures: Path) -> None:
    first = RunDirectory(runs("unet"))
    second = begun(pictures, settings=("engine.optimizer.lr=1e-30",))
    before, content = tensor_file.read_sealed(first.model)
    after, _ = tensor_file.read_sealed(second.model)
    assert all(np.allclose(before[name], after[name]) for name in before)
    spec, old = specs.read(second.spec), specs.read(first.spec)
    assert spec.initial is not None
    assert (spec.initial.run, spec.initial.step) == ("unet", 4)
    assert (
        spec.initial.model == weights.load_file(first.model, weights.build(old), "")[1].fingerprint
    )
    assert "began with | the weights of the run unet at step 4" in second.card.read_text()
    assert "unet at step 4" in info(second, spec)["began_with"]
    # All settings but those that were changed are those of the other run.
    assert spec.recipe.backbone == old.recipe.backbone
    assert spec.recipe.engine.optimizer.lr == 1e-30
    assert not verify(second).problems
    assert content


def test_more_data_another_batch_and_another_size(runs: Runs, tmp_path: Path) -> None:
    runs("unet")
    draw = np.random.default_rng(5)
    for label in ("cat", "dog"):
        (tmp_path / "more" / label).mkdir(parents=True)
        for number in range(9):
            pixels = draw.integers(0, 256, (32, 32, 3), np.uint8)
            Image.fromarray(pixels).save(tmp_path / "more" / label / f"{number}.png")
    second = begun(tmp_path / "more", settings=("engine.batch=3", "medium.size=32"))
    spec = specs.read(second.spec)
    assert (spec.recipe.engine.batch, spec.recipe.medium.size) == (3, 32)
    assert spec.data.count == 18


def test_classes_of_other_names_are_pointed_out(runs: Runs, pictures: Path, tmp_path: Path) -> None:
    runs("unet")
    shutil.copytree(pictures, tmp_path / "renamed")
    (tmp_path / "renamed/dog").rename(tmp_path / "renamed/wolf")
    options = TrainOptions(from_run="unet", name="second", steps=1)
    events = list(train_with(tmp_path / "renamed", options))
    [note] = [event.message for event in events if isinstance(event, Warned)]
    assert "dog is now wolf" in note


def test_it_needs_the_other_run_no_more(runs: Runs, pictures: Path) -> None:
    """Killed before its first checkpoint, it begins again with the same weights."""
    first = runs("unet")
    whole = begun(pictures, steps=2, name="whole")
    second = begun(pictures, steps=2)
    shutil.rmtree(second.checkpoints)
    shutil.rmtree(first)
    second.model.unlink()
    for _ in resume(second):
        pass
    ours, theirs = (CheckpointStore(run.checkpoints).load_latest()[0] for run in (second, whole))
    assert ours is not None
    assert theirs is not None
    for name, tensor in theirs.tensors["weights"].items():
        assert tensor.equal(ours.tensors["weights"][name])


def test_damaged_initial_weights_are_named(runs: Runs, pictures: Path) -> None:
    runs("unet")
    second = begun(pictures)
    second.initial.write_bytes(b"")
    assert not verify(second).problems  # The checkpoint has all that is needed.
    for _ in resume(second, steps=2):
        pass
    shutil.rmtree(second.checkpoints)
    assert "initial.safetensors" in [problem.path for problem in verify(second).problems]
    with pytest.raises(DamagedFile, match="initial"):
        list(resume(second, steps=3))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ((("backbone.widths=[16, 16]"),), "the backbone has other settings"),
        (("data.labels=false",), "the number of classes was 2 and is 0"),
        (("medium.channels=grey",), "has the shape"),
    ],
)
def test_another_network_is_refused_with_what_differs(
    runs: Runs, pictures: Path, changes: tuple[str, ...], words: str
) -> None:
    runs("unet")
    with pytest.raises(SettingError, match="do not fit the network") as caught:
        begun(pictures, settings=changes)
    assert words in caught.value.why
    assert not Path("runs/second").exists()


def test_a_run_without_weights_or_without_a_place_is_refused(runs: Runs, pictures: Path) -> None:
    first = runs("unet")
    with pytest.raises(RunError, match="There is no run 'unett'"):
        begun(pictures, from_run="unett")
    (first / "model.safetensors").unlink()
    shutil.rmtree(first / "checkpoints")
    with pytest.raises(RunError, match="no trained weights yet"):
        begun(pictures)


def test_a_run_on_text_keeps_the_tokenizer(text_runs: Runs, tmp_path: Path) -> None:
    first = text_runs("prose")
    (tmp_path / "more.txt").write_text("the sea is QUEER and blue; it rains, under clouds;\n" * 60)
    options = TrainOptions(from_run="prose", name="second", steps=1)
    for _ in train_with(tmp_path / "more.txt", options):
        pass
    second = RunDirectory(Path("runs/second"))
    assert (second.root / "tokenizer.json").read_bytes() == (first / "tokenizer.json").read_bytes()
    for _ in resume(second, steps=2):
        pass
