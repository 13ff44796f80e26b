"""The growth of work with its input, measured in the time of the processor."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable


def seconds(work: Callable[[], object]) -> float:
    """The time of some work, without that of the garbage of everything else in the process."""
    # To look at all objects of all tests would take longer than the work.
    gc.freeze()
    gc.disable()
    try:
        began = time.process_time()
        work()
        return time.process_time() - began
    finally:
        gc.enable()
        gc.unfreeze()


def require_linear(work_of: Callable[[int], Callable[[], object]], small: int) -> None:
    """Check that four times the input takes far less than sixteen times as long.

    Args:
        work_of: Prepares work of a size.
        small: The smaller size.
    """
    few, many = (seconds(work_of(size)) for size in (small, 4 * small))
    assert many < 8 * few + 0.1, f"{small}: {few:.3f} s, {4 * small}: {many:.3f} s"
