"""The choices for speed, as they are shown to people."""

from __future__ import annotations

import pytest
import torch

from sfumato.engine import choices, compiling, machine

CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def compiler(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compiling, "cpp_compiler", lambda: "/bin/c++")
    monkeypatch.setattr(compiling, "trial", lambda device: "")


def test_every_choice_has_a_reason() -> None:
    told = choices.choices(CPU)
    assert all(choice.choice and choice.reason for choice in told.values())
    assert told["compile transformers"].choice == "on"
    assert "at least 45 minutes" in told["compile U-Nets"].reason


def test_what_is_missing_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compiling, "cpp_compiler", lambda: None)
    monkeypatch.setattr(machine.platform, "libc_ver", lambda: ("musl", "1.2"))
    told = choices.choices(CPU)
    assert told["compile transformers"].reason == "there is no C++ compiler"
    assert told["freed memory"].choice == "returned"


def test_fewer_threads_than_cores_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(choices, "usable_cores", lambda: 64)
    assert "64 cores could be used" in choices.choices(CPU)["threads"].reason


def test_the_speeds_are_positive() -> None:
    speeds = choices.measure_speeds(CPU)
    assert min(speeds.fp32, speeds.bf16, speeds.fused, speeds.explicit) > 0
