"""How much memory is at hand, and what to say when it was not enough."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch

from sfumato.errors import OutOfMemory

_MEMINFO = Path("/proc/meminfo")
# Version 2 and version 1 of control groups: the limit, and what is used of it.
_GROUPS = (
    (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory.current")),
    (
        Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"),
        Path("/sys/fs/cgroup/memory/memory.usage_in_bytes"),
    ),
)
# Torch raises a plain RuntimeError where a CPU has none left.
_PHRASES = ("can't allocate memory", "not enough memory", "out of memory")


@contextmanager
def memory_explained(what: str, hint: str) -> Iterator[None]:
    """Inside, a lack of memory becomes :class:`OutOfMemory`; other errors pass through.

    Args:
        what: Did not fit, such as "A training step".
        hint: What needs less.
    """
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        if not _is_lack(error):
            raise
        first = str(error).strip().splitlines()
        why = first[0][:200] if first else "the system gave no more"
        raise OutOfMemory(f"{what} does not fit into memory.", why=why, hint=hint) from error


def free_memory(device: torch.device) -> int | None:
    """Bytes that work on a device could take now; None where the system does not tell.

    On a GPU what is free, and what torch holds unused. On a CPU what the system calls available,
    or half of the physical memory where it has no such figure, and no more than the container's
    limit leaves.
    """
    if device.type == "cuda":
        held = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
        return torch.cuda.mem_get_info(device)[0] + held
    known = [bytes_ for bytes_ in (_available(), _left_in_group()) if bytes_ is not None]
    return min(known) if known else None


def physical_memory() -> int | None:
    """Bytes built into the machine; None where the system does not tell."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return None


def _is_lack(error: MemoryError | RuntimeError) -> bool:
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    return any(phrase in str(error) for phrase in _PHRASES)


def _available() -> int | None:
    try:
        for line in _MEMINFO.read_text("ascii").splitlines():
            name, _, rest = line.partition(":")
            if name == "MemAvailable":
                return int(rest.split()[0]) * 1024
    except (OSError, ValueError, IndexError):
        pass
    physical = physical_memory()
    return None if physical is None else physical // 2


def _left_in_group() -> int | None:
    for limit, used in _GROUPS:
        try:
            # Without a limit the first version tells an absurdly large one, the second "max".
            return max(0, int(limit.read_text("ascii")) - int(used.read_text("ascii")))
        except (OSError, ValueError):
            continue
    return None
