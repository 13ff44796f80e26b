from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from torch import Tensor

from sfumato.metrics import neighbours, sound_neighbours
from sfumato.metrics.neighbours import nearest_features
from sfumato.metrics.sound_neighbours import nearest_sounds

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
    found = nearest_sounds(copy[None], stored(items), RATE, shift=0.05)
    assert found.indices.tolist() == [index]
    assert found.similarities[0] == pytest.approx(1, abs=1e-4)


def test_a_shift_is_limited() -> None:
    items = noise(4)
    items[..., :50], items[..., -50:] = 0, 0
    for by in (21, -21):
        query = shifted(items[2], by)[None]
        assert nearest_sounds(query, stored(items), RATE, shift=0.020).similarities[0] < 0.6
        assert nearest_sounds(query, stored(items), RATE, shift=0.021).similarities[0] > 0.999


def test_what_leaves_does_not_come_back_at_the_other_end() -> None:
    # Zero padding: sound at the end does not meet sound at the beginning.
    query, item = torch.zeros(1, 1, SAMPLES), torch.zeros(1, 1, SAMPLES)
    query[..., -5:], item[..., :5] = 1, 0.5
    assert nearest_sounds(query, stored(item), RATE, shift=0.1).similarities[0] < 1e-5


def test_without_a_shift_it_is_the_cosine() -> None:
    query, items = noise(3, 2, seed=1), noise(5, 2, seed=2)
    found = nearest_sounds(query, stored(items), RATE, shift=0)
    rounded = torch.from_numpy(stored(items).astype(np.float32)).flatten(1)
    cosine = torch.nn.functional.cosine_similarity(query.flatten(1)[:, None], rounded, dim=2).abs()
    assert found.indices.tolist() == cosine.argmax(1).tolist()
    assert found.similarities == pytest.approx(cosine.amax(1).numpy(), abs=1e-5)


def test_noise_is_like_nothing() -> None:
    found = nearest_sounds(noise(5, samples=2000, seed=1), stored(noise(20, samples=2000)), RATE)
    assert found.similarities.max() < 0.2


def test_silence_is_like_nothing() -> None:
    found = nearest_sounds(torch.zeros(1, 1, SAMPLES), stored(noise(3)), RATE)
    assert found.similarities.tolist() == [0]
    quiet = nearest_sounds(noise(1), np.zeros((2, 1, SAMPLES), np.int16), RATE)
    assert quiet.similarities.tolist() == [0]
    assert quiet.indices.tolist() == [0]


def test_pieces_do_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    items, queries = stored(noise(7, seed=3)), noise(4, seed=4)
    items.flags.writeable = False
    whole = nearest_sounds(queries, items, RATE)
    monkeypatch.setattr(sound_neighbours, "_BLOCK", 1)
    cut = nearest_sounds(queries, items, RATE)
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
        nearest_sounds(noise(1), np.zeros((0, 1, SAMPLES), np.int16), RATE)
    with pytest.raises(ValueError, match="shapes differ"):
        nearest_sounds(noise(1), np.zeros((2, 2, SAMPLES), np.int16), RATE)
    with pytest.raises(ValueError, match="no items"):
        nearest_features(torch.zeros(1, 2), torch.zeros(0, 2))
