"""The choice of a number format, with its reason."""

from __future__ import annotations

import time
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import cache
from typing import Literal

import torch

PrecisionName = Literal["auto", "fp32", "bf16"]
NumberFormat = Literal["fp32", "bf16"]


@dataclass(frozen=True, slots=True)
class Decision:
    """A choice and its reason.

    Attributes:
        choice: The choice, such as ``fp32`` or ``bf16``, ``on`` or ``off``.
        reason: A clause for the user.
    """

    choice: str
    reason: str

    def __str__(self) -> str:
        return f"{self.choice} ({self.reason})"


def choose_precision(name: PrecisionName, device: torch.device) -> Decision:
    """Choose the number format of matrix products; weights and optimiser state stay float32."""
    if name == "fp32":
        return Decision("fp32", "as set")
    fast, reason = _fast_bf16(device)
    if name == "bf16":
        return Decision("bf16", "as set" if fast else f"as set, though {reason}")
    return Decision("bf16" if fast else "fp32", reason)


def autocast(decision: Decision, device: torch.device) -> AbstractContextManager[object]:
    """The context in which the forward pass runs."""
    if decision.choice == "fp32":
        return nullcontext()
    return torch.autocast(device.type, dtype=torch.bfloat16)


def _fast_bf16(device: torch.device) -> tuple[bool, str]:
    if device.type == "cuda":
        fast = torch.cuda.is_bf16_supported(including_emulation=False)
        return fast, "the GPU multiplies bf16" if fast else "the GPU has no bf16 units"
    if device.type != "cpu":
        return False, f"bf16 is not trusted on {device.type}"
    queries = [
        getattr(torch.cpu, name, None)
        for name in ("_is_amx_tile_supported", "_is_avx512_bf16_supported")
    ]
    if all(query is None for query in queries):
        return _bf16_wins_a_race()
    fast = any(query() for query in queries if query is not None)
    return fast, "the CPU multiplies bf16" if fast else "the CPU has neither AMX nor AVX512-BF16"


@cache
def _bf16_wins_a_race() -> tuple[bool, str]:
    """Time one product in each format, for versions of torch without a query."""
    fp32, bf16 = _product_seconds(torch.float32), _product_seconds(torch.bfloat16)
    return bf16 < fp32, f"a trial product took {bf16 / fp32:.1f} times as long in bf16"


def _product_seconds(dtype: torch.dtype) -> float:
    x = torch.ones(512, 512, dtype=dtype)
    times = []
    for _ in range(3):
        start = time.perf_counter()
        torch.mm(x, x)
        times.append(time.perf_counter() - start)
    return min(times)
