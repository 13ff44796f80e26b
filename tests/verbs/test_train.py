"""Training on a console: reading is shown every few seconds, and then the training itself."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from sfumato.media.medium import Reading, Summary
from sfumato.model.options import ResumeOptions, TrainOptions
from sfumato.runs.directory import RunDirectory
from sfumato.training.source import Fetching
from sfumato.verbs import train as verb


def printed(events: Iterator[Any]) -> list[str]:
    console = Console(width=200)
    with console.capture() as captured:
        verb.watch(events, console)
    return captured.get().splitlines()


def test_reading_has_a_line_every_five_seconds_and_at_its_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seconds = iter([0.0, 4.0, 6.0, 7.0, 8.0])
    monkeypatch.setattr(verb.time, "monotonic", lambda: next(seconds))
    events = [Reading(step=0, done=1000 * n, total=5000, rejected=1) for n in range(1, 6)]
    lines = printed(iter([*events, RunDirectory(Path("runs/a"))]))
    assert lines == [
        "read 3,000 of 5,000 files, 1 set aside",
        "read 5,000 of 5,000 files, 1 set aside",
        "run runs/a",
    ]


def test_a_download_is_announced() -> None:
    lines = printed(
        iter([Fetching(step=0, name="openmoji", megabytes=12), RunDirectory(Path("runs/a"))])
    )
    assert lines == ["data openmoji (a download of 12 MB the first time)", "run runs/a"]


def test_what_is_taken_from_the_data_is_printed_in_rows() -> None:
    rows = (("images", "7 (7 independent)"), ("set aside", "1\nbad.png: no [red]image[/red]"))
    events = [Summary(step=0, rows=rows), RunDirectory(Path("runs/a"))]
    assert printed(iter(events)) == [
        "images     7 (7 independent)",
        "set aside  1",
        "           bad.png: no [red]image[/red]",
        "run runs/a",
    ]


def test_a_quiet_console_prints_no_rows() -> None:
    console = Console(width=200, quiet=True)
    with console.capture() as captured:
        verb.watch(iter([Summary(step=0, rows=(("a", "b"),)), RunDirectory(Path("r"))]), console)
    assert captured.get() == ""


def test_a_run_is_trained_and_resumed(
    tmp_path: Path, pictures: Path, tiny: tuple[str, ...]
) -> None:
    console = Console(width=200)
    with console.capture() as captured:
        options = TrainOptions(steps=2, name="a", settings=tiny)
        directory = verb.train(pictures, options, tmp_path, console)
    assert directory == RunDirectory(tmp_path / "a")
    assert f"run {tmp_path / 'a'}" in captured.get()
    with console.capture() as captured:
        assert verb.resume(directory, ResumeOptions(steps=3), console) == directory
    assert directory.model.is_file()
