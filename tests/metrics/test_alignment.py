"""Alignments of pairs whose relation is known."""

from __future__ import annotations

import pytest
import torch

from sfumato.errors import DataError
from sfumato.metrics.alignment import Alignment
from sfumato.metrics.retrieval import retrieval


def randoms(*shape: int, seed: int) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def share(alignment: Alignment, items: torch.Tensor, words: torch.Tensor) -> tuple[float, ...]:
    alike = alignment.similarity(items, words)
    return retrieval(alike, [str(row) for row in range(len(items))])[:3]


def test_a_linear_relation_is_found() -> None:
    words = randoms(600, 8, seed=0)
    items = words @ randoms(8, 20, seed=1) + 5
    alignment = Alignment.fit(items[:400], words[:400])
    assert share(alignment, items[400:], words[400:])[0] > 0.99


def test_independent_features_are_chance() -> None:
    items, words = randoms(600, 8, seed=0), randoms(600, 5, seed=1)
    _, low, high = share(Alignment.fit(items[:300], words[:300]), items[300:], words[300:])
    assert low < 1 / 16 < high


def test_one_gaussian_correlation_has_a_known_sign() -> None:
    """In one dimension the cosine is the sign of the product: half of the others are ties."""
    words = randoms(2000, 1, seed=0)
    found = share(Alignment.fit(words[:1000], words[:1000]), words[1000:], words[1000:])
    # The right one has the right sign, as have J of 15 others: the mean of 1 / (J + 1) is
    # (1 - 2 ** -16) / 8.
    assert found[1] < (1 - 2.0**-16) / 8 < found[2]


def test_it_is_the_same_every_time_and_in_any_scale() -> None:
    words = randoms(100, 4, seed=0)
    items = words @ randoms(4, 6, seed=1) + randoms(100, 6, seed=2)
    groups = [str(row // 2) for row in range(100)]
    one, again = (Alignment.fit(items, words, groups) for _ in range(2))
    assert torch.equal(one.similarity(items, words), again.similarity(items, words))
    scaled = Alignment.fit(7 * items - 3, words, groups)
    torch.testing.assert_close(
        scaled.similarity(7 * items - 3, words), one.similarity(items, words)
    )


def test_constant_features_say_nothing() -> None:
    items, words = torch.ones(20, 3), randoms(20, 4, seed=0)
    alignment = Alignment.fit(items, words)
    assert not alignment.similarity(items, words).any()


def test_bad_pairs_are_refused() -> None:
    items = randoms(20, 3, seed=0)
    with pytest.raises(DataError, match="no pairs"):
        Alignment.fit(items, items[1:])
    with pytest.raises(DataError, match="6 groups"):
        Alignment.fit(items, items, ["one"] * 20)
    with pytest.raises(DataError, match="finite"):
        Alignment.fit(items / 0, items)
