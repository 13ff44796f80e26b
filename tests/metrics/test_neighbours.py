from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from torch import Tensor

from sfumato.metrics import neighbours
from sfumato.metrics.neighbours import nearest, nearest_audio, nearest_features, surroundings


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


RATE = 1000
SAMPLES = 200


def noise(count: int, channels: int = 1, samples: int = SAMPLES, seed: int = 0) -> Tensor:
    rng = torch.Generator().manual_seed(seed)
    return torch.randn(count, channels, samples, generator=rng) / 10


def stored(clips: Tensor) -> NDArray[np.int16]:
    return (clips * 32767).round().to(torch.int16).numpy()


def shifted(clip: Tensor, by: int) -> Tensor:
    """Later by so many samples, with silence before; what leaves is lost."""
    moved = torch.zeros_like(clip)
    if by >= 0:
        moved[..., by:] = clip[..., : clip.shape[-1] - by]
    else:
        moved[..., :by] = clip[..., -by:]
    return moved


@settings(max_examples=30, deadline=None)
@given(
    st.integers(0, 8), st.floats(0.01, 5), st.booleans(), st.integers(-50, 50), st.integers(1, 2)
)
def test_a_copy_is_found(index: int, gain: float, turned: bool, by: int, channels: int) -> None:
    items = noise(9, channels)
    # Silence at both ends, so that nothing is lost.
    items[..., :50], items[..., -50:] = 0, 0
    copy = shifted(items[index], by) * (-gain if turned else gain)
    found = nearest_audio(copy[None], stored(items), RATE, shift=0.05)
    assert found.indices.tolist() == [index]
    assert found.similarities[0] == pytest.approx(1, abs=1e-4)


def test_a_shift_is_limited() -> None:
    items = noise(4)
    items[..., :50], items[..., -50:] = 0, 0
    for by in (21, -21):
        query = shifted(items[2], by)[None]
        assert nearest_audio(query, stored(items), RATE, shift=0.020).similarities[0] < 0.6
        assert nearest_audio(query, stored(items), RATE, shift=0.021).similarities[0] > 0.999


def test_what_leaves_does_not_come_back_at_the_other_end() -> None:
    # Zero padding: sound at the end does not meet sound at the beginning.
    query, item = torch.zeros(1, 1, SAMPLES), torch.zeros(1, 1, SAMPLES)
    query[..., -5:], item[..., :5] = 1, 0.5
    assert nearest_audio(query, stored(item), RATE, shift=0.1).similarities[0] < 1e-5


def test_without_a_shift_it_is_the_cosine() -> None:
    query, items = noise(3, 2, seed=1), noise(5, 2, seed=2)
    found = nearest_audio(query, stored(items), RATE, shift=0)
    rounded = torch.from_numpy(stored(items).astype(np.float32)).flatten(1)
    cosine = torch.nn.functional.cosine_similarity(query.flatten(1)[:, None], rounded, dim=2).abs()
    assert found.indices.tolist() == cosine.argmax(1).tolist()
    assert found.similarities == pytest.approx(cosine.amax(1).numpy(), abs=1e-5)


def test_noise_is_like_nothing() -> None:
    found = nearest_audio(noise(5, samples=2000, seed=1), stored(noise(20, samples=2000)), RATE)
    assert found.similarities.max() < 0.2


def test_silence_is_like_nothing() -> None:
    found = nearest_audio(torch.zeros(1, 1, SAMPLES), stored(noise(3)), RATE)
    assert found.similarities.tolist() == [0]
    quiet = nearest_audio(noise(1), np.zeros((2, 1, SAMPLES), np.int16), RATE)
    assert quiet.similarities.tolist() == [0]
    assert quiet.indices.tolist() == [0]


def test_pieces_of_audio_do_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    items, queries = stored(noise(7, seed=3)), noise(4, seed=4)
    items.flags.writeable = False
    whole = nearest_audio(queries, items, RATE)
    monkeypatch.setattr(neighbours, "_BLOCK", 1)
    cut = nearest_audio(queries, items, RATE)
    assert cut.indices.tolist() == whole.indices.tolist()
    assert cut.similarities == pytest.approx(whole.similarities, abs=1e-6)


def test_features_have_neighbours(monkeypatch: pytest.MonkeyPatch) -> None:
    items = torch.tensor([[0.0, 0.0], [3.0, 4.0], [3.0, 4.0]])
    queries = torch.tensor([[3.0, 4.0], [0.0, 0.0], [0.0, 1.0]])
    for _ in range(2):
        found = nearest_features(queries, items)
        assert found.indices.tolist() == [1, 0, 0]
        assert found.distances.tolist() == [0, 0, 1]
        monkeypatch.setattr(neighbours, "_ENTRIES", 1)
    assert nearest_features(queries[:0], items).indices.shape == (0,)


def test_bad_items() -> None:
    with pytest.raises(ValueError, match="no items"):
        nearest_audio(noise(1), np.zeros((0, 1, SAMPLES), np.int16), RATE)
    with pytest.raises(ValueError, match="shapes differ"):
        nearest_audio(noise(1), np.zeros((2, 2, SAMPLES), np.int16), RATE)
    with pytest.raises(ValueError, match="no items"):
        nearest_features(torch.zeros(1, 2), torch.zeros(0, 2))
