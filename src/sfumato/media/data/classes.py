"""The names of classes, in an order that does not depend on where they were met."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray


def in_order(names: Iterable[str]) -> tuple[tuple[str, ...], NDArray[np.int64]]:
    """Names sorted, by number if all are numbers; and the place of each of the given there."""
    given = list(names)
    numeric = all(name.isascii() and name.isdigit() for name in given)
    ordered = sorted(given, key=lambda name: (int(name), name) if numeric else (0, name))
    place = {name: number for number, name in enumerate(ordered)}
    return tuple(ordered), np.array([place[name] for name in given], dtype=np.int64)
