from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from sfumato.cli import main
from tests.bomb import write_bomb
from tests.cli.said import Said


@pytest.fixture
def sfumato(capsys: pytest.CaptureFixture[str]) -> Callable[..., Said]:
    def run(*arguments: str | Path) -> Said:
        capsys.readouterr()
        code = 0
        try:
            main([str(argument) for argument in arguments])
        except SystemExit as ended:
            code = int(ended.code or 0)
        return Said(code, *capsys.readouterr())

    return run


@pytest.fixture
def refused(sfumato: Callable[..., Said]) -> Callable[..., Said]:
    """Runs a command that must fail with one clear message and a way out."""

    def run(*arguments: str | Path, code: int = 2) -> Said:
        said = sfumato(*arguments)
        assert said.code == code, said
        assert "Traceback" not in said.err
        assert said.err.startswith("error: ")
        assert said.err.count("error: ") == 1
        assert "  hint: " in said.err or "  why: " in said.err
        assert len(said.err.splitlines()) <= 3
        return said

    return run


@pytest.fixture
def tiny_options(tiny: tuple[str, ...]) -> list[str]:
    """The settings of a tiny run as options."""
    return [word for change in tiny for word in ("--settings", change)]


@pytest.fixture
def bomb() -> Callable[[Path], None]:
    return write_bomb
