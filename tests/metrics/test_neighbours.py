from __future__ import annotations

import numpy as np
import pytest
import torch

from sfumato.metrics import neighbours
from sfumato.metrics.neighbours import nearest


def test_distances_are_levels() -> None:
    items = np.array([[[0, 0]], [[255, 255]], [[10, 0]]], dtype=np.uint8)
    found = nearest(torch.tensor([[[250, 255]], [[0, 1]], [[10, 0]]], dtype=torch.uint8), items)
    assert found.indices.tolist() == [1, 0, 2]
    assert found.distances == pytest.approx([5 / 2**0.5, 1 / 2**0.5, 0.0])


def test_a_copy_is_at_zero_and_one_level_is_seen() -> None:
    rng = np.random.default_rng(0)
    items = rng.integers(0, 255, (50, 3, 32, 32), dtype=np.uint8)
    close = items[[7, 31]].copy()
    close[1, 0, 0, 0] += 1
    found = nearest(torch.from_numpy(close), items)
    assert found.indices.tolist() == [7, 31]
    assert found.distances == pytest.approx([0.0, 1 / (3 * 32 * 32) ** 0.5], rel=1e-6)


def test_pieces_do_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(1)
    items = rng.integers(0, 256, (23, 5), dtype=np.uint8)
    queries = torch.from_numpy(rng.integers(0, 256, (9, 5), dtype=np.uint8))
    whole = nearest(queries, items)
    monkeypatch.setattr(neighbours, "_CHUNK", 4)
    cut = nearest(queries, items)
    assert cut.indices.tolist() == whole.indices.tolist()
    assert cut.distances.tolist() == whole.distances.tolist()


def test_of_equals_the_first_is_named() -> None:
    items = np.zeros((3, 2), dtype=np.uint8)
    assert nearest(torch.zeros(1, 2, dtype=torch.uint8), items).indices.tolist() == [0]


def test_a_read_only_array_will_do() -> None:
    items = np.arange(12, dtype=np.uint8).reshape(6, 2)
    items.flags.writeable = False
    assert nearest(torch.tensor([[4, 5]], dtype=torch.uint8), items).indices.tolist() == [2]


def test_nothing_has_no_nearest() -> None:
    with pytest.raises(ValueError, match="no items"):
        nearest(torch.zeros(1, 2, dtype=torch.uint8), np.zeros((0, 2), dtype=np.uint8))
