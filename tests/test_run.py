from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rich.console import Console

import sfumato
from sfumato.errors import RunError, SettingError
from sfumato.model.options import SampleOptions
from sfumato.run import Run, open_run
from sfumato.runs.directory import RunDirectory
from sfumato.training.train import planned, resume, train
from sfumato.verbs.train import watch
from tests.conftest import TINY

Runs = Callable[..., Path]


def test_from_a_folder_to_files(
    tmp_path: Path, pictures: Path, tiny: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    run = sfumato.train(pictures, name="a", steps=2, settings=tiny, root=tmp_path / "runs")
    assert isinstance(run, Run)
    assert capsys.readouterr().out == ""
    assert len(run.sample(3, seed=1).save(tmp_path / "out")) == 3
    assert run.resume(steps=3).info()["step"] == 3
    assert sfumato.open(tmp_path / "runs/a").name == "a"


def test_info_is_plain_data(finished_runs: Path) -> None:
    facts = open_run(finished_runs / "unet").info()
    assert json.loads(json.dumps(facts, allow_nan=False)) == facts
    assert facts["name"] == "unet"
    assert facts["classes"] == ["cat", "dog"]
    assert facts["finished"] is True
    assert facts["ready"] is True
    assert (facts["step"], facts["samples"]) == (4, 16)
    assert facts["checkpoints"] == [4]
    assert facts["budget"] == {"steps": 4}


def test_a_run_made_longer_is_not_finished(runs: Runs) -> None:
    run = RunDirectory(runs("unet"))
    events = resume(run, steps=50)
    while type(next(events)).__name__ != "Progress":
        pass
    events.close()  # type: ignore[attr-defined]
    assert Run(run).info()["finished"] is False
    list(resume(run, steps=6))
    assert Run(run).info()["finished"] is True


def test_a_run_that_never_began_can_be_told_about(
    tmp_path: Path, pictures: Path, tiny: tuple[str, ...]
) -> None:
    events = train(pictures, planned(steps=3, changes=tiny), "a", tmp_path)
    while not isinstance(next(events), RunDirectory):
        pass
    events.close()  # type: ignore[attr-defined]
    run = open_run(tmp_path / "a")
    facts = run.info()
    assert (facts["step"], facts["loss"], facts["ready"], facts["finished"]) == (
        0,
        None,
        False,
        False,
    )
    with pytest.raises(RunError, match="no trained weights yet"):
        run.sample(1)


def test_a_torn_log_is_no_matter(runs: Runs) -> None:
    run = runs("unet")
    with (run / "log.jsonl").open("a") as log:
        log.write('{"event": "prog')
    assert open_run("unet").info()["step"] == 4


def test_a_place_with_brackets_is_printed_as_it_is(tmp_path: Path) -> None:
    console = Console(record=True, width=200)
    with console.capture() as caught:
        watch(iter([RunDirectory(Path("[/odd]"))]), console)
    assert caught.get() == "run [/odd]\n"


def test_unknown_keywords_are_not_swallowed(finished_runs: Path) -> None:
    run = open_run(finished_runs / "unet")
    with pytest.raises(SettingError, match="did you mean 'label'"):
        run.sample(1, lable="cat")
    with pytest.raises(SettingError):
        run.sample(0)


class TestRepr:
    def test_of_a_finished_run(self, finished_runs: Path) -> None:
        run = open_run(finished_runs / "unet")
        assert repr(run) == "<Run 'unet': images, 2 classes, 4 steps, finished>"
        assert "model" not in vars(run)
        plain = open_run(finished_runs / "plain")
        assert repr(plain) == "<Run 'plain': images, no classes, 4 steps, finished>"

    def test_of_one_that_is_not(self, runs: Runs) -> None:
        run = RunDirectory(runs("unet"))
        events = resume(run, steps=50)
        while type(next(events)).__name__ != "Progress":
            pass
        events.close()  # type: ignore[attr-defined]
        assert repr(Run(run)).endswith(", not finished>")

    def test_of_one_without_weights(self, runs: Runs) -> None:
        folder = runs("unet")
        (folder / "model.safetensors").unlink()
        (folder / "log.jsonl").unlink()
        assert repr(open_run(folder)) == "<Run 'unet': images, 2 classes, 0 steps, not finished>"

    def test_of_samples(self, finished_runs: Path) -> None:
        samples = open_run(finished_runs / "unet").sample(2, seed=3, steps=1)
        assert repr(samples) == "<Samples: 2 images, 16 x 16 x 3 each, of the run 'unet', seed 3>"


class TestArguments:
    @pytest.mark.parametrize(
        ("kwargs", "words"),
        [
            ({"lable": "cat"}, "did you mean 'label'"),
            ({"n": 2.5}, "n cannot be 2.5"),
            ({"seed": None}, "seed cannot be None"),
            ({"label": 7}, "has no label '7'"),
            ({"temperature": 0.5}, "'temperature' is not for images"),
        ],
    )
    def test_python_is_as_strict_as_the_command_line(
        self, finished_runs: Path, kwargs: dict[str, object], words: str
    ) -> None:
        with pytest.raises(SettingError) as caught:
            open_run(finished_runs / "unet").sample(**kwargs)  # type: ignore[arg-type]
        assert words in str(caught.value)

    def test_numbers_of_numpy_are_taken(self, finished_runs: Path) -> None:
        run = open_run(finished_runs / "unet")
        plain = run.sample(1, seed=5, steps=1, scale=2)
        other: Any = {"n": np.int64(1), "seed": np.uint8(5), "steps": np.int16(1)}
        assert np.array_equal(plain.items, run.sample(**other, scale=np.float32(2)).items)

    def test_other_methods_take_no_unknown_keywords(
        self, finished_runs: Path, pictures: Path, tiny: tuple[str, ...]
    ) -> None:
        run: Any = open_run(finished_runs / "unet")
        face: Any = sfumato
        for call in (
            lambda: run.tune(round=3),
            lambda: run.resume(step=9),
            lambda: run.evaluate(row=3),
            lambda: run.score(pictures, draw=1),
            lambda: face.train(pictures, setting=tiny),
        ):
            with pytest.raises(SettingError, match="There is no option"):
                call()

    def test_only_a_text_has_gaps(self, finished_runs: Path) -> None:
        run = open_run(finished_runs / "unet")
        with pytest.raises(RunError, match="has to be one on text"):
            run.fill("a ____")
        assert "model" not in vars(run)


def test_settings_of_training_can_be_a_mapping(tmp_path: Path, pictures: Path) -> None:
    settings = dict(change.split("=", 1) for change in TINY)
    values = {name: json.loads(value) for name, value in settings.items()}
    run = sfumato.train(pictures, name="a", steps=1, settings=values, root=str(tmp_path))
    assert run.spec.recipe.engine.batch == 4


def test_a_sampler_is_tuned(runs: Runs) -> None:
    runs("plain")
    found = open_run("plain").tune(3, examples=3, rounds=1)
    assert found.tuning.steps == 3
    assert found.tuning.sampler.kind == "tuned"


def test_the_files_of_a_run_are_verified(runs: Runs) -> None:
    folder = runs("unet")
    assert open_run("unet").verify().problems == []
    (folder / "model.safetensors").write_bytes(b"")
    assert [one.path for one in open_run("unet").verify().problems] == ["model.safetensors"]


def test_a_request_for_another_kind_of_model(finished_runs: Path, finished_texts: Path) -> None:
    text = open_run(finished_texts / "prose")
    request = text.model.request(SampleOptions(1))
    with pytest.raises(SettingError, match="not one for the medium of the run 'unet'"):
        open_run(finished_runs / "unet").make(request)


class TestMeasuring:
    def test_two_runs_are_compared(self, runs: Runs) -> None:
        runs("unet", "transformer")
        found = open_run("unet").compare("transformer", 6, at=[1])
        assert found.runs == ("unet", "transformer")
        assert found.rows

    def test_files_are_scored(self, finished_runs: Path, pictures: Path) -> None:
        run: Any = open_run(finished_runs / "unet")
        quick = {"draws": 1, "steps": 1, "held_out": 0}
        whole = run.score(pictures / "dog", **quick)
        assert len(whole.items) == 3
        files = sorted((pictures / "dog").iterdir())
        for several in (run.score(files, **quick), run.score(*files, **quick)):
            assert {one.bits for one in several.items} == {one.bits for one in whole.items}

    def test_a_run_is_evaluated(self, runs: Runs) -> None:
        folder = runs("unet")
        report = open_run("unet").evaluate(4, rows=2, draws=1)
        assert report["likelihood/training"].value > 0
        assert not (folder / "evaluation").exists()


class TestWrongTypes:
    """Python is as strict as the command line, and in the same words."""

    @pytest.mark.parametrize(
        ("method", "arguments"),
        [
            ("sample", {"n": "2"}),
            ("sample", {"n": True}),
            ("sample", {"seed": None}),
            ("sample", {"seed": 1.5}),
            ("sample", {"steps": 5.0}),
            ("sample", {"scale": [2]}),
            ("sample", {"scale": float("nan")}),
            ("sample", {"label": ["cat"]}),
            ("sample", {"label": ""}),
            ("sample", {"start": 5}),
            ("sample", {"interval": 0.5}),
            ("sample", {"precision": 16}),
            ("resume", {"steps": "5"}),
            ("resume", {"minutes": float("inf")}),
            ("resume", {"data": 5}),
            ("evaluate", {"n": "3"}),
            ("evaluate", {"extractors": 5}),
            ("evaluate", {"data": 5.5}),
            ("tune", {"steps": "8"}),
            ("tune", {"rounds": None}),
            ("score", {"files": 5}),
            ("score", {"files": [5]}),
            ("score", {"files": None}),
            ("score", {"files": "x", "draws": "3"}),
            ("compare", {"other": 5}),
            ("compare", {"other": "unet", "at": "5"}),
            ("verify", {"data": 5}),
            ("like", {"path": None}),
            ("make", {"request": 5}),
        ],
    )
    def test_are_setting_errors(self, runs: Runs, method: str, arguments: dict[str, Any]) -> None:
        runs("unet")
        with pytest.raises(SettingError):
            getattr(sfumato.open("unet"), method)(**arguments)

    @pytest.mark.parametrize("run", [None, 5, b"unet", "", ["unet"]])
    def test_of_a_run(self, runs: Runs, run: Any) -> None:
        runs("unet")
        with pytest.raises(SettingError):
            sfumato.open(run)

    @pytest.mark.parametrize(
        "options",
        [{"source": None}, {"source": 5}, {"source": ""}, {"steps": 1.5}, {"minutes": "1"},
         {"minutes": float("nan")}, {"root": 5}, {"from_run": 5}, {"settings": [5]},
         {"settings": {"engine.batch": object()}}, {"name": ""}, {"tensorboard": "yes"}],
    )  # fmt: skip
    def test_of_a_training(
        self, pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: Any
    ) -> None:
        monkeypatch.chdir(tmp_path)
        with pytest.raises(SettingError):
            sfumato.train(**{"source": pictures, **options})
        assert not list(tmp_path.iterdir())

    def test_of_a_text(self, text_runs: Runs) -> None:
        text_runs("prose")
        with pytest.raises(SettingError, match="text cannot be 5"):
            sfumato.open("prose").fill(5)  # type: ignore[arg-type]

    def test_of_a_folder(self, runs: Runs) -> None:
        runs("unet")
        samples = sfumato.open("unet").sample(1, steps=1)
        for place in (None, 5, ""):
            with pytest.raises(SettingError):
                samples.save(place)  # type: ignore[arg-type]

    def test_a_label_can_be_a_number_or_a_truth_value(self) -> None:
        given = (7, np.int64(7), np.uint8(7), True, np.bool_(False), "7")
        labels = [SampleOptions(label=label).label for label in given]  # type: ignore[arg-type]
        assert labels == ["7", "7", "7", "true", "false", "7"]
