from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sfumato.media.data.split import batch_indices, epoch_of, rank_slice

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


def test_epoch_of() -> None:
    assert epoch_of(100, 25, 6) == 1.5
