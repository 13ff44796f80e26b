from __future__ import annotations

from itertools import combinations

import pytest
import torch
from torch import Tensor

from sfumato.errors import DataError
from sfumato.metrics.retrieval import Alignment, retrieval


def pairs(count: int, seed: int, noise: float = 0.01) -> tuple[Tensor, Tensor]:
    """Two linear views of one hidden vector."""
    maps = torch.Generator().manual_seed(0)
    hidden = torch.randn(count, 6, generator=torch.Generator().manual_seed(seed))
    items = hidden @ torch.randn(6, 20, generator=maps)
    words = hidden @ torch.randn(6, 12, generator=maps)
    return items + noise * torch.randn(count, 20, generator=maps), words


def test_probability_is_that_of_all_draws() -> None:
    similarity = torch.tensor([[0.5, 0.9, 0.1, 0.2, 0.4], [0.9, 0.3, 0.8, 0.7, 0.95]])
    own = torch.tensor([0, 1])
    found = retrieval(similarity, own, among=3)
    for row, place in enumerate(own.tolist()):
        others = [float(one) for at, one in enumerate(similarity[row]) if at != place]
        draws = list(combinations(others, 2))
        wins = sum(max(draw) < float(similarity[row, place]) for draw in draws)
        assert found.of_each[row].item() == pytest.approx(wins / len(draws))
    assert found.among == 3
    assert found.low < found.share < found.high


def test_ties_do_not_win() -> None:
    found = retrieval(torch.zeros(4, 20), torch.arange(4))
    assert found.share == 0


def test_random_similarity_reaches_chance() -> None:
    similarity = torch.rand(4000, 40, generator=torch.Generator().manual_seed(1))
    found = retrieval(similarity, torch.arange(4000) % 40)
    assert found.low < 1 / 16 < found.high
    assert found.share == pytest.approx(1 / 16, abs=0.01)


def test_few_captions_are_all_used() -> None:
    found = retrieval(torch.eye(3), torch.arange(3))
    assert (found.among, found.share, found.high) == (3, 1, 1)


@pytest.mark.parametrize("shape", [(0, 4), (4, 1)])
def test_nothing_to_search(shape: tuple[int, int]) -> None:
    with pytest.raises(DataError, match="at least two captions"):
        retrieval(torch.zeros(shape), torch.zeros(shape[0], dtype=torch.int64))


def test_aligned_views_find_each_other() -> None:
    items, words = pairs(400, 1)
    alignment = Alignment.fit(items, words, torch.arange(400))
    unseen, others = pairs(100, 2)
    found = retrieval(alignment(unseen, others), torch.arange(100))
    assert found.share > 0.95
    assert alignment.left_out > 0.95
    again = Alignment.fit(items, words, torch.arange(400))
    assert torch.equal(again(unseen, others), alignment(unseen, others))


def test_unrelated_views_reach_chance() -> None:
    items, _ = pairs(400, 1)
    _, words = pairs(400, 3)
    alignment = Alignment.fit(items, words, torch.arange(400))
    assert alignment.left_out < 0.15
    found = retrieval(alignment(pairs(300, 4)[0], pairs(300, 5)[1]), torch.arange(300))
    assert found.low < 1 / 16 < found.high


def test_similarity_is_a_cosine_whatever_the_scale() -> None:
    items, words = pairs(200, 1)
    captions = torch.arange(200)
    similarity = Alignment.fit(items, words, captions)(items, words)
    assert similarity.abs().max() <= 1 + 1e-9
    scaled = Alignment.fit(7 * items + 3, words, captions)(7 * items + 3, words)
    torch.testing.assert_close(scaled, similarity, atol=1e-6, rtol=0)


def test_one_caption_of_many_items_is_one_caption() -> None:
    items, words = pairs(40, 1)
    captions = torch.arange(400) % 40
    noise = 0.01 * torch.randn(400, 20, generator=torch.Generator().manual_seed(9))
    alignment = Alignment.fit(items[captions] + noise, words[captions], captions)
    # A fold has 8 captions: with a copy of the own caption among them no item would win.
    assert alignment.left_out > 0.9


def test_too_little_to_align() -> None:
    items, words = pairs(30, 1)
    with pytest.raises(DataError, match="10 different captions"):
        Alignment.fit(items, words, torch.arange(30) % 9)
    with pytest.raises(DataError, match="10 different captions"):
        Alignment.fit(items[:0], words[:0], torch.arange(0))
    with pytest.raises(DataError, match="equal"):
        Alignment.fit(torch.ones(30, 4), words, torch.arange(30))
