from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from sfumato.engine.events import Metric, Progress, Warned
from sfumato.engine.signals import StopRequest
from sfumato.errors import Interrupted
from sfumato.media.medium import Data
from sfumato.runs import spec as specs
from sfumato.runs.directory import RunDirectory
from sfumato.training import overfitting
from sfumato.training.data import reopen
from sfumato.training.number_task import NumberTask
from sfumato.training.overfitting import SIGN
from sfumato.training.task import Measures
from sfumato.training.train import planned, resume, train

Runs = Callable[..., Path]


def turning(step: int) -> Measures:
    """Training items always get better, those held out until step 4."""
    each = torch.linspace(0, 1, 8, dtype=torch.float64)
    held_out = 1 - 0.05 * step if step <= 4 else 0.8 + 0.03 * (step - 4)
    return Measures("loss", held_out + each, 1 - 0.05 * step + each)


@pytest.fixture
def made_up(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Evaluations at every step come out as :func:`turning` says; holds how many there were."""
    made = [0]

    def measures(_: NumberTask) -> Measures:
        made[0] += 1
        return turning(made[0])

    monkeypatch.setattr(NumberTask, "measures", measures)
    # The best weights are those of step 4, whatever the network would make of them.
    monkeypatch.setattr(overfitting, "best_measures", lambda *_: turning(4))
    return made


def advised(events: list[object]) -> list[int]:
    return [e.step for e in events if isinstance(e, Warned) and e.message.startswith(SIGN)]


def begun(pictures: Path, root: Path, tiny: tuple[str, ...], stop_at: int) -> list[object]:
    plan = planned("image", steps=20, changes=(*tiny, "engine.evaluate_samples=4"))
    stop, events = StopRequest(), []
    with pytest.raises(Interrupted):
        for event in train(pictures, plan, "run", root, stop):
            events.append(event)
            if isinstance(event, Progress) and event.step == stop_at:
                stop.ask()
    return list(events)


def test_a_run_is_advised_once_over_all_its_sessions(
    tmp_path: Path, pictures: Path, tiny: tuple[str, ...], made_up: list[int]
) -> None:
    assert advised(begun(pictures, tmp_path, tiny, stop_at=9)) == [7]
    assert advised(list(resume(RunDirectory(tmp_path / "run")))) == []
    assert made_up == [20]


def test_a_session_that_begins_behind_the_best_knows_it(
    tmp_path: Path, pictures: Path, tiny: tuple[str, ...], made_up: list[int]
) -> None:
    assert advised(begun(pictures, tmp_path, tiny, stop_at=6)) == []
    # Steps 7, 8 and 9 are three in a row.
    assert advised(list(resume(RunDirectory(tmp_path / "run")))) == [9]
    assert made_up == [20]


def opened(run: Path) -> tuple[RunDirectory, specs.Spec, Data]:
    directory = RunDirectory(run)
    spec = specs.read(directory.spec)
    (data,) = [e for e in reopen(directory, spec.data, spec.recipe) if isinstance(e, Data)]
    return directory, spec, data


def test_the_best_weights_measure_what_they_measured_before(runs: Runs) -> None:
    directory, spec, data = opened(runs("unet"))
    again = overfitting.best_measures(directory, spec, data)
    assert again is not None
    lines = [json.loads(line) for line in directory.log.read_text().splitlines()]
    logged = [
        Metric(step=line["step"], name=line["name"], value=line["value"])
        for line in lines
        if line["event"] == "metric"
    ]
    assert list(again.metrics(4)) == logged


@pytest.mark.parametrize("content", [None, b"", b"x"])
def test_without_best_weights_the_watch_begins_anew(runs: Runs, content: bytes | None) -> None:
    directory, spec, data = opened(runs("unet"))
    directory.best.unlink()
    if content is not None:
        directory.best.write_bytes(content)
    assert overfitting.best_measures(directory, spec, data) is None


def test_evaluations_that_were_lost_do_not_count(
    runs: Runs, monkeypatch: pytest.MonkeyPatch
) -> None:
    directory, spec, data = opened(runs("unet"))
    lines = [
        *({"event": "metric", "step": step, "name": "held-out loss"} for step in range(1, 31)),
        {"event": "started", "step": 5},
        *({"event": "metric", "step": step, "name": "held-out loss"} for step in range(4, 8)),
    ]
    directory.log.write_text("".join(json.dumps(line) + "\n" for line in lines))
    monkeypatch.setattr(overfitting, "best_measures", lambda *_: turning(4))
    watched = overfitting.Overfitting.resumed(directory, spec, data)
    # Three are enough after the seven that count, and would not be after all thirty.
    assert [watched(turning(step)) is None for step in (8, 9, 10)] == [True, True, False]
