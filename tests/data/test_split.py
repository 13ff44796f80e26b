from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sfumato.data.split import (
    batch_indices,
    in_order,
    rank_slice,
    repeats,
    split_by_group,
)
from sfumato.errors import SettingError

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


@pytest.mark.parametrize("share", [0.05, 0.2])
def test_a_giant_group_is_trained_on_and_the_share_is_kept(share: float) -> None:
    """Else nine tenths would be held out, or nothing, by the luck of one name."""
    for giant in range(20):
        keys = [f"{giant}-{number}" for number in range(1000)]
        same = [(number, 0) for number in range(1, 700)]
        training, held = split_by_group(keys, same, share, balanced=True)
        assert set(range(700)) <= set(training.tolist())
        assert 0.6 * share < len(held) / 1000 < 1.5 * share
        assert sorted([*training, *held]) == list(range(1000))


def test_large_groups_alone_hold_out_the_smallest() -> None:
    keys = [f"{number}" for number in range(100)]
    same = [(number, number // 40 * 40) for number in range(100)]
    training, held = split_by_group(keys, same, 0.05, balanced=True)
    assert held.tolist() == list(range(80, 100))
    assert len(training) == 80


def test_without_large_groups_the_balance_changes_nothing() -> None:
    keys = [f"item {number}" for number in range(500)]
    same = [(number, number - 1) for number in range(1, 500, 2)]
    for share in (0.05, 0.3, 0.9):
        plain, balanced = (split_by_group(keys, same, share, how)[1] for how in (False, True))
        assert plain.tolist() == balanced.tolist()


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


sizes = st.integers(1, 40)


@settings(max_examples=60, deadline=None)
@given(n=sizes, batch=sizes, seed=st.integers(-(2**70), 2**70))
def test_every_epoch_is_a_permutation(n: int, batch: int, seed: int) -> None:
    stream = np.concatenate([batch_indices(n, batch, step, seed) for step in range(3 * n)])
    for epoch in range(3):
        assert sorted(stream[epoch * n : (epoch + 1) * n]) == list(range(n))


@settings(max_examples=60, deadline=None)
@given(n=sizes, batch=sizes, step=st.integers(0, 100), world=st.integers(1, 9))
def test_shares_of_workers_join_to_the_batch_of_one(
    n: int, batch: int, step: int, world: int
) -> None:
    shares = [batch_indices(n, batch, step, 7, rank, world) for rank in range(world)]
    np.testing.assert_array_equal(np.concatenate(shares), batch_indices(n, batch, step, 7))
    assert max(map(len, shares)) - min(map(len, shares)) <= 1


def test_a_step_does_not_depend_on_the_steps_before() -> None:
    resumed = batch_indices(1000, 64, 37, seed=3)
    for step in range(37):
        batch_indices(1000, 64, step, seed=3)
    np.testing.assert_array_equal(batch_indices(1000, 64, 37, seed=3), resumed)


def test_the_batch_size_does_not_change_the_stream() -> None:
    small = np.concatenate([batch_indices(50, 10, step, 1) for step in range(12)])
    large = np.concatenate([batch_indices(50, 30, step, 1) for step in range(4)])
    np.testing.assert_array_equal(small, large)


def test_epochs_and_seeds_differ() -> None:
    first, second = (batch_indices(100, 100, step, seed=0) for step in (0, 1))
    assert not np.array_equal(first, second)
    assert not np.array_equal(first, batch_indices(100, 100, 0, seed=1))


def test_the_order_is_frozen() -> None:
    # A change here would silently reorder the data of every run that is resumed.
    assert batch_indices(10, 10, 0, seed=0).tolist() == [3, 1, 4, 5, 9, 2, 6, 7, 0, 8]


def test_positions_are_uniform() -> None:
    firsts = np.array([batch_indices(10, 10, step, seed=5)[0] for step in range(2000)])
    counts = np.bincount(firsts, minlength=10)
    assert ((counts - 200) ** 2 / 200).sum() < 33.7  # chi-squared, 9 degrees, p = 1e-4


def test_caller_may_write_into_the_batch() -> None:
    before = batch_indices(8, 8, 0, seed=0).copy()
    batch_indices(8, 8, 0, seed=0)[:] = -1
    np.testing.assert_array_equal(batch_indices(8, 8, 0, seed=0), before)


@pytest.mark.parametrize("bad", [(0, 1, 0), (1, 0, 0), (1, 1, -1)])
def test_bad_arguments(bad: tuple[int, int, int]) -> None:
    with pytest.raises(ValueError, match="need n_items"):
        batch_indices(*bad, seed=0)


def test_bad_rank() -> None:
    with pytest.raises(ValueError, match="rank"):
        rank_slice(8, 2, 2)


def test_numbers_are_ordered_as_numbers_and_the_rest_by_name() -> None:
    classes, place_of = in_order(["10", "9", "01", "1"])
    assert classes == ("01", "1", "9", "10")
    assert place_of.tolist() == [3, 2, 0, 1]
    assert in_order(["10", "9", "cat"])[0] == ("10", "9", "cat")


def test_each_later_item_is_paired_with_the_first() -> None:
    digests = np.array([5, 9, 5, 7, 9, 5], np.uint64)
    assert repeats(digests).tolist() == [[2, 0], [4, 1], [5, 0]]


def test_none_among_different_ones() -> None:
    assert repeats(np.arange(4, dtype=np.uint64)).shape == (0, 2)
