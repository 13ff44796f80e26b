"""Masks: some entries of the data are known."""

from __future__ import annotations

import base64
import math
import zlib
from collections.abc import Sequence
from functools import lru_cache
from typing import Annotated, Any, ClassVar, Literal, Self

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field, PositiveInt, model_validator
from torch import Tensor

from sfumato.errors import SettingError
from sfumato.restoration.operator import Operator

_MOST_ENTRIES = 2**26
_EMPTY = "nothing is known"
_FULL = "everything is known"


class Mask(Operator):
    """The known entries, in their order: shape (B, M).

    The mask is a part of the spec, as one bit for each entry. It is applied to all channels if it
    has the shape of the sides, and to each channel by itself if it has that of the data; an axis of
    length 1 stands for all places along that axis, such as all bins of a frame.
    """

    summary: ClassVar[str] = "the entries that a mask marks as known"

    kind: Literal["mask"] = "mask"
    shape: Annotated[tuple[PositiveInt, ...], Field(min_length=1, max_length=3)] = Field(
        description="shape of the mask: (*sides) or (C, *sides), where 1 stands for any length"
    )
    known: str = Field(
        description="a bit for each entry, 1 = known, packed, compressed by zlib, in base64"
    )

    @model_validator(mode="after")
    def _is_a_mask(self) -> Self:
        if math.prod(self.shape) > _MOST_ENTRIES:
            raise ValueError(f"a mask has at most {_MOST_ENTRIES:,} entries")
        why = _useless(_entries(self.shape, self.known))
        if why:
            raise ValueError(why)
        return self

    @classmethod
    def of(cls, known: Tensor | NDArray[Any]) -> Mask:
        """The mask of an array: True or 1 where the data are known, False or 0 elsewhere.

        Args:
            known: Shape (*sides) or (C, *sides); an axis of length 1 stands for any length.

        Raises:
            SettingError: It has other values, nothing or everything is known, or it has another
                number of axes or too many entries.
        """
        array = known.detach().cpu().numpy() if isinstance(known, Tensor) else np.asarray(known)
        if not 1 <= array.ndim <= 3 or not 1 <= array.size <= _MOST_ENTRIES:
            raise SettingError(
                f"An array of shape {array.shape} cannot be a mask.",
                why=f"a mask has one to three axes and at most {_MOST_ENTRIES:,} entries",
            )
        entries = array.astype(np.bool_)
        if not (array == entries).all():
            raise SettingError(
                "A mask has values other than 0 and 1.",
                hint="compare with a threshold first, such as mask > 0.5.",
            )
        why = _useless(torch.from_numpy(entries))
        if why:
            hint = "mark what is known with 1" if why == _EMPTY else "mark what to restore with 0"
            raise SettingError("The mask leaves nothing to do.", why=why, hint=f"{hint}.")
        packed = zlib.compress(np.packbits(entries).tobytes(), 9)
        return cls(shape=array.shape, known=base64.b64encode(packed).decode("ascii"))

    @classmethod
    def box(
        cls,
        sides: Sequence[int],
        start: Sequence[int],
        size: Sequence[int],
        *,
        known_inside: bool = False,
    ) -> Mask:
        """A mask whose border is a box: everything outside of it is known.

        Args:
            sides: The sides of the data, such as (height, width) or (samples,).
            start: The first place of the box along each side, from 0.
            size: The size of the box along each side.
            known_inside: Whether the box is what is known, and the rest is not.

        Raises:
            SettingError: The box does not lie within the data, or it is empty or all of them.
        """
        fits = len(sides) == len(start) == len(size) and all(
            first >= 0 and extent >= 1 and first + extent <= side
            for side, first, extent in zip(sides, start, size, strict=True)
        )
        if not fits:
            raise SettingError(
                f"A box at {tuple(start)} of size {tuple(size)} does not fit the data.",
                why=f"their sides are {tuple(sides)}",
            )
        entries = torch.full(tuple(sides), not known_inside)
        entries[tuple(slice(a, a + n) for a, n in zip(start, size, strict=True))] = known_inside
        return cls.of(entries)

    def require(self, shape: Sequence[int]) -> None:
        """See :meth:`Operator.require`."""
        wanted = tuple(shape)[len(shape) - len(self.shape) :]
        fits = len(shape) - 1 <= len(self.shape) <= len(shape) and all(
            mine in (1, data) for mine, data in zip(self.shape, wanted, strict=True)
        )
        if not fits:
            raise SettingError(
                f"A mask of shape {self.shape} does not fit data of shape {tuple(shape)}.",
                hint=f"make a mask of shape {tuple(shape[1:]) or tuple(shape)}.",
            )

    def known_in(self, shape: Sequence[int]) -> Tensor:
        """Which entries of data of a shape (C, *sides) are known; bool, of that shape, on the CPU.

        Raises:
            SettingError: The mask does not fit the shape.
        """
        self.require(shape)
        return _entries(self.shape, self.known).expand(tuple(shape))

    def forward(self, x0: Tensor) -> Tensor:
        """See :meth:`Operator.forward`; the known entries, shape (B, M)."""
        return x0.flatten(1).index_select(1, _places(self, tuple(x0.shape[1:]), x0.device))


def _useless(entries: Tensor) -> str:
    """Why a mask leaves nothing to do; empty for a useful one."""
    if bool(entries.all()):
        return _FULL
    return "" if bool(entries.any()) else _EMPTY


@lru_cache(maxsize=4)
def _entries(shape: tuple[int, ...], known: str) -> Tensor:
    """The entries of a mask that is stored as text; bool.

    Raises:
        ValueError: The text is not that of a mask of this shape.
    """
    count = math.prod(shape)
    size = -(-count // 8)
    inflater = zlib.decompressobj()
    try:
        # One byte more than is needed shows that there are too many, and is the limit.
        packed = inflater.decompress(base64.b64decode(known, validate=True), size + 1)
    except zlib.error as error:
        raise ValueError(f"the entries of the mask are damaged: {error}") from error
    if len(packed) != size or not inflater.eof:
        raise ValueError(f"the entries of the mask do not have the shape {shape}")
    bits = np.unpackbits(np.frombuffer(packed, np.uint8), count=count)
    return torch.from_numpy(bits.astype(np.bool_).reshape(shape))


@lru_cache(maxsize=8)
def _places(mask: Mask, shape: tuple[int, ...], device: torch.device) -> Tensor:
    """The places of the known entries in flattened data of a shape."""
    return mask.known_in(shape).flatten().nonzero()[:, 0].to(device)
