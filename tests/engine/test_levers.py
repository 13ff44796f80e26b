"""The choices for speed, as they are told to people."""

from __future__ import annotations

import pytest
import torch

from sfumato.engine import compiling, levers, machine
from sfumato.engine.trials import measured

CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def compiler(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compiling, "cpp_compiler", lambda: "/bin/c++")
    monkeypatch.setattr(compiling, "trial", lambda device: "")


def test_every_choice_has_a_reason() -> None:
    told = levers.levers(CPU)
    assert all(choice.choice and choice.reason for choice in told.values())
    assert told["compile transformers"].choice == "on"
    assert "at least 45 minutes" in told["compile U-Nets"].reason


def test_what_is_missing_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compiling, "cpp_compiler", lambda: None)
    monkeypatch.setattr(machine.platform, "libc_ver", lambda: ("musl", "1.2"))
    told = levers.levers(CPU)
    assert told["compile transformers"].reason == "there is no C++ compiler"
    assert told["freed memory"].choice == "returned"


def test_fewer_threads_than_cores_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(levers, "usable_cores", lambda: 64)
    assert "64 cores could be used" in levers.levers(CPU)["threads"].reason


def test_the_trials_measure_something() -> None:
    tried = measured(CPU)
    assert min(tried.fp32, tried.bf16, tried.fused, tried.explicit) > 0
