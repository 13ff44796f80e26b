"""Facts about the machine: its device, cores, memory and disk, and two settings of its memory."""

from __future__ import annotations

import ctypes
import os
import platform
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import torch

from sfumato.errors import OutOfMemory

_M_TRIM_THRESHOLD = -1
_M_MMAP_THRESHOLD = -3
_MOST_LOADERS = 12
_MMAP_LIMIT = 32 * 2**20  # Older glibc refuses anything above.
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


@dataclass(frozen=True, slots=True)
class Machine:
    """What ``sfumato doctor`` reports.

    Attributes:
        system: Operating system and architecture.
        cores: Logical cores this process may use.
        threads: Threads that torch uses for one operation.
        memory: Physical memory in bytes, if the system tells.
        disk_free: Free bytes where runs are written.
        torch: Version of torch.
        compiler: C++ compiler that torch.compile would call on a CPU, if any.
        accelerator: Name of the accelerator, if any.
    """

    system: str
    cores: int
    threads: int
    memory: int | None
    disk_free: int
    torch: str
    compiler: str | None
    accelerator: str | None


def describe(directory: Path) -> Machine:
    """Collect the facts.

    Args:
        directory: Where runs are to be written; it or its nearest existing parent is measured.
    """
    return Machine(
        system=f"{platform.system()} {platform.machine()}",
        cores=usable_cores(),
        threads=torch.get_num_threads(),
        memory=physical_memory(),
        disk_free=disk_free(directory),
        torch=torch.__version__,
        compiler=cpp_compiler(),
        accelerator=_accelerator(),
    )


def choose_device(name: str = "auto") -> torch.device:
    """The device to work on: the one named; for ``auto``, CUDA if present and the CPU otherwise.

    Apple's MPS is not chosen: it has no float64, in which times are kept.
    """
    if name != "auto":
        return torch.device(name)
    if torch.cuda.is_available():
        return torch.device("cuda")
    return torch.device("cpu")


def usable_cores() -> int:
    """Logical cores that this process is allowed to run on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def loader_threads(device: torch.device) -> int:
    """How many threads should prepare batches: one beside a CPU, which trains on all its cores."""
    return 1 if device.type == "cpu" else max(1, min(_MOST_LOADERS, usable_cores() - 1))


def disk_free(directory: Path) -> int:
    """Free bytes on the device of ``directory``, or of its nearest parent that exists."""
    place = directory.absolute()
    while not place.exists():
        place = place.parent
    return shutil.disk_usage(place).free


def cpp_compiler() -> str | None:
    """Path of the C++ compiler that torch.compile needs on a CPU, or None."""
    names = (os.environ.get("CXX") or "g++", "g++", "clang++")
    return next(filter(None, map(shutil.which, names)), None)


def can_keep_freed_memory() -> bool:
    """Whether :func:`keep_freed_memory` works with this C library."""
    return platform.libc_ver()[0] == "glibc"


@cache
def keep_freed_memory() -> bool:
    """Tell the C library to keep freed blocks for reuse instead of returning them to the system.

    Every training step frees and asks again for the same large activations. By default glibc maps
    and unmaps each of them, and the kernel clears every page anew. The price is that memory once
    used stays with the process, so this is called by an entry point that owns the process, never
    on import.

    Returns:
        Whether the library accepted the setting; False on systems without glibc.
    """
    if not can_keep_freed_memory():
        return False
    mallopt = ctypes.CDLL(None).mallopt
    trimmed = mallopt(_M_TRIM_THRESHOLD, ctypes.c_int(2**31 - 1))
    mapped = mallopt(_M_MMAP_THRESHOLD, ctypes.c_int(2**30)) or mallopt(
        _M_MMAP_THRESHOLD, ctypes.c_int(_MMAP_LIMIT)
    )
    return bool(trimmed and mapped)


@contextmanager
def memory_explained(what: str, hint: str) -> Iterator[None]:
    """A context in which a lack of memory becomes :class:`OutOfMemory`; other errors pass.

    Args:
        what: What did not fit, such as "A training step".
        hint: How to need less memory.
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


def _accelerator() -> str | None:
    if torch.cuda.is_available():
        return torch.cuda.get_device_name()
    return "Apple MPS (not used: it has no float64)" if torch.backends.mps.is_available() else None


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
