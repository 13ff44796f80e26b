"""Memory of this process, as Linux counts it."""

from __future__ import annotations

from pathlib import Path


def forget_peak() -> None:
    """Count the peak anew from now on."""
    Path("/proc/self/clear_refs").write_text("5")


def peak() -> float:
    """Most memory since then, in MiB, mapped files among it."""
    return _status("VmHWM")


def resident() -> float:
    """Memory now, in MiB, mapped files among it."""
    return _status("VmRSS")


def own() -> float:
    """Memory now that belongs to no file, and that the system cannot take back, in MiB."""
    return _status("RssAnon")


def _status(name: str) -> float:
    for line in Path("/proc/self/status").read_text().splitlines():
        key, _, value = line.partition(":")
        if key == name:
            return int(value.split()[0]) / 1024
    raise OSError(f"/proc/self/status has no {name}: this benchmark needs Linux.")
