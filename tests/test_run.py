from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from rich.console import Console

import sfumato
from sfumato.errors import RunError, SettingError
from sfumato.run import Run, open_run
from sfumato.runs.directory import RunDirectory
from sfumato.training.train import planned, resume, train
from sfumato.verbs.train import watch

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
    told = open_run(finished_runs / "unet").info()
    assert json.loads(json.dumps(told, allow_nan=False)) == told
    assert told["name"] == "unet"
    assert told["classes"] == ["cat", "dog"]
    assert told["finished"] is True
    assert told["ready"] is True
    assert (told["step"], told["samples"]) == (4, 16)
    assert told["checkpoints"] == [4]
    assert told["budget"] == {"steps": 4}


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
    told = run.info()
    assert (told["step"], told["loss"], told["ready"], told["finished"]) == (0, None, False, False)
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
