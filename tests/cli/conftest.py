from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from sfumato.cli import main
from tests.bomb import write_bomb
from tests.cli.console import Result


@pytest.fixture
def sfumato(capsys: pytest.CaptureFixture[str]) -> Callable[..., Result]:
    def run(*arguments: str | Path) -> Result:
        capsys.readouterr()
        code = 0
        try:
            main([str(argument) for argument in arguments])
        except SystemExit as ended:
            code = int(ended.code or 0)
        return Result(code, *capsys.readouterr())

    return run


@pytest.fixture
def refused(sfumato: Callable[..., Result]) -> Callable[..., Result]:
    """Runs a command that must fail with one clear message and a way out."""

    def run(*arguments: str | Path, code: int = 2) -> Result:
        result = sfumato(*arguments)
        assert result.code == code, result
        assert "Traceback" not in result.err
        assert result.err.startswith("error: ")
        assert result.err.count("error: ") == 1
        assert "  hint: " in result.err or "  why: " in result.err
        assert len(result.err.splitlines()) <= 3
        return result

    return run


@pytest.fixture
def tiny_options(tiny: tuple[str, ...]) -> list[str]:
    """The settings of a tiny run as options."""
    return [word for change in tiny for word in ("--settings", change)]


@pytest.fixture
def bomb() -> Callable[[Path], None]:
    return write_bomb
