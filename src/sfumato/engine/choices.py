"""The choices that training makes for speed on a machine, and measurements that explain them."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F

from sfumato.engine.attention import choose_attention, explicit
from sfumato.engine.compiling import choose_compile, repaid_minutes
from sfumato.engine.machine import can_keep_freed_memory, loader_threads, usable_cores
from sfumato.engine.precision import Decision, choose_precision

_SIDE = 1024
_ROUNDS = 5
_TOKENS = (16, 4, 256, 64)  # samples, heads, tokens, size of a head


def choices(device: torch.device) -> dict[str, Decision]:
    """The choices of training on a device by name, each with its reason."""
    precision = choose_precision("auto", device)
    found = {
        "number format": precision,
        "attention": choose_attention(device, precision),
        "compile transformers": _compiled(device, repeated=True),
        "compile U-Nets": _compiled(device, repeated=False),
        "batches": _loaders(device),
    }
    if device.type == "cpu":
        found["threads"] = _threads()
        found["freed memory"] = _memory()
    return found


def _compiled(device: torch.device, repeated: bool) -> Decision:
    decision = choose_compile("auto", device, math.inf, repeated)
    if decision.choice == "off":
        return decision
    minutes = f"{repaid_minutes(device, repeated):.0f}"
    unit = "minute" if minutes == "1" else "minutes"
    return Decision("on", f"in runs of at least {minutes} {unit}, where compiling pays off")


def _loaders(device: torch.device) -> Decision:
    count = loader_threads(device)
    named = "1 thread" if count == 1 else f"{count} threads"
    beside = "beside the processor that trains" if device.type == "cpu" else "beside the GPU"
    return Decision(named, f"the next batches are prepared {beside}")


def _threads() -> Decision:
    used, cores = torch.get_num_threads(), usable_cores()
    if used == cores:
        return Decision(str(used), "every core this process may use works on each operation")
    return Decision(str(used), f"{cores} cores could be used: OMP_NUM_THREADS or torch says {used}")


def _memory() -> Decision:
    if can_keep_freed_memory():
        return Decision("kept", "a step reuses the memory that the last one freed")
    return Decision("returned", "only glibc can keep it")


@dataclass(frozen=True, slots=True)
class Speeds:
    """Measured speeds of a device.

    Attributes:
        fp32: Billions of operations per second in products of 1024 x 1024 matrices, float32.
        bf16: The same in bfloat16.
        fused: Milliseconds of torch's fused attention with its gradients, bfloat16, 16 samples of
            256 tokens in 4 heads of 64.
        explicit: Milliseconds of the same attention by two plain products.
    """

    fp32: float
    bf16: float
    fused: float
    explicit: float


def measure_speeds(device: torch.device) -> Speeds:
    """Measure a device in one or two seconds; each speed is the best of five rounds."""
    q = torch.ones(_TOKENS, device=device, dtype=torch.bfloat16, requires_grad=True)

    def attend() -> None:
        F.scaled_dot_product_attention(q, q, q).sum().backward()  # type: ignore[no-untyped-call]

    def attend_explicitly() -> None:
        with explicit():
            attend()

    return Speeds(
        fp32=_speed(torch.float32, device),
        bf16=_speed(torch.bfloat16, device),
        fused=1e3 * _seconds(attend, device),
        explicit=1e3 * _seconds(attend_explicitly, device),
    )


def _speed(dtype: torch.dtype, device: torch.device) -> float:
    x = torch.ones(_SIDE, _SIDE, dtype=dtype, device=device)
    return 2 * _SIDE**3 / _seconds(lambda: torch.mm(x, x), device) / 1e9


def _seconds(work: Callable[[], object], device: torch.device) -> float:
    work()  # The first call includes the setup.
    times = []
    for _ in range(_ROUNDS):
        _wait(device)
        began = time.perf_counter()
        work()
        _wait(device)
        times.append(time.perf_counter() - began)
    return min(times)


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
