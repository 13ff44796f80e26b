from __future__ import annotations

import numpy as np
import pytest

from sfumato.errors import SettingError
from sfumato.media.data.split import split_by_group

NAMES = [f"picture {number}.png" for number in range(2000)]


def test_the_share_is_about_right_and_nothing_is_lost() -> None:
    train, held = split_by_group(NAMES, [], 0.1)
    assert 150 < len(held) < 250
    assert sorted([*train, *held]) == list(range(2000))


def test_adding_items_moves_none() -> None:
    _, before = split_by_group(NAMES[:1000], [], 0.2)
    _, after = split_by_group(NAMES, [], 0.2)
    assert [place for place in after if place < 1000] == before.tolist()


def test_growing_the_share_only_adds() -> None:
    _, few = split_by_group(NAMES, [], 0.1)
    _, more = split_by_group(NAMES, [], 0.2)
    assert set(few) < set(more)


def test_chains_of_equal_items_stay_together() -> None:
    chain = [(number, number + 1) for number in range(0, 99)]
    for share in (0.2, 0.5, 0.8):
        _, held = split_by_group(NAMES[:200], chain, share)
        assert len(set(held) & set(range(100))) in (0, 100)


def test_equal_items_join_their_whole_groups() -> None:
    keys = [f"group {number // 4}" for number in range(200)]
    pairs = [(4 * number, 4 * number + 5) for number in range(0, 49, 2)]
    for share in (0.2, 0.5, 0.8):
        _, held = split_by_group(keys, pairs, share)
        sides = np.isin(np.arange(200), held).reshape(25, 8)
        assert (sides.all(axis=1) | ~sides.any(axis=1)).all()


@pytest.mark.parametrize("share", [1e-9, 0.999999])
def test_neither_part_is_empty(share: float) -> None:
    train, held = split_by_group(["a", "b", "c"], [], share)
    assert len(train) >= 1
    assert len(held) >= 1


def test_nothing_held_out() -> None:
    train, held = split_by_group(["a", "b"], [], 0.0)
    assert train.tolist() == [0, 1]
    assert held.tolist() == []


def test_one_group_trains() -> None:
    train, held = split_by_group(["a", "a"], [], 0.5)
    assert sorted([len(train), len(held)]) == [0, 2]
    assert len(train) == 2


@pytest.mark.parametrize("share", [-0.1, 1.0, float("nan")])
def test_bad_share(share: float) -> None:
    with pytest.raises(SettingError):
        split_by_group(["a"], [], share)
