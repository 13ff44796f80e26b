from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from PIL import Image

from sfumato.engine.checkpoint import CheckpointStore
from sfumato.engine.events import Done, Saved, Started, Warned
from sfumato.engine.lock import RunLock
from sfumato.engine.signals import StopRequest
from sfumato.errors import (
    DataError,
    Interrupted,
    MissingExtra,
    RunError,
    RunLocked,
    SettingError,
    SfumatoError,
)
from sfumato.media.medium import Reading
from sfumato.runs import spec as specs
from sfumato.runs.directory import RunDirectory
from sfumato.training.train import planned, resume, train

Runs = Callable[..., Path]


def done(events: Sequence[object]) -> Done:
    (last,) = [event for event in events if isinstance(event, Done)]
    return last


def test_a_run_has_its_files(finished_runs: Path, pictures: Path) -> None:
    run = RunDirectory(finished_runs / "unet")
    assert {path.name for path in run.root.iterdir()} == {
        "spec.json", "model.safetensors", "checkpoints", "log.jsonl", "README.md", "lock",
        "covariance.safetensors",
        "data.digests", "best.safetensors",
        "early",
    }  # fmt: skip
    assert (run.checkpoints / "latest").read_text().strip() == "step-0000004"
    lines = [json.loads(line) for line in run.log.read_text().splitlines()]
    assert [line["event"] for line in lines] == [
        "started", *["progress"] * 4, "metric", "metric", "kept", "saved", "done",
    ]  # fmt: skip
    spec = specs.read(run.spec)
    assert spec.data.source == str(pictures)
    assert spec.data.classes == ("cat", "dog")
    assert spec.data.count == 12
    assert sum(spec.data.frequencies) == pytest.approx(1)
    assert spec.recipe.budget.steps == 4
    assert spec.recipe.budget.minutes is None
    assert spec.recipe.medium.channels == "rgb"
    assert "4 of 4 samples" in run.card.read_text()


def test_previews_are_made(tmp_path: Path, pictures: Path, tiny: tuple[str, ...]) -> None:
    plan = planned(steps=2, changes=(*tiny, "engine.preview_minutes=5"))
    events = list(train(pictures, plan, "a", tmp_path))
    names = [path.name for path in sorted((tmp_path / "a/previews").iterdir())]
    assert names == ["latest.png", "step-0000002.png"]
    with Image.open(tmp_path / "a/previews/latest.png") as picture:
        picture.load()
    assert [event.name for event in events if type(event).__name__ == "Metric"] == [  # type: ignore[union-attr]
        "held-out loss", "training loss",
    ]  # fmt: skip


def test_previews_of_a_run_with_words_show_them(
    tmp_path: Path, own_pictures: Path, tiny: tuple[str, ...]
) -> None:
    def preview(recipe: str, name: str) -> tuple[int, int]:
        plan = planned(recipe, steps=1, changes=(*tiny, "engine.preview_minutes=5"))
        list(train(own_pictures, plan, name, tmp_path))
        with Image.open(tmp_path / name / "previews/latest.png") as picture:
            return picture.size

    for path in own_pictures.rglob("*.png"):
        path.with_suffix(".txt").write_text("a picture\nimage")
    # Four images of 16 x 16 in a row; with words they are larger and each has a line below.
    assert preview("image", "plain") == (4 * (96 + 6) + 6,) * 2
    assert preview("image-words", "words") == (4 * (128 + 10) + 10, 4 * (128 + 15 + 10) + 10)


def test_the_same_plan_gives_the_same_run(
    tmp_path: Path, finished_runs: Path, pictures: Path, tiny: tuple[str, ...],
    state_of: Callable[[Path], dict[str, str]],
) -> None:  # fmt: skip
    # Previews and saves on the way leave no trace in the weights; another seed does.
    same = planned(steps=4, changes=(*tiny, "engine.preview_minutes=1e-9", "engine.save_steps=1"))
    list(train(pictures, same, "same", tmp_path))
    list(train(pictures, planned(steps=4, changes=(*tiny, "seed=1")), "other", tmp_path))
    expected = state_of(finished_runs / "unet")
    assert state_of(tmp_path / "same") == expected
    assert state_of(tmp_path / "other")["model"] != expected["model"]


def test_a_run_without_a_name_gets_a_free_one(
    tmp_path: Path, pictures: Path, tiny: tuple[str, ...]
) -> None:
    plan = planned(steps=1, changes=tiny)
    for _ in range(2):
        list(train(pictures, plan, root=tmp_path))
    assert {path.name for path in tmp_path.iterdir()} == {"pictures-image", "pictures-image-2"}


@pytest.mark.parametrize(
    ("steps", "minutes"), [(0, None), (-1, None), (None, 0.0), (None, float("nan")), (0, 5.0)]
)
def test_a_length_that_is_none_is_refused(
    runs: Runs, steps: int | None, minutes: float | None
) -> None:
    with pytest.raises(SettingError, match=r"(steps|minutes) cannot be"):
        planned(steps=steps, minutes=minutes)
    run = RunDirectory(runs("unet"))
    before = run.spec.read_bytes()
    with pytest.raises(SettingError, match=r"(steps|minutes) cannot be"):
        list(resume(run, steps=steps, minutes=minutes))
    assert run.spec.read_bytes() == before


def test_a_length_replaces_the_recipe_s() -> None:
    assert planned(steps=7).budget.model_dump() == {"steps": 7, "minutes": None}
    assert planned(minutes=2.5).budget.model_dump() == {"steps": None, "minutes": 2.5}
    assert planned(steps=7, minutes=1).budget.model_dump() == {"steps": 7, "minutes": 1.0}


class TestNames:
    @pytest.mark.parametrize(
        "name", ["../x", "/tmp/x", "a/b", "a\0b", "", ".", "..", "-x", "a" * 101]
    )
    def test_bad_ones_write_nothing(self, tmp_path: Path, pictures: Path, name: str) -> None:
        with pytest.raises(SettingError, match="cannot be the name of a run"):
            next(train(pictures, planned(steps=1), name, tmp_path / "runs"))
        assert not list(tmp_path.iterdir())

    def test_a_run_is_not_begun_twice(self, runs: Runs, pictures: Path) -> None:
        run = runs("unet")
        before = (run / "spec.json").read_bytes()
        with pytest.raises(RunError, match="sfumato resume runs/unet"):
            next(train(pictures, planned(steps=1), "unet", Path("runs")))
        assert (run / "spec.json").read_bytes() == before

    def test_someone_s_folder_is_left_alone(self, tmp_path: Path, pictures: Path) -> None:
        (tmp_path / "mine").mkdir()
        (tmp_path / "mine/README.md").write_text("my notes")
        with pytest.raises(RunError, match=r"it holds README\.md"):
            next(train(pictures, planned(steps=1), "mine", tmp_path))
        assert (tmp_path / "mine/README.md").read_text() == "my notes"

    def test_the_slower_of_two_writes_nothing(
        self, tmp_path: Path, own_pictures: Path, tiny: tuple[str, ...]
    ) -> None:
        slow = train(own_pictures, planned(steps=9, changes=tiny), "a", tmp_path)
        while not isinstance(next(slow), Reading):
            pass
        list(train(own_pictures, planned(steps=1, changes=tiny), "a", tmp_path))
        with pytest.raises(RunError, match="already"):
            list(slow)
        assert specs.read(tmp_path / "a/spec.json").recipe.budget.steps == 1


class TestPlansThatCannotBe:
    def test_a_network_that_does_not_fit_leaves_nothing(
        self, tmp_path: Path, pictures: Path, tiny: tuple[str, ...]
    ) -> None:
        plan = planned(steps=1, changes=(*tiny, "medium.size=18"))
        with pytest.raises(SettingError, match="18"):
            list(train(pictures, plan, "a", tmp_path / "runs"))
        assert not (tmp_path / "runs").exists()

    def test_one_picture_is_trained_on(self, tmp_path: Path, tiny: tuple[str, ...]) -> None:
        (tmp_path / "one").mkdir()
        Image.new("RGB", (16, 16), "red").save(tmp_path / "one/a.png")
        plan = planned(steps=1, changes=(*tiny, "engine.preview_minutes=5"))
        assert done(list(train(tmp_path / "one", plan, "a", tmp_path))).step == 1

    def test_a_missing_extra_is_said_before_training(
        self, tmp_path: Path, pictures: Path, tiny: tuple[str, ...],
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:  # fmt: skip
        monkeypatch.setitem(__import__("sys").modules, "torch.utils.tensorboard", None)
        events = train(pictures, planned(steps=1, changes=tiny), "a", tmp_path, tensorboard=True)
        with pytest.raises(MissingExtra, match="tensorboard"):
            list(events)
        assert not (tmp_path / "a").exists()


class TestResuming:
    def test_a_finished_run_is_left_as_it_is(
        self, runs: Runs, state_of: Callable[[Path], dict[str, str]]
    ) -> None:
        run = runs("unet")
        before = state_of(run)
        events = list(resume(RunDirectory(run)))
        assert done(events).step == 4
        assert not [event for event in events if isinstance(event, Saved)]
        assert state_of(run) == before

    def test_more_steps_go_on_from_the_last(self, runs: Runs) -> None:
        run = RunDirectory(runs("unet"))
        events = list(resume(run, steps=6))
        assert [e.step for e in events if isinstance(e, Started)] == [4]
        assert done(events).step == 6
        assert specs.read(run.spec).recipe.budget.steps == 6

    def test_drafts_of_a_killed_session_are_swept(self, runs: Runs) -> None:
        run = RunDirectory(runs("unet"))
        for place in (run.root, run.previews):
            draft = place / ".partial-model.safetensors-1-0"
            draft.mkdir(parents=True)
            (draft / "half").write_text("x")
        list(resume(run, steps=5))
        assert not list(run.root.rglob(".partial-*"))

    def test_a_length_already_passed_is_refused(self, runs: Runs) -> None:
        run = RunDirectory(runs("unet"))
        before = run.spec.read_bytes()
        with pytest.raises(SettingError, match="1 steps long"):
            list(resume(run, steps=1))
        assert run.spec.read_bytes() == before

    def test_changed_data_is_refused_and_nothing_changes(
        self, tmp_path: Path, own_pictures: Path, tiny: tuple[str, ...]
    ) -> None:
        list(train(own_pictures, planned(steps=1, changes=tiny), "a", tmp_path))
        run = RunDirectory(tmp_path / "a")
        before = {path: path.read_bytes() for path in run.root.rglob("*") if path.is_file()}
        (own_pictures / "cat/0.png").unlink()
        with pytest.raises(RunError, match="were 12 usable items and now there are 11"):
            list(resume(run, steps=9))
        after = {path: path.read_bytes() for path in run.root.rglob("*") if path.is_file()}
        before.pop(run.root / "lock"), after.pop(run.root / "lock")
        assert after == before

    def test_lost_data_is_named(
        self, tmp_path: Path, own_pictures: Path, tiny: tuple[str, ...]
    ) -> None:
        list(train(own_pictures, planned(steps=1, changes=tiny), "a", tmp_path))
        own_pictures.rename(tmp_path / "elsewhere")
        with pytest.raises(DataError, match="not where they were"):
            list(resume(RunDirectory(tmp_path / "a")))

    def test_a_copied_folder_with_new_times_is_the_same_data(
        self, tmp_path: Path, own_pictures: Path, tiny: tuple[str, ...]
    ) -> None:
        list(train(own_pictures, planned(steps=1, changes=tiny), "a", tmp_path))
        os.utime(own_pictures / "cat/0.png", (0, 0))
        assert done(list(resume(RunDirectory(tmp_path / "a"), steps=2))).step == 2

    def test_a_second_writer_is_refused(self, runs: Runs) -> None:
        run = RunDirectory(runs("unet"))
        with RunLock(run.root), pytest.raises(RunLocked) as caught:
            list(resume(run))
        assert caught.value.exit_code == 4

    def test_a_run_that_was_never_published_is(
        self, runs: Runs, state_of: Callable[[Path], dict[str, str]]
    ) -> None:
        """Killed between the last checkpoint and its publication."""
        run = RunDirectory(runs("unet"))
        before = state_of(run.root)
        list(resume(run, steps=5))
        newer = run.model.read_bytes()
        for old in (None, b"", newer[:100]):
            run.model.unlink() if old is None else run.model.write_bytes(old)
            list(resume(run))
            assert run.model.read_bytes() == newer
        assert state_of(run.root)["model"] != before["model"]

    def test_a_truncated_checkpoint_is_passed_over(
        self, runs: Runs, state_of: Callable[[Path], dict[str, str]]
    ) -> None:
        run = RunDirectory(runs("unet"))
        list(resume(run, steps=6))
        expected = state_of(run.root)
        damaged = run.checkpoints / "step-0000006/weights.safetensors"
        damaged.write_bytes(damaged.read_bytes()[:-1])
        events = list(resume(run))
        warning = next(event.message for event in events if isinstance(event, Warned))
        assert "step-0000006 was skipped" in warning
        assert "weights.safetensors" in warning
        assert state_of(run.root) == expected

    def test_without_a_whole_checkpoint_nothing_is_overwritten(self, runs: Runs) -> None:
        run = RunDirectory(runs("unet"))
        damaged = run.checkpoints / "step-0000004/weights.safetensors"
        damaged.write_bytes(b"")
        model = run.model.read_bytes()
        with pytest.raises(SfumatoError) as caught:
            list(resume(run))
        assert caught.value.exit_code == 3
        assert run.model.read_bytes() == model
        assert CheckpointStore(run.checkpoints).steps()[-1][0] == 4


class TestStopping:
    def test_before_the_first_step(
        self, tmp_path: Path, own_pictures: Path, tiny: tuple[str, ...]
    ) -> None:
        stop = StopRequest()
        stop.ask(signal.SIGTERM)
        events = train(own_pictures, planned(steps=1, changes=tiny), "a", tmp_path / "runs", stop)
        with pytest.raises(Interrupted) as caught:
            list(events)
        assert caught.value.exit_code == 143
        assert not (tmp_path / "runs").exists()

    def test_on_the_way(self, tmp_path: Path, pictures: Path, tiny: tuple[str, ...]) -> None:
        stop = StopRequest()
        events = train(pictures, planned(steps=50, changes=tiny), "a", tmp_path, stop)
        with pytest.raises(Interrupted) as caught:
            for event in events:
                if type(event).__name__ == "Progress":
                    stop.ask(signal.SIGINT)
        assert caught.value.exit_code == 130
        assert "sfumato resume" in caught.value.hint
        (step,) = [step for step, _ in CheckpointStore(tmp_path / "a/checkpoints").steps()]
        assert 1 <= step < 50
