"""A loss that is not finite is traced to the files that it came with."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from sfumato.engine.events import Warned
from sfumato.errors import Diverged
from sfumato.training.batches import Batches
from sfumato.training.token_task import TokenTask
from sfumato.training.train import planned, train

SPOILT = 2


@pytest.fixture
def bad_pictures(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """One picture of step 2 is not a number; what it is called."""
    make, names = Batches.__call__, []

    def spoil(self: Batches, step: int) -> Any:
        batch = make(self, step)
        if step == SPOILT:
            names[:] = self.names(step, [1])
            batch.x0[1, 0, 0, 0] = float("nan")
        return batch

    monkeypatch.setattr(Batches, "__call__", spoil)
    yield names


def test_a_picture(
    tmp_path: Path, pictures: Path, tiny: tuple[str, ...], bad_pictures: list[str]
) -> None:
    plan = planned("image", steps=6, changes=tiny)
    with pytest.raises(Diverged) as caught:
        list(train(pictures, plan, "run", tmp_path))
    (name,) = bad_pictures
    assert (pictures / name).is_file()
    assert f"sample 1 of the batch of step 2 is nan, of {name}" in caught.value.why
    assert "engine.on_divergence=skip" in caught.value.hint


def test_a_skipped_picture(
    tmp_path: Path, pictures: Path, tiny: tuple[str, ...], bad_pictures: list[str]
) -> None:
    changes = (*tiny, "engine.on_divergence=skip")
    events = list(train(pictures, planned("image", steps=6, changes=changes), "run", tmp_path))
    said = [event.message for event in events if isinstance(event, Warned)]
    assert any("Step 2 is skipped: the loss of sample 1" in line for line in said)
    assert any(bad_pictures[0] in line for line in said)


def test_texts(
    tmp_path: Path,
    records: Path,
    tiny_text: tuple[str, ...],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    drawn, named = TokenTask.batch, []

    def spoil(self: TokenTask, step: int) -> Any:
        batch = drawn(self, step)
        if step != SPOILT:
            return batch
        named[:] = self.names(step, [1])
        t = batch.t.clone()
        t[1] = float("nan")
        return replace(batch, t=t)

    monkeypatch.setattr(TokenTask, "batch", spoil)
    with pytest.raises(Diverged) as caught:
        list(train(records, planned("text", steps=6, changes=tiny_text), "run", tmp_path))
    assert "sample 1 of the batch of step 2" in caught.value.why
    assert named
    assert named[0] in caught.value.why


@pytest.mark.parametrize("rate", ["1000", "1e30"])
def test_a_rate_that_is_too_high_is_named_and_no_picture(
    tmp_path: Path, pictures: Path, tiny: tuple[str, ...], rate: str
) -> None:
    changes = (*tiny, f"engine.optimizer.lr={rate}", "engine.learning_rate.warmup=0",
               "engine.clip=null")  # fmt: skip
    with pytest.raises(Diverged) as caught:
        list(train(pictures, planned("image", steps=200, changes=changes), "run", tmp_path))
    assert caught.value.of_weights
    assert f"The learning rate of this run is {float(rate):g}" in caught.value.hint
    assert ".png" not in str(caught.value)


def test_a_whole_batch_is_not_the_fault_of_its_pictures(
    tmp_path: Path, pictures: Path, tiny: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    make = Batches.__call__

    def spoil(self: Batches, step: int) -> Any:
        batch = make(self, step)
        return replace(batch, x0=batch.x0 * float("nan")) if step == SPOILT else batch

    monkeypatch.setattr(Batches, "__call__", spoil)
    with pytest.raises(Diverged) as caught:
        list(train(pictures, planned("image", steps=6, changes=tiny), "run", tmp_path))
    assert "all 4 samples of the batch of step 2" in caught.value.why
    assert "engine.optimizer.lr" in caught.value.hint
    assert ".png" not in str(caught.value)
