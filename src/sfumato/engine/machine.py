"""Facts about the machine: its device, cores, memory and disk; and handling of its memory."""

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
# The limit and the usage of memory in version 2 and version 1 of control groups.
_GROUPS = (
    (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory.current")),
    (
        Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"),
        Path("/sys/fs/cgroup/memory/memory.usage_in_bytes"),
    ),
)
# Torch raises a plain RuntimeError if a CPU has no memory left.
_PHRASES = (
    "can't allocate memory",
    "cannot allocate memory",
    "not enough memory",
    "out of memory",
    # oneDNN does not say why it cannot make the buffers of an operation.
    "could not create a primitive",
    "could not execute a primitive",
    "could not create a memory",
)


@dataclass(frozen=True, slots=True)
class Machine:
    """The facts about the machine that ``sfumato doctor`` reports.

    Attributes:
        system: Operating system and architecture.
        cores: Logical cores this process may use.
        threads: Threads that torch uses for one operation.
        memory: Physical memory in bytes, if known.
        disk_free: Free bytes on the disk of the runs.
        torch: Version of torch.
        compiler: C++ compiler that torch.compile calls on a CPU, if any.
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
        directory: Folder of the runs; the disk of its nearest existing parent is measured.
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
    """The device of a name; for ``auto`` CUDA if present, else the CPU.

    Apple's MPS is never chosen, as it has no float64, which times need.
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
    """Number of threads that prepare batches; one on a CPU, which trains on all its cores."""
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
    """Make the C library keep freed blocks for reuse instead of returning them to the system.

    Every training step frees and allocates the same large activations. By default glibc maps and
    unmaps each of them, and the kernel clears every page again. As memory then stays with the
    process, this is called by entry points that own the process, never on import.

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
    """A context in which a lack of memory becomes :class:`OutOfMemory`; other errors pass through.

    Args:
        what: What does not fit, such as "A training step".
        hint: How to use less memory.
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
    """Bytes of memory that are free on a device; None if unknown.

    On a GPU this includes memory that torch has reserved and does not use. On a CPU it is what the
    system reports as available, or half of the physical memory without such a figure, limited by
    the container.
    """
    if device.type == "cuda":
        held = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
        return torch.cuda.mem_get_info(device)[0] + held
    limits = [limit for limit in (_available(), _left_in_group()) if limit is not None]
    return min(limits, default=None)


def physical_memory() -> int | None:
    """Bytes of physical memory; None if unknown."""
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
    return any(phrase in str(error).lower() for phrase in _PHRASES)


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
            # Without a limit version 1 reports a huge number, and version 2 "max".
            return max(0, int(limit.read_text("ascii")) - int(used.read_text("ascii")))
        except (OSError, ValueError):
            continue
    return None
