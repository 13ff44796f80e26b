from __future__ import annotations

from pathlib import Path

import pytest
import torch

from sfumato.engine import machine, precision
from sfumato.engine.machine import (
    choose_device,
    describe,
    free_memory,
    keep_freed_memory,
    loader_threads,
    physical_memory,
)
from sfumato.engine.precision import autocast, choose_precision

CPU = torch.device("cpu")


def test_the_machine_describes_itself(tmp_path: Path) -> None:
    facts = describe(tmp_path / "not" / "there" / "yet")
    assert facts.cores >= 1
    assert facts.disk_free > 0
    assert facts.torch == torch.__version__


def test_a_named_device_is_taken_at_its_word() -> None:
    assert choose_device("cpu") == CPU
    assert choose_device().type in {"cpu", "cuda", "mps"}


def test_a_cpu_that_trains_spares_one_thread_for_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sfumato.engine.machine.usable_cores", lambda: 16)
    assert loader_threads(CPU) == 1
    assert loader_threads(torch.device("cuda")) == 12
    monkeypatch.setattr("sfumato.engine.machine.usable_cores", lambda: 1)
    assert loader_threads(torch.device("cuda")) == 1


def test_memory_is_kept_only_where_the_library_can(monkeypatch: pytest.MonkeyPatch) -> None:
    keep_freed_memory.cache_clear()
    monkeypatch.setattr("platform.libc_ver", lambda: ("", ""))
    assert keep_freed_memory() is False
    keep_freed_memory.cache_clear()


@pytest.mark.parametrize(("amx", "avx", "choice"), [(0, 0, "fp32"), (1, 0, "bf16"), (0, 1, "bf16")])
def test_auto_takes_bf16_only_where_the_cpu_multiplies_it(
    monkeypatch: pytest.MonkeyPatch, amx: int, avx: int, choice: str
) -> None:
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: bool(amx), raising=False)
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: bool(avx), raising=False)
    decision = choose_precision("auto", CPU)
    assert decision.choice == choice
    with autocast(decision, CPU):
        product = torch.ones(2, 2) @ torch.ones(2, 2)
    assert product.dtype == (torch.bfloat16 if choice == "bf16" else torch.float32)
    assert choose_precision("fp32", CPU).choice == "fp32"
    asked = choose_precision("bf16", CPU)
    assert asked.choice == "bf16"
    assert ("though" in asked.reason) == (choice == "fp32")


@pytest.mark.parametrize(("bf16_seconds", "choice"), [(0.5, "bf16"), (30.0, "fp32")])
def test_an_unknown_cpu_is_raced(
    monkeypatch: pytest.MonkeyPatch, bf16_seconds: float, choice: str
) -> None:
    monkeypatch.delattr(torch.cpu, "_is_amx_tile_supported", raising=False)
    monkeypatch.delattr(torch.cpu, "_is_avx512_bf16_supported", raising=False)
    seconds = {torch.float32: 1.0, torch.bfloat16: bf16_seconds}
    monkeypatch.setattr(precision, "_product_seconds", seconds.__getitem__)
    precision._bf16_wins_a_race.cache_clear()
    assert choose_precision("auto", CPU).choice == choice
    precision._bf16_wins_a_race.cache_clear()


@pytest.fixture
def system(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine that tells nothing until files are written."""
    monkeypatch.setattr(machine, "_MEMINFO", tmp_path / "meminfo")
    monkeypatch.setattr(machine, "_GROUPS", ((tmp_path / "max", tmp_path / "current"),))
    monkeypatch.setattr(machine, "physical_memory", lambda: None)
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
    monkeypatch.setattr(machine, "physical_memory", lambda: 1000)
    assert free_memory(CPU) == 500
    (system / "meminfo").write_text("MemAvailable: much\n")
    assert free_memory(CPU) == 500


def test_a_system_that_does_not_tell(system: Path) -> None:
    assert free_memory(CPU) is None
