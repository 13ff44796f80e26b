"""``python -m sfumato`` is the command."""

from __future__ import annotations

import runpy
import sys

import pytest

import sfumato


def test_it_is_the_command(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["sfumato", "--version"])
    runpy.run_module("sfumato", run_name="__main__")
    assert capsys.readouterr().out.strip() == sfumato.__version__
