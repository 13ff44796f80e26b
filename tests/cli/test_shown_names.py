"""Names of files and labels cannot colour a terminal, forge a line or pass for markup."""

from __future__ import annotations

import io
import json
import os
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from rich.console import Console

from sfumato.cli import errors, output
from sfumato.engine.events import Warned
from sfumato.engine.progress import Bar, Lines
from sfumato.errors import SfumatoError
from tests.cli.console import Command

ESC, RTL = "\x1b", "\u202e"
NAMES = (
    f"{ESC}[31mred{ESC}[0m",
    "a\nset aside      0\n",
    f"{RTL}gnp",
    "\x9b31m\x85",
    "[bold red]markup",
    ":smile:",
)
FORBIDDEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


@pytest.fixture
def evil(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of pictures with names of classes and of files that do harm where they are shown."""
    monkeypatch.chdir(tmp_path)
    draw = np.random.default_rng(0)
    for number, name in enumerate(NAMES):
        folder = tmp_path / "evil" / name
        folder.mkdir(parents=True)
        for picture in range(2):
            pixels = draw.integers(0, 256, (8, 8, 3), np.uint8)
            Image.fromarray(pixels).save(folder / f"{picture}.png")
        (folder / f"{number}{name}.png").write_text("junk")
        (folder / "3.png").write_bytes((folder / "0.png").read_bytes())
    return tmp_path / "evil"


def test_in_a_report(sfumato: Command, evil: Path) -> None:
    result = sfumato("data", "check", evil)
    assert result.code == 0
    assert not FORBIDDEN.search(result.out + result.err)
    assert len(re.findall(r"^set aside", result.out, re.MULTILINE)) == 1
    for part in (r"\x1b[31mred", r"a\nset aside", r"\u202egnp", "[bold red]markup", ":smile:"):
        assert part in result.out


def test_in_json(sfumato: Command, evil: Path) -> None:
    result = sfumato("data", "check", evil, "--json")
    assert not FORBIDDEN.search(result.out)
    assert set(json.loads(result.out)["labels"]) == set(NAMES)


def test_in_training(sfumato: Command, evil: Path, tiny: tuple[str, ...]) -> None:
    settings = [word for change in tiny for word in ("--set", change)]
    result = sfumato("train", evil, "--name", "r", "--steps", "2", *settings)
    assert result.code == 0, result.err
    for arguments in (("info", "r"), ("sample", "r", "-n", "1", "--label", NAMES[0])):
        result = sfumato(*arguments)
        assert result.code == 0, result.err
        assert not FORBIDDEN.search(result.out + result.err)
    card = Path("runs/r/README.md").read_text()
    assert not FORBIDDEN.search(card)
    assert str(evil.parent) not in card


@pytest.mark.parametrize("name", NAMES)
def test_in_errors(sfumato: Command, name: str, tmp_path: Path) -> None:
    for arguments in (("info", name), ("train", tmp_path / name), ("data", "fetch", name)):
        result = sfumato(*arguments)
        assert result.code == 2
        assert not FORBIDDEN.search(result.err)
        assert result.err.count("error: ") == 1
        assert all(line.startswith(("error: ", "  ")) for line in result.err.splitlines())


def test_an_error_cannot_forge_a_hint(capsys: pytest.CaptureFixture[str]) -> None:
    problem = SfumatoError("a\n  hint: b", "c\n  hint: d\nerror: e", f"f{ESC}\ng")
    errors.show(problem)
    told = capsys.readouterr().err
    assert [line for line in told.splitlines() if line.startswith("  hint: ")] == ["  hint: f\\x1b"]
    assert told.count("\nerror: ") == 0


@pytest.mark.parametrize("terminal", [True, False])
def test_in_events(terminal: bool) -> None:
    out = io.StringIO()
    console = Console(file=out, force_terminal=terminal, width=500, color_system=None)
    display = Bar(console) if terminal else Lines(console)
    for name in NAMES:
        display.show(Warned(step=1, message=f"before {name} after"))
    told = out.getvalue()
    assert ESC not in told
    assert [line.startswith("warning: before ") for line in told.splitlines()] == [True] * 6
    assert "[bold red]markup" in told
    assert ":smile:" in told


class TestTexts:
    TEXT = f"one\n\ttwo{ESC}[31m\r\n{RTL}three :smile: [b]"

    def test_reach_a_pipe_as_they_are(self, capsys: pytest.CaptureFixture[str]) -> None:
        output.passage(self.TEXT)
        assert capsys.readouterr().out == self.TEXT + "\n"

    def test_are_escaped_on_a_terminal(self, monkeypatch: pytest.MonkeyPatch) -> None:
        out = io.StringIO()
        console = Console(file=out, force_terminal=True, width=80, color_system=None)
        monkeypatch.setattr(output, "OUT", console)
        output.passage(self.TEXT)
        assert not FORBIDDEN.search(out.getvalue())
        assert len(out.getvalue().splitlines()) == 3
        assert r"two\x1b[31m" in out.getvalue()
        assert ":smile: [b]" in out.getvalue()


def test_names_that_are_not_utf8(sfumato: Command, evil: Path) -> None:
    folder = evil / os.fsdecode(b"caf\xe9")
    folder.mkdir()
    (folder / os.fsdecode(b"\xff.png")).write_text("junk")
    result = sfumato("data", "check", evil)
    assert result.code == 0
    result.out.encode()


def test_progress_is_no_markup(monkeypatch: pytest.MonkeyPatch) -> None:
    out = io.StringIO()
    console = Console(file=out, force_terminal=True, width=80, color_system=None)
    monkeypatch.setattr(output, "ERR", console)
    report: Callable[[int, int, str], None]
    with output.progress(quiet=False) as report:
        report(1, 2, "[bold]reading[/nonsense]")
