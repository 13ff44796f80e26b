from __future__ import annotations

import itertools
import math
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from sfumato.engine import loop
from sfumato.engine.checkpoint import CheckpointStore
from sfumato.engine.events import (
    Done,
    Event,
    Metric,
    Progress,
    Saved,
    Skipped,
    Started,
    Warned,
)
from sfumato.engine.loop import Trainer
from sfumato.engine.precision import Decision
from sfumato.engine.settings import Budget, EngineSettings
from sfumato.engine.signals import StopRequest
from sfumato.engine.state import TrainingState
from sfumato.engine.watch import Watch
from sfumato.errors import DataError, Diverged, Interrupted, RunError, SettingError

STEPS = Budget(steps=40)


def everything(state: TrainingState) -> dict[str, Tensor]:
    return {f"{g}:{n}": t for g, named in state.tensors().items() for n, t in named.items()}


def assert_same(a: TrainingState, b: TrainingState) -> None:
    ours, theirs = everything(a), everything(b)
    assert ours.keys() == theirs.keys()
    assert len(ours) > 15
    for name, tensor in ours.items():
        assert torch.equal(tensor, theirs[name]), name
    assert (a.step, a.samples, a.loss) == (b.step, b.samples, b.loss)
    assert a.scalars()["optimizer"] == b.scalars()["optimizer"]


class Recorder(Watch):
    """Yields one event for each call, named after it; leaves the module in evaluation mode."""

    def __init__(self, module: nn.Module | None = None) -> None:
        self.module = module

    def power_of_two(self, step: int) -> Iterable[Event]:
        return self._called("power_of_two", step)

    def evaluate(self, step: int) -> Iterable[Event]:
        return self._called("evaluate", step)

    def saved(self, step: int) -> Iterable[Event]:
        return self._called("saved", step)

    def preview(self, step: int) -> Iterable[Event]:
        return self._called("preview", step)

    def done(self, step: int) -> Iterable[Event]:
        return self._called("done", step)

    def _called(self, name: str, step: int) -> Iterable[Event]:
        if self.module is not None and name in ("evaluate", "preview"):
            self.module.eval()
        return [Metric(step=step, name=name, value=0.0)]


def called(events: Iterable[Event], *names: str) -> list[tuple[str, int]]:
    """Which methods of a :class:`Recorder` were called, and at which steps."""
    calls = [(event.name, event.step) for event in events if isinstance(event, Metric)]
    return [call for call in calls if not names or call[0] in names]


def toy(
    directory: Path,
    loss: Callable[[nn.Module, Tensor], Tensor] | None = None,
    batches: Callable[[int], Any] | None = None,
    **settings: Any,
) -> Trainer[Any]:
    module = nn.Linear(4, 1)
    with torch.no_grad():
        module.weight.fill_(0.5)
        module.bias.zero_()
    square = loss or (lambda m, x: m(x)[:, 0].square())
    draw = batches or (lambda s: torch.randn(8, 4, generator=torch.Generator().manual_seed(s)))
    asked = {"batch": 8, "precision": "fp32", "preview_minutes": None, **settings}
    store = CheckpointStore(directory / "checkpoints")
    return Trainer(
        module, lambda x: square(module, x), draw, EngineSettings.model_validate(asked), store
    )


@pytest.mark.parametrize("kind", ["adamw", "muon"])
@pytest.mark.parametrize("stop_at", [3, 5, 13, 29])
def test_resuming_is_bitwise_the_unbroken_run(
    tmp_path: Path, job_code: ModuleType, kind: str, stop_at: int
) -> None:
    """Mid-epoch 0, at a boundary, mid-epoch 2 and inside the cool-down."""
    unbroken = job_code.make_trainer(tmp_path / "unbroken", kind)
    list(unbroken.run(STEPS))
    first = job_code.make_trainer(tmp_path / "broken", kind, progress_seconds=0)
    stop = StopRequest()
    with pytest.raises(Interrupted):
        for event in first.run(STEPS, stop):
            if event.step == stop_at:
                stop.ask()
    second = job_code.make_trainer(tmp_path / "broken", kind)
    events = list(second.run(STEPS))
    assert isinstance(events[0], Started)
    assert (events[0].step, events[0].resumed) == (stop_at, True)
    assert not any(isinstance(event, Warned) for event in events)
    assert_same(unbroken.state, second.state)


def test_a_killed_run_ends_where_the_unbroken_one_ends(
    tmp_path: Path, jobs: Any, job_code: ModuleType
) -> None:
    unbroken = job_code.make_trainer(tmp_path / "unbroken")
    list(unbroken.run(STEPS))
    directory = tmp_path / "killed"
    pid = jobs.start("train_forever", directory, until="reached")
    assert jobs.end(pid) == -9
    resumed = job_code.make_trainer(directory)
    events = list(resumed.run(STEPS))
    assert events[0].step == 12  # the last multiple of 3 before the kill at 14
    assert_same(unbroken.state, resumed.state)


def test_after_damage_the_run_goes_on_from_the_checkpoint_before(
    tmp_path: Path, job_code: ModuleType
) -> None:
    unbroken = job_code.make_trainer(tmp_path / "a")
    list(unbroken.run(STEPS))
    trainer = job_code.make_trainer(tmp_path / "b")
    for event in trainer.run(STEPS):
        if isinstance(event, Saved) and event.step == 9:
            (event.path / "ema.safetensors").write_bytes(b"")
            break
    resumed = job_code.make_trainer(tmp_path / "b")
    events = list(resumed.run(STEPS))
    assert isinstance(events[0], Warned)
    assert "ema.safetensors" in events[0].message
    assert events[1].step == 6
    assert_same(unbroken.state, resumed.state)


def test_a_longer_budget_goes_on_and_says_what_becomes_of_the_schedule(tmp_path: Path) -> None:
    list(toy(tmp_path).run(Budget(steps=10)))
    longer = toy(tmp_path)
    events = list(longer.run(Budget(steps=20)))
    assert any(isinstance(e, Warned) and "length of the run changed" in e.message for e in events)
    assert longer.state.step == 20
    again = list(toy(tmp_path).run(Budget(steps=20)))
    assert [type(event) for event in again] == [Started, Done]  # nothing left to do, none saved


def test_a_changed_identity_is_refused_unless_allowed(tmp_path: Path) -> None:
    list(toy(tmp_path).run(Budget(steps=2)))
    with pytest.raises(RunError, match="batch changed"):
        list(toy(tmp_path, batch=16).run(Budget(steps=4)))
    assert list(toy(tmp_path, batch=16).run(Budget(steps=4), allow_changes=True))


def test_another_module_is_refused_by_the_name_of_a_weight(
    tmp_path: Path, job_code: ModuleType
) -> None:
    list(job_code.make_trainer(tmp_path).run(Budget(steps=1)))
    with pytest.raises(RunError) as caught:
        list(toy(tmp_path).run(Budget(steps=2)))
    assert "'0.bias'" in str(caught.value)


@pytest.mark.parametrize("parts", [2, 3, 8])
def test_accumulation_has_the_gradient_of_the_whole_batch(tmp_path: Path, parts: int) -> None:
    whole, cut = toy(tmp_path / "a"), toy(tmp_path / "b", accumulate=parts)
    list(whole.run(Budget(steps=1)))
    list(cut.run(Budget(steps=1)))
    for name, tensor in everything(whole.state).items():
        torch.testing.assert_close(everything(cut.state)[name], tensor, rtol=1e-6, atol=1e-7)


def test_clipping_bounds_the_gradient_and_reports_it_unclipped(tmp_path: Path) -> None:
    trainer = toy(tmp_path, loss=lambda m, x: 1e4 * m(x)[:, 0].square(), clip=0.5)
    events = list(trainer.run(Budget(steps=1)))
    gradients = [p.grad.flatten() for p in trainer.state.module.parameters() if p.grad is not None]
    assert torch.cat(gradients).norm().item() == pytest.approx(0.5, rel=1e-4)
    assert next(e for e in events if isinstance(e, Progress)).grad_norm > 100


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_divergence_names_its_step_and_saves_nothing_after(tmp_path: Path, bad: float) -> None:
    def batches(step: int) -> Tensor:
        x = torch.ones(8, 4)
        x[3, 2] = bad if step == 7 else 1.0
        return x

    trainer = toy(tmp_path, batches=batches, save_steps=2)
    with pytest.raises(Diverged, match="step 7"):
        list(trainer.run(Budget(steps=20)))
    found, warnings = trainer.checkpoints.load_latest()
    assert found is not None
    assert found.step == 6
    assert warnings == []
    assert all(t.isfinite().all() for named in found.tensors.values() for t in named.values())


def spoilt(*steps: int) -> Callable[[int], Tensor]:
    """Batches of eight, of which sample 3 is not a number at some steps."""

    def batches(step: int) -> Tensor:
        x = torch.randn(8, 4, generator=torch.Generator().manual_seed(step))
        x[3, 2] = math.nan if step in steps else x[3, 2]
        return x

    return batches


@pytest.mark.parametrize("accumulate", [1, 4])
def test_divergence_names_the_samples(tmp_path: Path, accumulate: int) -> None:
    trainer = toy(tmp_path, batches=spoilt(7), accumulate=accumulate)
    with pytest.raises(Diverged, match="loss of sample 3 of the batch of step 7") as caught:
        list(trainer.run(Budget(steps=20)))
    assert (caught.value.step, caught.value.places) == (7, (3,))


def test_a_gradient_alone_names_no_sample(tmp_path: Path) -> None:
    trainer = toy(tmp_path, loss=lambda m, x: (m(x)[:, 0] * 0.0).abs().sqrt())
    with pytest.raises(Diverged, match="gradient norm is nan") as caught:
        list(trainer.run(Budget(steps=20)))
    assert (caught.value.step, caught.value.places) == (0, ())


def test_skipped_steps_leave_everything_as_it_was(tmp_path: Path) -> None:
    skipping = toy(tmp_path, batches=spoilt(2, 5), on_divergence="skip")
    events = list(skipping.run(Budget(steps=8)))
    assert [(e.step, e.places) for e in events if isinstance(e, Skipped)] == [(2, (3,)), (5, (3,))]
    assert skipping.state.step == 8
    assert skipping.state.samples == 64
    assert skipping.state.ema.steps == 6
    assert math.isfinite(skipping.state.loss)
    assert all(t.isfinite().all() for t in everything(skipping.state).values())


def test_running_statistics_take_nothing_from_a_skipped_batch(tmp_path: Path) -> None:
    module = nn.Sequential(nn.BatchNorm1d(4), nn.Linear(4, 1))
    draw = spoilt(2)
    asked = EngineSettings(batch=8, precision="fp32", preview_minutes=None, on_divergence="skip")
    store = CheckpointStore(tmp_path / "checkpoints")
    trainer = Trainer(module, lambda x: module(x)[:, 0].square(), draw, asked, store)
    for _ in trainer.run(Budget(steps=4)):
        pass
    assert all(buffer.isfinite().all() for buffer in module.buffers())


def test_a_run_that_skips_resumes_to_the_same_bits(tmp_path: Path) -> None:
    asked = {"batches": spoilt(4, 11), "on_divergence": "skip", "save_steps": 5}
    whole = toy(tmp_path / "whole", **asked)
    list(whole.run(Budget(steps=20)))
    for event in toy(tmp_path / "cut", **asked).run(Budget(steps=20)):
        if isinstance(event, Saved) and event.step == 10:
            break
    cut = toy(tmp_path / "cut", **asked)
    list(cut.run(Budget(steps=20)))
    ours, theirs = everything(whole.state), everything(cut.state)
    assert all(torch.equal(tensor, theirs[name]) for name, tensor in ours.items())


def test_weights_that_are_lost_cannot_be_skipped(tmp_path: Path) -> None:
    trainer = toy(tmp_path, batches=spoilt(*range(3, 40)), on_divergence="skip")
    with pytest.raises(Diverged, match="step 13"):
        list(trainer.run(Budget(steps=40)))


def test_a_weight_that_is_not_finite_is_never_saved(tmp_path: Path) -> None:
    trainer = toy(tmp_path, save_steps=4, progress_seconds=0.0)
    with pytest.raises(Diverged, match="step 4"):
        for event in trainer.run(Budget(steps=20)):
            if event.step == 3:
                trainer.ema.tensors()["bias"].fill_(math.nan)
    assert trainer.checkpoints.steps() == []


def test_a_loss_that_is_not_per_sample_is_refused(tmp_path: Path) -> None:
    trainer = toy(tmp_path, loss=lambda m, x: m(x).square().mean())
    with pytest.raises(ValueError, match="one number per sample"):
        list(trainer.run(Budget(steps=1)))


def test_the_minutes_are_kept_across_sessions(tmp_path: Path) -> None:
    budget = Budget(minutes=0.6 / 60)

    def slow(step: int) -> Tensor:
        time.sleep(0.02)
        return torch.ones(8, 4)

    stop, first = StopRequest(), toy(tmp_path, batches=slow, progress_seconds=0.0)
    with pytest.raises(Interrupted):
        for event in first.run(budget, stop):
            if isinstance(event, Progress) and event.share > 0.5:
                stop.ask()
    assert 0.3 < first.state.elapsed < 0.6
    began, second = time.monotonic(), toy(tmp_path, batches=slow)
    events = list(second.run(budget))
    assert isinstance(events[-1], Done)
    assert events[-1].elapsed >= 0.6
    assert second.state.samples > first.state.samples
    assert time.monotonic() - began < 0.6 + 1.0


def test_previews_are_due_on_time_and_at_the_end(tmp_path: Path) -> None:
    trainer = toy(tmp_path, preview_minutes=1e-6)
    due = called(trainer.run(Budget(steps=5), watch=Recorder()), "preview")
    assert due[0] == ("preview", 1)
    assert due[-1] == ("preview", 5)


def test_the_module_is_in_training_mode_after_a_preview(tmp_path: Path) -> None:
    modes = []

    def loss(module: nn.Module, x: Tensor) -> Tensor:
        modes.append(module.training)
        predicted: Tensor = module(x)[:, 0]
        return predicted.square()

    trainer = toy(tmp_path, loss=loss, preview_minutes=1e-6)
    list(trainer.run(Budget(steps=4), watch=Recorder(trainer.state.module)))
    assert modes == [True] * 4


def test_an_error_in_the_data_comes_out_with_its_origin(tmp_path: Path) -> None:
    def batches(step: int) -> Tensor:
        if step == 3:
            raise DataError("photo.png is empty")
        return torch.ones(8, 4)

    with pytest.raises(DataError, match=r"photo\.png") as caught:
        list(toy(tmp_path, batches=batches).run(Budget(steps=9)))
    assert caught.traceback[-1].name == "batches"
    assert caught.value.__notes__ == ["while preparing the batch of step 3"]


def test_batches_are_a_function_of_the_step_and_end_with_the_budget(tmp_path: Path) -> None:
    asked = []

    def batches(step: int) -> Tensor:
        asked.append(step)
        return torch.ones(8, 4)

    list(toy(tmp_path, batches=batches).run(Budget(steps=6)))
    assert asked == list(range(6))


def test_a_consumer_may_leave_at_any_event(tmp_path: Path) -> None:
    events = toy(tmp_path, progress_seconds=0.0).run(Budget(steps=10**6), watch=Recorder())
    taken: list[Event] = list(itertools.islice(events, 5))
    events.close()  # type: ignore[attr-defined]
    assert [event.step for event in taken] == [0, 1, 1, 2, 2]


@pytest.mark.parametrize("limits", [{}, {"steps": 0}, {"minutes": -1.0}])
def test_an_empty_budget_is_refused(limits: dict[str, Any]) -> None:
    with pytest.raises(SettingError):
        Budget(**limits)


def test_evaluations_are_due_by_samples_and_at_the_end(tmp_path: Path) -> None:
    trainer = toy(tmp_path, evaluate_samples=24)
    size = trainer.settings.batch
    events = trainer.run(Budget(steps=10), watch=Recorder())
    due = [step for _, step in called(events, "evaluate")]
    expected = [step for step in range(1, 11) if step * size // 24 > (step - 1) * size // 24]
    assert due == [*dict.fromkeys([*expected, 10])]


def test_powers_of_two_come_before_they_are_saved(tmp_path: Path) -> None:
    events = list(toy(tmp_path, save_steps=1).run(Budget(steps=9), watch=Recorder()))
    calls = called(events, "power_of_two", "saved")
    assert [step for name, step in calls if name == "power_of_two"] == [1, 2, 4, 8]
    assert [step for _, step in calls] == [1, 1, 2, 2, 3, 4, 4, 5, 6, 7, 8, 8, 9]
    again = toy(tmp_path).run(Budget(steps=9), watch=Recorder())
    assert called(again, "power_of_two") == []


def test_a_short_run_is_evaluated_once_and_a_finished_one_not_again(tmp_path: Path) -> None:
    events = list(toy(tmp_path).run(Budget(steps=3), watch=Recorder()))
    assert called(events, "evaluate", "saved") == [("evaluate", 3), ("saved", 3)]
    again = list(toy(tmp_path).run(Budget(steps=3), watch=Recorder()))
    assert called(again, "evaluate") == []


def test_the_watch_is_called_in_order_and_before_what_it_is_about_is_said(tmp_path: Path) -> None:
    """At one step, everything at once: what is kept of a step is kept before it is saved."""
    settings = {"save_steps": 2, "evaluate_samples": 16, "preview_minutes": 1e-6}
    events = list(toy(tmp_path, **settings).run(Budget(steps=2), watch=Recorder()))
    order = [e.name if isinstance(e, Metric) else type(e) for e in events if e.step == 2]
    assert order == [
        "power_of_two", Progress, "evaluate", "saved", Saved, "preview", "preview", "done", Done,
    ]  # fmt: skip
    again = list(toy(tmp_path, **settings).run(Budget(steps=2), watch=Recorder()))
    assert called(again) == [("preview", 2), ("done", 2)]  # Nothing is left to train or to save.


def test_without_a_watch_the_events_are_those_of_the_loop(tmp_path: Path) -> None:
    settings = {"save_steps": 2, "evaluate_samples": 16, "preview_minutes": 1e-6}
    events = list(toy(tmp_path, **settings).run(Budget(steps=2)))
    assert [type(event) for event in events if event.step == 2] == [Progress, Saved, Done]


def measured(events: Iterator[Event], until: Callable[[Event], bool]) -> list[int]:
    """At which steps evaluations were due, up to an event at which the session dies."""
    due = []
    for event in events:
        due += [step for _, step in called([event], "evaluate")]
        if until(event):
            events.close()  # type: ignore[attr-defined]
            break
    return due


@pytest.mark.parametrize("killed_at", [6, 9, 12])
def test_a_run_killed_at_a_save_misses_no_evaluation(tmp_path: Path, killed_at: int) -> None:
    """Evaluations and saves fall on the same steps."""

    def killed(event: Event) -> bool:
        return isinstance(event, Saved) and event.step == killed_at

    settings = {"evaluate_samples": 24, "save_steps": 3}
    first, second = toy(tmp_path, **settings), toy(tmp_path, **settings)
    before = measured(first.run(Budget(steps=12), watch=Recorder()), killed)
    after = measured(second.run(Budget(steps=12), watch=Recorder()), lambda _: False)
    assert before + after == [3, 6, 9, 12]


def test_a_run_stopped_at_an_evaluation_does_not_miss_it(tmp_path: Path) -> None:
    stop, due = StopRequest(), []
    first = toy(tmp_path, evaluate_samples=24, progress_seconds=0)
    with pytest.raises(Interrupted):
        for event in first.run(Budget(steps=12), stop, Recorder()):
            due += [step for _, step in called([event], "evaluate")]
            if isinstance(event, Progress) and event.step == 6:
                stop.ask()
    again = toy(tmp_path, evaluate_samples=24).run(Budget(steps=12), watch=Recorder())
    assert due + measured(again, lambda _: False) == [3, 6, 9, 12]


def test_the_module_is_in_training_mode_after_an_evaluation(tmp_path: Path) -> None:
    modes = []

    def loss(module: nn.Module, x: Tensor) -> Tensor:
        modes.append(module.training)
        predicted: Tensor = module(x)[:, 0]
        return predicted.square()

    trainer = toy(tmp_path, loss=loss, evaluate_samples=1)
    list(trainer.run(Budget(steps=4), watch=Recorder(trainer.state.module)))
    assert modes == [True] * 4


class Line(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.full((4,), 0.5))

    def forward(self, x: Tensor) -> Tensor:
        return x @ self.weight


def line(directory: Path, **settings: Any) -> Trainer[Any]:
    module = Line()
    store = CheckpointStore(directory / "checkpoints")
    asked = EngineSettings(batch=8, preview_minutes=None, precision="fp32", **settings)

    def batches(step: int) -> Tensor:
        return torch.randn(8, 4, generator=torch.Generator().manual_seed(step))

    return Trainer(module, lambda x: module(x).square(), batches, asked, store)


@pytest.mark.parametrize("kind", ["right", "wrong", "not a number", "fails"])
def test_what_was_compiled_is_used_only_if_it_computes_the_same(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, kind: str
) -> None:
    calls = []

    def backend(graph: torch.fx.GraphModule, inputs: list[Tensor]) -> Callable[..., Any]:
        if kind == "fails":
            raise RuntimeError("no such instruction")
        factor = {"right": 1.0, "wrong": 3.0, "not a number": math.nan}[kind]

        def run(*args: Tensor) -> tuple[Tensor, ...]:
            calls.append(kind)
            return tuple(factor * out for out in graph(*args))

        return run

    written = line(tmp_path / "written", compile="off")
    list(written.run(Budget(steps=5)))
    monkeypatch.setattr(loop, "choose_compile", lambda *asked: Decision("on", "told"))
    monkeypatch.setattr(loop, "compile_parts", lambda module: module.compile(backend=backend))
    compiled = line(tmp_path / "compiled", compile="on")
    said = [event.message for event in compiled.run(Budget(steps=5)) if isinstance(event, Warned)]
    for name, tensor in everything(written.state).items():
        torch.testing.assert_close(everything(compiled.state)[name], tensor)
    assert len(calls) == {"right": 6, "fails": 0}.get(kind, 1)
    if kind == "right":
        assert said == []
    else:
        (message,) = said
        why = {"wrong": "norm of", "not a number": "norm of nan", "fails": "no such instruction"}
        assert why[kind] in message


def test_slow_data_is_told_in_the_progress(tmp_path: Path) -> None:
    def late(step: int) -> Tensor:
        time.sleep(0.02)
        return torch.ones(8, 4)

    trainer = toy(tmp_path, batches=late, progress_seconds=0.0)
    said = [e for e in trainer.run(Budget(steps=20)) if isinstance(e, Progress)]
    assert said[-1].waiting > 0.5  # The network needs next to nothing.
    assert all(0.0 <= event.waiting <= 1.0 for event in said)


def test_the_first_checkpoint_comes_early_whatever_the_interval(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert loop._FIRST_SAVE_SECONDS < 60
    monkeypatch.setattr(loop, "_FIRST_SAVE_SECONDS", 0.0)

    def saved(steps: int) -> list[int]:
        trainer = toy(tmp_path, save_minutes=1e6)
        return [
            event.step for event in trainer.run(Budget(steps=steps)) if isinstance(event, Saved)
        ]

    assert saved(5) == [1, 5]
    assert saved(9) == [9]  # A resumed session has one already.
