"""Training on text: batches with an address, measures, and runs that go on where they stopped."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from sfumato.engine.events import Metric, Saved
from sfumato.errors import RunError
from sfumato.media.image.medium import ImageMedium
from sfumato.media.medium import Data
from sfumato.media.text.medium import TextMedium
from sfumato.media.text.recipes import TextRecipe
from sfumato.run import open_run
from sfumato.runs import spec as specs
from sfumato.runs import weights as model
from sfumato.runs.directory import RunDirectory
from sfumato.training.data import reopen, task_for
from sfumato.training.token_task import TokenTask
from sfumato.training.train import planned, resume, train

Runs = Callable[..., Path]


def task_of(run: Path) -> TokenTask:
    directory = RunDirectory(run)
    spec = specs.read(directory.spec)
    *_, data = reopen(directory, spec.data, spec.recipe)
    assert isinstance(data, Data)
    task = task_for(data, spec, model.build(spec))
    assert isinstance(task, TokenTask)
    return task


def test_a_run_has_its_files(finished_texts: Path, prose: Path) -> None:
    run = RunDirectory(finished_texts / "prose")
    assert {path.name for path in run.root.iterdir()} == {
        "spec.json", "model.safetensors", "checkpoints", "log.jsonl", "README.md", "lock",
        "tokenizer.json", "data.digests", "best.safetensors", "early",
    }  # fmt: skip
    spec = specs.read(run.spec)
    assert isinstance(spec.recipe, TextRecipe)
    assert spec.medium is TextMedium
    assert spec.data.source == str(prose)
    with pytest.raises(RunError, match="has to be one on images"):
        spec.require(ImageMedium)
    assert "6 of 4 samples" in run.card.read_text()


def test_info_tells_of_text(finished_texts: Path) -> None:
    told = open_run(finished_texts / "labelled").info()
    assert json.loads(json.dumps(told, allow_nan=False)) == told
    assert (told["texts"], told["tokens"], told["context"]) == (80, "characters", 32)
    assert (told["process"], told["classes"]) == ("masking", ["even", "odd"])
    assert (told["step"], told["finished"]) == (6, True)


@pytest.mark.parametrize("process", ["masking", "uniform"])
def test_a_run_that_was_cut_ends_at_the_same_bits(
    tmp_path: Path,
    records: Path,
    tiny_text: tuple[str, ...],
    state_of: Callable[[Path], dict[str, str]],
    process: str,
) -> None:
    changes = (*tiny_text, "medium.label_field=parity", f"process.kind={process}",
               "engine.save_steps=3")  # fmt: skip
    plan = planned("text", steps=6, changes=changes)
    list(train(records, plan, "whole", tmp_path))
    events = train(records, plan, "cut", tmp_path)
    assert next(event.step for event in events if isinstance(event, Saved)) == 3
    events.close()  # type: ignore[attr-defined]
    halfway = state_of(tmp_path / "cut")
    assert halfway["step"] == "3"
    list(resume(RunDirectory(tmp_path / "cut")))
    assert state_of(tmp_path / "cut") == state_of(tmp_path / "whole")
    assert state_of(tmp_path / "cut")["model"] != halfway["model"]


def test_previews_and_measures(
    tmp_path: Path, prose: Path, tiny_text: tuple[str, ...],
    finished_texts: Path, state_of: Callable[[Path], dict[str, str]],
) -> None:  # fmt: skip
    changes = (*tiny_text, "engine.preview_minutes=1e-9", "engine.evaluate_samples=4")
    events = list(train(prose, planned("text", steps=6, changes=changes), "a", tmp_path))
    both = [event for event in events if isinstance(event, Metric)]
    assert [event.name for event in both] == [
        "held-out bits per character", "training bits per character",
    ] * 6  # fmt: skip
    metrics = both[::2]
    # An untrained network's beliefs are flat.
    size = specs.read(tmp_path / "a/spec.json").data.vocabulary
    assert metrics[0].value == pytest.approx(math.log2(size), rel=0.1)
    assert metrics[-1].value < metrics[0].value
    page = (tmp_path / "a/previews/latest.txt").read_text()
    assert page.count("--- ") == 4
    assert set(page) <= {*prose.read_text(), *"-0123"}
    assert page == (tmp_path / "a/previews/step-0000006.txt").read_text()
    # Looking leaves no trace in the weights.
    assert state_of(tmp_path / "a") == state_of(finished_texts / "prose")


def test_without_held_out_text_nothing_is_measured(
    tmp_path: Path, prose: Path, tiny_text: tuple[str, ...]
) -> None:
    changes = (*tiny_text, "engine.preview_minutes=5", "data.held_out=0")
    events = list(train(prose, planned("text", steps=1, changes=changes), "a", tmp_path))
    assert not [event for event in events if isinstance(event, Metric)]


class TestBatches:
    def test_they_are_a_function_of_the_step(self, finished_texts: Path) -> None:
        one, other = (task_of(finished_texts / "labelled") for _ in range(2))
        for step in (0, 5, 3):
            assert same(one.batch(step), other.batch(step))
        assert not same(one.batch(0), one.batch(1))

    def test_one_long_text_has_no_segments(self, finished_texts: Path) -> None:
        batch = task_of(finished_texts / "prose").batch(0)
        assert batch.segments is None and batch.label is None and batch.cond == {}
        assert batch.counted.all()
        assert batch.x0.shape == batch.noise.shape == (4, 32)
        assert batch.t.dtype == batch.noise.dtype == torch.float64
        # Evenly spread: one time in each quarter.
        assert (batch.t.sort().values * 4).floor().tolist() == [0, 1, 2, 3]

    def test_short_texts_are_packed_with_others_of_their_label(self, finished_texts: Path) -> None:
        task = task_of(finished_texts / "labelled")
        digits = {0: set("02468"), 1: set("13579")}
        seen = set()
        for step in range(12):
            batch = task.batch(step)
            assert batch.segments is not None and batch.label is not None
            assert torch.equal(batch.counted, batch.segments >= 0)
            for row, label in enumerate(batch.label.tolist()):
                seen.add(label)
                tokens = batch.x0[row][batch.counted[row]].numpy()
                text = task._data.tokenizer.decode(tokens)
                assert any(set(text) <= kind for kind in digits.values())
                if label in digits:
                    assert set(text) <= digits[label]
        assert {0, 1} <= seen

    def test_some_labels_are_hidden(self, finished_texts: Path) -> None:
        task = task_of(finished_texts / "labelled")
        labels = torch.cat([task.batch(step).label for step in range(100)])
        hidden = int((labels == 2).sum())
        # Of 400 with chance 0.1: within 3.3 deviations of 6.
        assert 20 <= hidden <= 60

    def test_a_loss_for_every_row(self, finished_texts: Path) -> None:
        for name in ("prose", "uniform", "labelled"):
            task = task_of(finished_texts / name)
            losses = task.loss(task.batch(2))
            assert losses.shape == (4,) and losses.isfinite().all() and losses.requires_grad


def same(one: Any, other: Any) -> bool:
    pairs = [(getattr(one, name), getattr(other, name)) for name in vars(one)]
    return all((a is b) if a is None or b is None else torch.equal(a, b) for a, b in pairs)
