"""Facts about the machine, and the two levers we pull on it."""

from __future__ import annotations

import ctypes
import os
import platform
import shutil
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import torch

from sfumato.engine.memory import physical_memory

_M_TRIM_THRESHOLD = -1
_M_MMAP_THRESHOLD = -3
_MOST_LOADERS = 12
_MMAP_LIMIT = 32 * 2**20  # Older glibc refuses anything above.


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


def choose_device(asked: str = "auto") -> torch.device:
    """The device to work on: CUDA if present, else the CPU; or the one asked for.

    Apple's MPS is not chosen: it has no float64, in which times are kept.
    """
    if asked != "auto":
        return torch.device(asked)
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
    """Whether the C library can be asked to, see :func:`keep_freed_memory`."""
    return platform.libc_ver()[0] == "glibc"


@cache
def keep_freed_memory() -> bool:
    """Ask the C library to keep freed blocks for reuse instead of returning them to the system.

    Every training step frees and asks again for the same large activations. By default glibc maps
    and unmaps each of them, and the kernel clears every page anew. The price is that memory once
    used stays with the process, so this is called by an entry point that owns the process, never
    on import.

    Returns:
        Whether the library agreed; False on systems without glibc.
    """
    if not can_keep_freed_memory():
        return False
    mallopt = ctypes.CDLL(None).mallopt
    trimmed = mallopt(_M_TRIM_THRESHOLD, ctypes.c_int(2**31 - 1))
    mapped = mallopt(_M_MMAP_THRESHOLD, ctypes.c_int(2**30)) or mallopt(
        _M_MMAP_THRESHOLD, ctypes.c_int(_MMAP_LIMIT)
    )
    return bool(trimmed and mapped)


def _accelerator() -> str | None:
    if torch.cuda.is_available():
        return torch.cuda.get_device_name()
    return "Apple MPS (not used: it has no float64)" if torch.backends.mps.is_available() else None
