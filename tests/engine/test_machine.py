from __future__ import annotations

from pathlib import Path

import pytest
import torch

from sfumato.engine import precision
from sfumato.engine.machine import choose_device, describe, keep_freed_memory, loader_threads
from sfumato.engine.precision import autocast, choose_precision

CPU = torch.device("cpu")


def test_the_machine_describes_itself(tmp_path: Path) -> None:
    machine = describe(tmp_path / "not" / "there" / "yet")
    assert machine.cores >= 1
    assert machine.disk_free > 0
    assert machine.torch == torch.__version__


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
