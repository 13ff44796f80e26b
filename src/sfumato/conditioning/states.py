"""The states of texts under a frozen encoder, in a cache of those that training needs.

A cache folder holds the states of all captions of a data set in half precision. It is complete or
absent, its name holds a digest of the encoder and of the captions, and it can always be deleted.
States are rounded to half precision everywhere, so that a text has the same ones with and without
a cache.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from sfumato.data.cache import ArrayWriter, open_array, require_seals, seals
from sfumato.errors import DamagedFile, RunError
from sfumato.storage import (
    default_cache,
    new_folder,
    read_sealed_json,
    remove,
    write_sealed_json,
)

_ARRAY, _TABLE = "states.npy", "table.json"
_FORMAT = 1
_AT_ONCE = 64
_TYPE = np.dtype(np.float16)


class Encoder(Protocol):
    """A frozen encoder of texts."""

    @property
    def identity(self) -> str:
        """A digest of everything that its states depend on."""

    def states(self, texts: Sequence[str], length: int) -> Tensor:
        """States of texts, float32, shape (B, length, width), zeros beyond the last token."""


@dataclass(frozen=True)
class States:
    """A function from texts to states, of which some may be in a cache.

    Attributes:
        encoder: The encoder.
        length: Number of tokens of a text.
        places: Rows of the texts that are in the cache.
        array: The cache, float16, shape (n, length, width); None without one.
    """

    encoder: Encoder
    length: int
    places: Mapping[str, int] = field(default_factory=dict)
    array: NDArray[np.float16] | None = None

    def __call__(self, texts: Sequence[str]) -> Tensor:
        """The states of texts, float32, shape (B, length, width)."""
        unknown = list(dict.fromkeys(text for text in texts if text not in self.places))
        fresh = dict(zip(unknown, _encoded(self.encoder, unknown, self.length), strict=True))
        found = [
            torch.from_numpy(self.array[self.places[text]].copy())
            if self.array is not None and text in self.places
            else fresh[text]
            for text in texts
        ]
        return torch.stack(found).float()

    def cached(self, texts: Iterable[str], cache_dir: Path | None = None) -> States:
        """The same function with the states of some texts in a cache, which is built if needed.

        Args:
            texts: The texts; equal ones are encoded once.
            cache_dir: Folder of all caches; None for the default.

        Raises:
            DiskFull: There is no room for the cache.
        """
        known = sorted(set(texts))
        content = hashlib.sha256(f"{_FORMAT}\n{self.encoder.identity}\n{self.length}\n".encode())
        for text in known:
            content.update(text.encode("utf-8", "surrogatepass") + b"\0")
        folder = (cache_dir or default_cache()) / "states" / content.hexdigest()[:32]
        array = _opened(folder, len(known), self.length)
        if array is None:
            self._build(folder, known)
            array = _opened(folder, len(known), self.length)
        places = {text: place for place, text in enumerate(known)}
        return States(self.encoder, self.length, {} if array is None else places, array)

    def _build(self, folder: Path, texts: Sequence[str]) -> None:
        folder.parent.mkdir(parents=True, exist_ok=True)
        if folder.exists():
            remove(folder)
        width = _encoded(self.encoder, [""], self.length).shape[-1]
        with new_folder(folder) as building:
            path = building / _ARRAY
            with ArrayWriter(path, len(texts), (self.length, width), _TYPE) as out:
                for low in range(0, len(texts), _AT_ONCE):
                    for row in _encoded(self.encoder, texts[low : low + _AT_ONCE], self.length):
                        out.append(row.numpy())
            table = {"width": width, "seals": seals(building, [_ARRAY])}
            write_sealed_json(building / _TABLE, table)


def _encoded(encoder: Encoder, texts: Sequence[str], length: int) -> Tensor:
    """The states of texts in half precision."""
    return encoder.states(list(texts), length).half() if texts else torch.empty(0)


def _opened(folder: Path, count: int, length: int) -> NDArray[np.float16] | None:
    """The states of a cache folder; None if it is missing or damaged."""
    try:
        table = read_sealed_json(folder / _TABLE)
        require_seals(folder, table["seals"])
        return open_array(folder / _ARRAY, (count, length, int(table["width"])), _TYPE)
    except (OSError, ValueError, KeyError, TypeError, DamagedFile, RunError):
        return None
