"""From coarse to fine. That chains are drawn exactly is in the contract suite."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from sfumato.process.categorical import Masking
from sfumato.process.keep import CosineKeep
from sfumato.sampling.tokens import Dyadic
from sfumato.sampling.tokens.dyadic import _order

F64 = torch.float64
SURE = torch.tensor([-1e9, 0.0, -1e9])


def shown(stage, process, time, length, steps, free=None):
    """The places revealed by each step."""
    x_t = torch.full((1, length), process.mask)
    if free is not None:
        x_t = torch.where(free, x_t, 0)
    rounds = []
    for k in range(steps):
        t, s = 1 - k / steps, 1 - (k + 1) / steps
        noise = torch.zeros(1, length, dtype=F64)
        scene = stage(process, SURE.expand(1, length, 3), noise, step=k, steps=steps, free=free)
        x_s = Dyadic().step(x_t, time(t), time(s), scene.context)
        rounds.append((x_s != x_t).nonzero()[:, 1].tolist())
        x_t = x_s
    return rounds


def test_rounds_halve_the_gaps(stage, letters, time):
    assert shown(stage, letters, time, 8, 4) == [[0], [4], [2, 6], [1, 3, 5, 7]]
    assert shown(stage, letters, time, 1, 1) == [[0]]


def test_fewer_evaluations_merge_the_rounds_that_are_farthest_apart(stage, letters, time):
    assert shown(stage, letters, time, 8, 2) == [[0, 2, 4, 6], [1, 3, 5, 7]]
    assert shown(stage, letters, time, 8, 1) == [[*range(8)]]


def test_more_evaluations_split_the_largest_rounds(stage, letters, time):
    assert shown(stage, letters, time, 8, 5) == [[0], [4], [2, 6], [1, 5], [3, 7]]
    assert shown(stage, letters, time, 2, 4) == [[0], [1], [], []]


def test_only_free_places_are_ordered(stage, letters, time):
    free = torch.tensor([[True, False, True, False, True, True]])
    assert shown(stage, letters, time, 6, 3, free) == [[0], [4], [2, 5]]


def test_rows_have_orders_of_their_own(stage, letters, time):
    free = torch.tensor([[True, True, True, True], [False, False, True, True]])
    x_t = torch.where(free, 3, 0)
    noise = torch.zeros(2, 4, dtype=F64)
    scene = stage(letters, SURE.expand(2, 4, 3), noise, step=0, steps=3, free=free)
    x_s = Dyadic().step(x_t, time(1.0), time(0.6), scene.context)
    assert x_s.tolist() == [[1, 3, 3, 3], [0, 0, 1, 3]]


def test_the_denoiser_is_told_how_much_is_masked(stage, time):
    process = Masking(CosineKeep(), 3)
    x_t = torch.tensor([[3, 3, 3, 3], [3, 3, 0, 0], [1, 1, 1, 1]])
    noise = torch.zeros(3, 4, dtype=F64)
    scene = stage(process, SURE.expand(3, 4, 3), noise, step=0, steps=1)
    Dyadic().step(x_t, time(0.7), time(0.0), scene.context)
    ((_, at),) = scene.calls
    assert process.keep.keep(at[:2]).tolist() == pytest.approx([0.0, 0.5])
    assert at[2] > 0


@given(places=st.integers(1, 70), more=st.integers(0, 80))
def test_from_the_budget_on_no_two_neighbours_are_drawn_at_once(places, more):
    """Between any two places of a step lies one of an earlier step."""
    budget = places.bit_length()
    order = _order(places, budget + more).tolist()
    assert set(order) == set(range(min(budget + more, places)))
    for low in range(places):
        for high in range(low + 1, places):
            if order[low] == order[high]:
                assert min(order[low + 1 : high], default=places) < order[low]
                break


@given(places=st.integers(1, 200), steps=st.integers(1, 12))
def test_below_the_budget_places_drawn_at_once_are_as_far_apart_as_can_be(places, steps):
    if steps >= places.bit_length():
        return
    order = _order(places, steps)
    for k in range(steps):
        gaps = (order == k).nonzero()[:, 0].diff()
        assert (gaps >= 2 ** (steps - max(k, 1))).all()
