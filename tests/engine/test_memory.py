from __future__ import annotations

from pathlib import Path

import pytest
import torch

from sfumato.engine import memory
from sfumato.engine.memory import free_memory, physical_memory

CPU = torch.device("cpu")


@pytest.fixture
def system(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine that tells nothing until files are written."""
    monkeypatch.setattr(memory, "_MEMINFO", tmp_path / "meminfo")
    monkeypatch.setattr(memory, "_GROUPS", ((tmp_path / "max", tmp_path / "current"),))
    monkeypatch.setattr(memory, "physical_memory", lambda: None)
    return tmp_path


def test_this_machine_has_some() -> None:
    free, physical = free_memory(CPU), physical_memory()
    assert free is None or physical is None or 0 <= free <= physical


def test_what_the_system_calls_available(system: Path) -> None:
    (system / "meminfo").write_text("MemTotal: 900 kB\nMemAvailable:  500 kB\n")
    assert free_memory(CPU) == 500 * 1024


def test_a_container_may_leave_less(system: Path) -> None:
    (system / "meminfo").write_text("MemAvailable:  500 kB\n")
    (system / "max").write_text("3000\n")
    (system / "current").write_text("1000\n")
    assert free_memory(CPU) == 2000
    (system / "current").write_text("4000\n")
    assert free_memory(CPU) == 0
    (system / "max").write_text("max\n")
    assert free_memory(CPU) == 500 * 1024


def test_half_of_the_memory_where_nothing_is_called_available(
    system: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memory, "physical_memory", lambda: 1000)
    assert free_memory(CPU) == 500
    (system / "meminfo").write_text("MemAvailable: much\n")
    assert free_memory(CPU) == 500


def test_a_system_that_does_not_tell(system: Path) -> None:
    assert free_memory(CPU) is None
