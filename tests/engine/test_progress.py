from __future__ import annotations

import io
import json
import math
import os
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from sfumato.engine.events import Done, Event, Metric, Previewed, Progress, Saved, Started, Warned
from sfumato.engine.log import JsonLog, TensorBoardLog, read_log
from sfumato.engine.progress import Bar, Lines, choose_display, describe_progress, duration
from sfumato.errors import DamagedFile, MissingExtra


def progress(step: int, eta: float = 75.0, waiting: float = 0.0) -> Progress:
    return Progress(
        step=step, steps=1000, share=step / 1000, samples=step * 8, loss=0.25, lr=1e-3,
        grad_norm=1.5, samples_per_second=123.4, waiting=waiting, eta_seconds=eta,
        elapsed=step / 10,
    )  # fmt: skip


EVENTS: list[Event] = [
    Started(
        step=0, samples=0, elapsed=0.0, parameters=1234, device="cpu", precision="fp32 (as asked)",
        attention="fused (as asked)", compile="off (as asked)", resumed=False,
    ),
    progress(1, eta=math.inf),
    Saved(step=1, path=Path("checkpoints/step-0000001"), seconds=0.25),
    Previewed(step=1),
    Warned(step=1, message="the [bold]cat[/bold] sat"),
    Metric(step=1, name="kid", value=0.5),
    Done(step=1000, samples=8000, loss=0.25, elapsed=3725.0),
]  # fmt: skip


def test_lines_are_plain_text() -> None:
    out = io.StringIO()
    with choose_display(Console(file=out, width=40)) as display:
        for event in EVENTS:
            display.show(event)
    lines = out.getvalue().splitlines()
    assert len(lines) == len(EVENTS) - 1  # one each; a preview is not text
    assert "\x1b" not in out.getvalue()
    assert "1,234 weights on cpu" in lines[0]
    assert "? left" in lines[1]
    assert lines[3] == "warning: the [bold]cat[/bold] sat"
    assert "in 1:02:05" in lines[-1]


def test_lines_are_said_each_ten_seconds_or_twentieth() -> None:
    now = 0.0
    out = io.StringIO()
    lines = Lines(Console(file=out), clock=lambda: now)
    for step in range(1, 1001):
        now += 0.01
        lines.show(progress(step))
    assert 20 <= len(out.getvalue().splitlines()) <= 22
    out.truncate(0)
    for _ in range(100):
        now += 1.0
        lines.show(progress(1))
    assert 9 <= len(out.getvalue().splitlines()) <= 11


def test_a_terminal_gets_a_bar_and_the_rest_above_it() -> None:
    out = io.StringIO()
    display = choose_display(Console(file=out, force_terminal=True, width=160))
    assert isinstance(display, Bar)
    with display:
        for event in [*EVENTS, progress(500)]:
            display.show(event)
    text = out.getvalue()
    assert "step 500/1,000" in text
    assert "1:15 left" in text
    assert "the [bold]cat[/bold] sat" in text


def test_waiting_is_said_where_there_is_any_to_speak_of() -> None:
    assert "waiting 12% for data" in describe_progress(progress(1, waiting=0.123))
    assert "waiting" not in describe_progress(progress(1, waiting=0.001))


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0:00"), (59.6, "1:00"), (3600, "1:00:00"), (math.inf, "?")]
)
def test_durations(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_the_log_holds_every_event_and_survives_a_torn_line(tmp_path: Path) -> None:
    path = tmp_path / "run" / "log.jsonl"
    log = JsonLog(path)
    for event in EVENTS:
        log.write(event)
    log.close()
    with path.open("a") as stream:
        stream.write('{"event": "prog')  # killed here
    log = JsonLog(path)
    log.write(Metric(step=2, name="kid", value=0.1))
    log.close()
    records = list(read_log(path))
    kinds = ["started", "progress", "saved", "previewdue", "warned", "metric", "done", "metric"]
    assert [record["event"] for record in records] == kinds
    assert records[1]["eta_seconds"] is None
    assert records[2]["path"] == "checkpoints/step-0000001"
    assert all(json.dumps(record, allow_nan=False) for record in records)


def test_the_log_is_no_link_and_no_pipe(tmp_path: Path) -> None:
    (tmp_path / "precious").write_text("precious")
    (tmp_path / "link.jsonl").symlink_to(tmp_path / "precious")
    os.mkfifo(tmp_path / "pipe.jsonl")
    for name in ("link.jsonl", "pipe.jsonl"):
        with pytest.raises(DamagedFile):
            JsonLog(tmp_path / name)
        with pytest.raises(DamagedFile):
            list(read_log(tmp_path / name))
    assert (tmp_path / "precious").read_text() == "precious"


def test_the_log_of_a_backup_of_hard_links_stays(tmp_path: Path) -> None:
    (tmp_path / "backup.jsonl").write_text("{}\n")
    (tmp_path / "log.jsonl").hardlink_to(tmp_path / "backup.jsonl")
    log = JsonLog(tmp_path / "log.jsonl")
    log.write(Metric(step=2, name="kid", value=0.1))
    log.close()
    assert (tmp_path / "backup.jsonl").read_text() == "{}\n"
    assert len(list(read_log(tmp_path / "log.jsonl"))) == 2


def test_odd_lines_of_the_log(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    path.write_text('[1]\n{"a": 1}\n' + "[" * 10**5 + "\n\n3\n")
    assert list(read_log(path)) == [{"a": 1}]
    log = JsonLog(path)
    log.write(Metric(step=2, name="a\udc80", value=0.1))
    log.close()
    assert list(read_log(path))[-1]["name"] == "a\udc80"


def test_tensorboard_is_an_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "torch.utils.tensorboard", None)
    with pytest.raises(MissingExtra, match="tensorboard"):
        TensorBoardLog(tmp_path)


def test_tensorboard_gets_the_curves(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Writer:
        said: list[tuple[Any, ...]] = []  # noqa: RUF012

        def __init__(self, directory: str) -> None:
            assert directory == str(tmp_path)

        def add_scalar(self, *fact: Any) -> None:
            self.said.append(fact)

        def close(self) -> None:
            self.said.append(("closed",))

    stand_in = type("Module", (), {"SummaryWriter": Writer})
    monkeypatch.setitem(__import__("sys").modules, "torch.utils.tensorboard", stand_in)
    log = TensorBoardLog(tmp_path)
    for event in EVENTS:
        log.write(event)
    log.close()
    assert Writer.said == [
        ("train/loss", 0.25, 1), ("train/lr", 1e-3, 1), ("train/grad_norm", 1.5, 1),
        ("train/samples_per_second", 123.4, 1), ("train/waiting", 0.0, 1),
        ("metric/kid", 0.5, 1), ("closed",),
    ]  # fmt: skip
