"""A pair as a condition: another item of the same medium beside an item, such as a sketch."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Literal, Self

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field, field_validator
from torch import Tensor

from sfumato.conditioning.condition import Condition, Source, Value
from sfumato.conditioning.file import PairFile
from sfumato.data.items import Item
from sfumato.errors import SettingError
from sfumato.nets.inputs import Input, SignalInput


class Pair(Condition):
    """An item of the same medium; as a tensor float32, shape (B, C + 1, *sides).

    The last channel is 1 where the others are known. The pair of ``photos/1.png`` is a file of the
    same name with any suffix in a folder of its own, see :func:`places_of`, or the file in that
    folder that the column of the metadata names.

    Attributes:
        folder: Folder of the pairs inside the folder of the data; the condition's name if empty.
        shape: Shape of an encoded item, (C, *sides); empty until it is settled on a medium.
    """

    noun: ClassVar[str] = "pair"
    of_files: ClassVar[bool] = True

    kind: Literal["pair"] = "pair"
    folder: str = Field("", max_length=500, description="folder of the pairs; its name if empty")
    shape: tuple[int, ...] = Field((), max_length=8)

    @field_validator("folder")
    @classmethod
    def _inside(cls, folder: str) -> str:
        parts = folder.replace("\\", "/").removesuffix("/").split("/")
        if folder and any(part in ("", ".", "..") or part.startswith(".") for part in parts):
            raise ValueError("the folder of the pairs lies inside that of the data, such as 'a/b'")
        return "/".join(parts)

    @property
    def about(self) -> str:
        """See :attr:`Condition.about`."""
        return f"pair, {' x '.join(map(str, self.shape))} numbers"

    def place(self, name: str) -> str:
        """The folder of the pairs, relative to that of the data, with ``/`` as separator."""
        return self.folder or name

    def value(self, item: Item, name: str) -> Value | None:
        """See :meth:`Condition.value`; items carry the path of their pair once they are read."""
        path = super().value(item, name)
        return PairFile(path=path, part=item.part) if isinstance(path, str) else None

    def settled(self, values: Sequence[Value]) -> Self:
        """See :meth:`Condition.settled`; nothing depends on the values."""
        return self

    def input(self) -> Input:
        """See :meth:`Condition.input`."""
        return SignalInput(self.shape[0] if self.shape else 1)

    def rows(self, values: Sequence[Value | None], source: Source | None = None) -> Tensor:
        """See :meth:`Condition.rows`.

        Args:
            values: B values.
            source: Reads and encodes B files, shape (B, *shape); any numbers in place of None.
        """
        known = [value if isinstance(value, PairFile) else None for value in values]
        channels, *sides = self.shape or (1,)
        rows = torch.zeros(len(values), channels + 1, *sides)
        places = [row for row, value in enumerate(known) if value is not None]
        if places:
            if source is None:
                raise ValueError("there is nothing that reads pairs")
            rows[places, :-1] = source(known)[places]
            rows[places, -1] = 1.0
        return rows

    def parsed(self, name: str, text: object) -> Value:
        """See :meth:`Condition.parsed`: a path, or an encoded item, see :meth:`signal`.

        Raises:
            DataError: The file cannot be read.
        """
        if isinstance(text, np.ndarray | Tensor):
            return PairFile.of_array(self.signal(name, text).numpy())
        if not isinstance(text, str | Path) or not str(text):
            raise SettingError(f"{name} cannot be {text!r}.", why="it should be the path of a file")
        return PairFile.at(Path(text).expanduser())

    def signal(self, name: str, array: NDArray[Any] | Tensor) -> Tensor:
        """An encoded item that a user gives, float32 on the CPU, of the shape (C, *sides).

        Raises:
            SettingError: It has another shape, or holds numbers that are not finite.
        """
        signal = torch.as_tensor(array).detach().to("cpu", torch.float32, copy=True)
        if tuple(signal.shape) != self.shape or not signal.isfinite().all():
            raise SettingError(
                f"{name} cannot be an array of shape {tuple(signal.shape)}.",
                why=f"it should be finite numbers of shape {self.shape}, as the model sees an item",
            )
        return signal

    def advice(self, name: str) -> str:
        """See :meth:`Condition.advice`."""
        return f"put it into the folder '{self.place(name)}' under the name of its item"


def places_of(path: str, folder: str) -> Iterator[str]:
    """Where the pair of an item may lie in the folder of the pairs, without a suffix.

    For ``a/photos/b/1.png`` and the folder ``a/sketches`` these are ``a/photos/b/1``,
    ``photos/b/1`` (as seen from the folder that both lie in), ``b/1`` (the item lies in a folder
    beside that of the pairs) and ``1``.

    Args:
        path: Path of the item relative to the folder of the data.
        folder: The folder of the pairs, likewise.
    """
    whole = stem_of(path)
    around = f"{folder.rpartition('/')[0]}/".lstrip("/")
    near = whole.removeprefix(around)
    found = (whole, near, near.partition("/")[2], whole.rpartition("/")[2])
    return iter(dict.fromkeys(place for place in found if place))


def matched(items: Iterable[str], pairs: Iterable[str], folder: str) -> dict[str, str]:
    """The pairs of items by file name.

    The name alone is enough only where no other item could mean the same pair; of several files
    that differ in their suffix, the one of the item's own suffix counts, else the first.

    Args:
        items: Paths of the items relative to the folder of the data.
        pairs: Paths of the pairs relative to the folder of the pairs.
        folder: The folder of the pairs relative to that of the data.

    Returns:
        The path of the pair by that of the item.
    """
    known: dict[str, list[str]] = {}
    for pair in sorted(pairs):
        known.setdefault(stem_of(pair), []).append(pair)
    found: dict[str, str] = {}
    by_name: dict[str, list[str]] = {}
    for item in items:
        stem = next((place for place in places_of(item, folder) if place in known), None)
        if stem is None:
            continue
        found[item] = _nearest(item, known[stem])
        if stem == stem_of(item).rpartition("/")[2] != stem_of(item):
            by_name.setdefault(stem, []).append(item)
    return _without(found, by_name)


def _without(found: Mapping[str, str], by_name: Mapping[str, list[str]]) -> dict[str, str]:
    """The pairs without those that several items found by their names alone."""
    unclear = {item for items in by_name.values() if len(items) > 1 for item in items}
    return {item: pair for item, pair in found.items() if item not in unclear}


def _nearest(item: str, pairs: Sequence[str]) -> str:
    suffix = item.rpartition(".")[2]
    return next((pair for pair in pairs if pair.rpartition(".")[2] == suffix), pairs[0])


def stem_of(path: str) -> str:
    """A path without the suffix of its file."""
    folder, slash, name = path.rpartition("/")
    stem = name.rpartition(".")[0]
    return folder + slash + (stem or name)
