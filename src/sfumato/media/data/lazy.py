"""Sequences whose members are made when they are asked for."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import TypeVar, overload

T = TypeVar("T")


class Lazy(Sequence[T]):
    """A sequence that says how one member is made; a slice is a list of some."""

    @abstractmethod
    def _made(self, place: int) -> T:
        """The member at a place from 0 to the length less one."""

    @overload
    def __getitem__(self, place: int) -> T: ...
    @overload
    def __getitem__(self, place: slice) -> list[T]: ...

    def __getitem__(self, place: int | slice) -> T | list[T]:
        """One member, or a list of some.

        Raises:
            IndexError: There is none at that place.
        """
        places = range(len(self))[place]
        if isinstance(places, range):
            return [self._made(number) for number in places]
        return self._made(places)
