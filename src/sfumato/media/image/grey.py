"""Whether all images of a data set are grey, and a cache of grey ones made from one of colours.

Every image is looked at, which costs little once they are decoded: the cache of colours is that of
a run in colour, and the cache of grey images is computed from it, to the same bits as from files.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from sfumato.data.dataset import Dataset, Reader
from sfumato.data.index import FileKind
from sfumato.data.items import Item
from sfumato.errors import SfumatoError
from sfumato.storage import read_sealed_json, write_sealed_json

_FOUND = "colour.json"
# JPEG does not keep the channels of grey equal.
_TOLERANCE = 4
_AT_ONCE = 64


def is_grey(dataset: Dataset) -> bool:
    """Whether all items, uint8 (3, H, W), are grey; the answer is kept in the cache's folder."""
    place = dataset.folder / _FOUND
    with suppress(OSError, ValueError, KeyError, SfumatoError):
        return bool(read_sealed_json(place)["grey"])
    grey = all(
        np.ptp(_images(dataset, first), axis=1).max() <= _TOLERANCE
        for first in range(0, len(dataset), _AT_ONCE)
    )
    # It is a shortcut: without it the images are looked at again.
    with suppress(OSError, SfumatoError):
        write_sealed_json(place, {"grey": grey})
    return grey


def _images(dataset: Dataset, first: int) -> NDArray[np.uint8]:
    """Some images of a data set, uint8 (N, 3, H, W)."""
    images, _ = dataset.gather(np.arange(first, min(first + _AT_ONCE, len(dataset))))
    return images


class GreyReader:
    """Reads grey images from a cache of the same images in colour.

    Args:
        grey: The reader of files whose results these are.
        colours: The data set in colour.
        root: The folder of the files.
    """

    def __init__(self, grey: Reader, colours: Dataset, root: Path) -> None:
        self._grey = grey
        self._colours = colours
        self._paths = _Paths(colours.items)
        self._root = root

    @property
    def kind(self) -> FileKind:
        """See :class:`Reader`."""
        return self._grey.kind

    @property
    def shape(self) -> tuple[int, ...]:
        """See :class:`Reader`."""
        return self._grey.shape

    @property
    def dtype(self) -> np.dtype[Any]:
        """See :class:`Reader`."""
        return self._grey.dtype

    @property
    def cache_key(self) -> str:
        """See :class:`Reader`."""
        return self._grey.cache_key

    def read(self, path: Path, part: int = 0) -> NDArray[Any]:
        """See :class:`Reader`; a file that is not in the data set is read."""
        name = path.relative_to(self._root).as_posix()
        place = bisect_left(self._paths, name)
        if place == len(self._paths) or self._paths[place] != name:
            return self._grey.read(path, part)
        colours, _ = self._colours.gather([place])
        return np.array(Image.fromarray(colours[0].transpose(1, 2, 0)).convert("L"))[None]


class _Paths(Sequence[str]):
    """The paths of items, which are sorted."""

    def __init__(self, items: Sequence[Item]) -> None:
        self._items = items

    def __len__(self) -> int:
        return len(self._items)

    @overload
    def __getitem__(self, place: int) -> str: ...
    @overload
    def __getitem__(self, place: slice) -> list[str]: ...

    def __getitem__(self, place: int | slice) -> str | list[str]:
        if isinstance(place, slice):
            return [item.path for item in self._items[place]]
        return self._items[place].path
