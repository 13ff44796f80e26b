"""Retrieval against exact answers."""

from __future__ import annotations

import math
from itertools import combinations

import pytest
import torch

from sfumato.errors import DataError
from sfumato.metrics.retrieval import retrieval


def names(count: int) -> list[str]:
    return [f"caption {number}" for number in range(count)]


def randoms(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_right_captions_alone_are_alike() -> None:
    found = retrieval(torch.eye(50), names(50))
    assert math.isclose(found.share, 1, abs_tol=1e-12)
    assert 0.9 < found.low < found.high <= 1
    assert (found.n, found.candidates, found.chance) == (50, 16, 1 / 16)


def test_similarities_without_knowledge_are_chance() -> None:
    found = retrieval(randoms(400, 400), names(400))
    assert found.low < 1 / 16 < found.high
    assert found.high - found.low < 0.06


def test_ties_are_chance() -> None:
    assert math.isclose(retrieval(torch.zeros(40, 40), names(40)).share, 1 / 16)


def test_it_is_the_mean_over_all_draws() -> None:
    alike = randoms(7, 7).round()
    wins = []
    for row in range(7):
        for others in combinations([k for k in range(7) if k != row], 3):
            best = max(alike[row, k] for k in (row, *others))
            firsts = [k for k in (row, *others) if alike[row, k] == best]
            wins.append((row in firsts) / len(firsts))
    assert math.isclose(retrieval(alike, names(7), 4).share, sum(wins) / len(wins))


def test_the_order_of_rows_does_not_matter() -> None:
    alike, order = randoms(60, 60) + torch.eye(60), torch.randperm(60)
    one = retrieval(alike, names(60))
    other = retrieval(alike[order][:, order], [names(60)[k] for k in order])
    assert one[:6] == pytest.approx(other[:6])
    torch.testing.assert_close(one.of_each[order], other.of_each)


def test_equal_captions_are_one_candidate() -> None:
    alike = torch.eye(10).repeat_interleave(3, 0).repeat_interleave(3, 1)
    found = retrieval(alike, [name for name in names(10) for _ in range(3)])
    assert (found.n, found.candidates) == (30, 10)
    assert math.isclose(found.share, 1, abs_tol=1e-12)


@pytest.mark.parametrize("count", [0, 1, 3])
def test_too_few_captions_are_refused(count: int) -> None:
    with pytest.raises(DataError):
        retrieval(torch.zeros(count, count), ["the same"] * count)


def test_wrong_similarities_are_refused() -> None:
    with pytest.raises(DataError):
        retrieval(torch.zeros(3, 2), names(3))
    with pytest.raises(DataError):
        retrieval(torch.full((3, 3), math.nan), names(3))
