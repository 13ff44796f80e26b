"""Environment variables with odd values, as a user sees them."""

from __future__ import annotations

from pathlib import Path

import pytest

from sfumato.cli.environment import MOST_THREADS, require_environment
from sfumato.engine import settings
from sfumato.errors import SettingError
from tests.cli.console import Command


@pytest.mark.parametrize("value", ["abc", "0", "-1", "1.5", "1000000", "2,", "2,x", " ", "²"])
@pytest.mark.parametrize("name", ["OMP_NUM_THREADS", "MKL_NUM_THREADS"])
def test_numbers_of_threads_that_make_no_sense(name: str, value: str) -> None:
    with pytest.raises(SettingError, match=f"{name} cannot be") as caught:
        require_environment({name: value})
    assert caught.value.exit_code == 2


@pytest.mark.parametrize("value", ["", "1", "16", " 2 ", "4,2"])
def test_numbers_of_threads(value: str) -> None:
    require_environment({"OMP_NUM_THREADS": value})
    assert MOST_THREADS == settings.MOST_THREADS


def test_a_cache_that_cannot_be_a_folder(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for value in (tmp_path / "file", tmp_path / "file/below", "/dev/null", "~nobody-here/x"):
        with pytest.raises(SettingError, match="SFUMATO_CACHE cannot be"):
            require_environment({"SFUMATO_CACHE": str(value)})
    for value in ("", str(tmp_path), str(tmp_path / "new/folder")):
        require_environment({"SFUMATO_CACHE": value})


def test_a_command_refuses_and_its_help_does_not(
    refused: Command, sfumato: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "many")
    assert "OMP_NUM_THREADS" in refused("recipes").err
    assert sfumato("recipes", "--help").code == 0
