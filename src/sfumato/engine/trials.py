"""Short trials of what a machine can do, for people to see why it is used as it is."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F

from sfumato.engine.attention import explicit

_SIDE = 1024
_ROUNDS = 5
_TOKENS = (16, 4, 256, 64)  # samples, heads, tokens, size of a head


@dataclass(frozen=True, slots=True)
class Trials:
    """What was measured, in one or two seconds.

    Attributes:
        fp32: Billions of operations a second in products of 1024 x 1024 matrices, float32.
        bf16: The same in bfloat16.
        fused: Milliseconds of torch's fused attention with its gradients, bfloat16, 16 samples of
            256 tokens in 4 heads of 64.
        explicit: Milliseconds of two plain products for the same.
    """

    fp32: float
    bf16: float
    fused: float
    explicit: float


def measured(device: torch.device) -> Trials:
    """Run the trials on a device; the best of five each, as other work only ever slows them."""
    q = torch.ones(_TOKENS, device=device, dtype=torch.bfloat16, requires_grad=True)

    def attend() -> None:
        F.scaled_dot_product_attention(q, q, q).sum().backward()  # type: ignore[no-untyped-call]

    def attend_explicitly() -> None:
        with explicit():
            attend()

    return Trials(
        fp32=_speed(torch.float32, device),
        bf16=_speed(torch.bfloat16, device),
        fused=1e3 * _seconds(attend, device),
        explicit=1e3 * _seconds(attend_explicitly, device),
    )


def _speed(dtype: torch.dtype, device: torch.device) -> float:
    x = torch.ones(_SIDE, _SIDE, dtype=dtype, device=device)
    return 2 * _SIDE**3 / _seconds(lambda: torch.mm(x, x), device) / 1e9


def _seconds(work: Callable[[], object], device: torch.device) -> float:
    work()  # The first time pays for what is set up once.
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
