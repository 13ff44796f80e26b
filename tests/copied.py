"""Finished runs for a test to do with what it likes."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path


def copier(finished: Path, place: Path) -> Callable[..., Path]:
    """A function that copies finished runs by name to ``runs/`` of a place, and gives the first's.

    Args:
        finished: The folder of the finished runs, which stay as they are.
        place: A fresh working folder.
    """

    def copy(*names: str) -> Path:
        for name in names:
            shutil.copytree(finished / name, place / "runs" / name)
        return place / "runs" / names[0]

    return copy
