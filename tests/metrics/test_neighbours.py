from __future__ import annotations

import numpy as np
import pytest
import torch

from sfumato.metrics import neighbours
from sfumato.metrics.neighbours import nearest, nearest_features, surroundings


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


def test_features_are_as_far_as_their_differences() -> None:
    rng = torch.Generator().manual_seed(0)
    queries, items = (torch.randn(n, 12, generator=rng) for n in (40, 90))
    found = nearest_features(queries, items)
    differences = (queries.double()[:, None] - items.double()).norm(dim=2)
    assert found.indices.tolist() == differences.argmin(1).tolist()
    assert found.distances == pytest.approx(differences.amin(1).numpy(), rel=1e-13)


def test_near_copies_far_from_zero_keep_their_distance() -> None:
    rng = torch.Generator().manual_seed(1)
    items = 1e6 + torch.randn(50, 20, generator=rng).double()
    # Items that differ by less than an expanded square can tell.
    items[30] = items[20] + 1e-8
    queries = items[[20, 30, 7]].clone()
    queries[:2, 0] += 2e-9
    found = nearest_features(queries, items)
    assert found.indices.tolist() == [20, 30, 7]
    assert found.distances == pytest.approx([2e-9, 2e-9, 0], abs=3e-10)


def test_of_equal_features_the_first_is_named_and_pieces_do_not_matter(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rng = torch.Generator().manual_seed(2)
    items = torch.randint(0, 2, (30, 3), generator=rng).float()
    queries = torch.randint(0, 2, (20, 3), generator=rng) + 0.25
    whole = nearest_features(queries, items)
    differences = (queries.double()[:, None] - items.double()).square().sum(2)
    assert whole.indices.tolist() == differences.argmin(1).tolist()
    monkeypatch.setattr(neighbours, "_ENTRIES", 70)
    cut = nearest_features(queries, items)
    assert cut.indices.tolist() == whole.indices.tolist()
    assert cut.distances.tolist() == whole.distances.tolist()


@pytest.mark.parametrize("entries", [50, 1 << 21])
def test_surroundings_are_the_mean_of_the_nearest(
    entries: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(neighbours, "_ENTRIES", entries)
    rng = torch.Generator().manual_seed(3)
    queries, items = (100 + torch.randn(n, 5, generator=rng) for n in (7, 20))
    distances = (queries.double()[:, None] - items.double()).norm(dim=2).sort(1).values
    for count in (1, 4, 20):
        expected = distances[:, :count].mean(1).numpy()
        assert surroundings(queries, items, count) == pytest.approx(expected, rel=1e-9)
    assert surroundings(queries, items, 99) == pytest.approx(distances.mean(1).numpy())
    assert surroundings(items[:2], items[:1], 1)[0] == pytest.approx(0, abs=1e-6)


def test_no_features() -> None:
    assert nearest_features(torch.zeros(0, 2), torch.zeros(3, 2)).indices.shape == (0,)
    with pytest.raises(ValueError, match="no items"):
        nearest_features(torch.zeros(1, 2), torch.zeros(0, 2))
