from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sfumato.media.data.items import pack_strings


@given(strings=st.lists(st.text()))
def test_packed_strings(strings: list[str]) -> None:
    packed = pack_strings(strings)
    assert list(packed) == strings == packed[:]
    assert packed[1:-1] == strings[1:-1]
    assert list(packed.take(np.arange(len(strings))[::-1])) == strings[::-1]
    with pytest.raises(IndexError):
        packed[len(strings)]


def test_many_are_read_in_pieces() -> None:
    strings = [str(number) * (number % 3) for number in range(10_000)]
    assert list(pack_strings(strings)) == strings


def test_equality_is_of_all_of_them() -> None:
    assert pack_strings(["ab", "c"]) == pack_strings(["ab", "c"])
    assert pack_strings(["ab", "c"]) != pack_strings(["a", "bc"])
    assert pack_strings(["ab"]) != ["ab"]
