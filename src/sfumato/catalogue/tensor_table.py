"""The weights of a pinned torch file as safetensors, without unpickling it.

A torch file is a pickle: to read it the ordinary way is to run what it says. But the numbers lie in
it as they are, and where they lie is known, since the file is pinned by its hash. A table says it
for each tensor, and nothing else of the file is looked at.
"""

from __future__ import annotations

from importlib import resources

import numpy as np
from safetensors.numpy import save

_TYPE = np.dtype("<f4")


def as_safetensors(data: bytes, table: str) -> bytes:
    """Take tensors out of a file.

    Args:
        data: The content of the file, of which the hash was verified.
        table: A file beside this one: after a line of headings, in each line the name of a float32
            tensor, where it begins in bytes, its shape, and its strides in entries.

    Raises:
        ValueError: A tensor would end outside of the file.
    """
    tensors = {}
    text = resources.files(__package__).joinpath(table).read_text(encoding="utf-8")
    for line in text.splitlines()[1:]:
        name, offset, shape, strides = line.split("\t")
        sizes = tuple(map(int, shape.split()))
        steps = tuple(_TYPE.itemsize * int(stride) for stride in strides.split())
        try:
            view = np.ndarray(sizes, _TYPE, data, int(offset), steps)
        except (TypeError, ValueError) as error:
            raise ValueError(f"the file ends before the end of '{name}'") from error
        tensors[name] = np.ascontiguousarray(view)
    return save(tensors)
