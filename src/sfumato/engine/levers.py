"""Every choice for speed that the engine makes by itself, with its reason in words."""

from __future__ import annotations

import math

import torch

from sfumato.engine.attention import choose_attention
from sfumato.engine.compiling import choose_compile, repaid_minutes
from sfumato.engine.machine import can_keep_freed_memory, loader_threads, usable_cores
from sfumato.engine.precision import Decision, choose_precision


def levers(device: torch.device) -> dict[str, Decision]:
    """What training on a device will do, by the name of the choice."""
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
    return Decision("on", f"in runs of at least {minutes} {unit}, which repay the time it takes")


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
        return Decision("kept", "a step asks for what the last one freed: no page is cleared anew")
    return Decision("returned", "only glibc can be asked to keep it")
