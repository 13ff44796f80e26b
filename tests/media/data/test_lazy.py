from __future__ import annotations

import pytest

from sfumato.media.data.items import Lazy


class Squares(Lazy[int]):
    def __init__(self) -> None:
        self.made: list[int] = []

    def __len__(self) -> int:
        return 5

    def _made(self, place: int) -> int:
        self.made.append(place)
        return place * place


@pytest.mark.parametrize("place", [0, 4, -1, -5])
def test_one_is_made_as_a_list_has_it(place: int) -> None:
    squares = Squares()
    assert squares[place] == [0, 1, 4, 9, 16][place]
    assert len(squares.made) == 1


@pytest.mark.parametrize("place", [5, -6])
def test_beyond_the_ends(place: int) -> None:
    with pytest.raises(IndexError):
        Squares()[place]


@pytest.mark.parametrize(
    "part", [slice(None), slice(1, 3), slice(None, None, -2), slice(3, 99), slice(4, 1)]
)
def test_a_slice_is_a_list(part: slice) -> None:
    assert Squares()[part] == [0, 1, 4, 9, 16][part]


def test_it_ends_when_it_is_walked() -> None:
    assert list(Squares()) == [0, 1, 4, 9, 16]
