from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
import torch
from torch import Tensor

from sfumato.conditioning.states import States


class Counting:
    """An encoder whose states are known, and that counts the texts that it encodes."""

    identity = "counting 1"

    def __init__(self) -> None:
        self.texts: list[str] = []

    def states(self, texts: Sequence[str], length: int) -> Tensor:
        self.texts += texts
        rows = [[len(text) / 3, ord(text[:1] or "\0")] for text in texts]
        return torch.tensor(rows)[:, None].repeat(1, length, 1)


@pytest.fixture
def encoder() -> Counting:
    return Counting()


def test_equal_texts_are_encoded_once(encoder: Counting) -> None:
    States(encoder, 2)(["a", "bb", "a"])
    assert encoder.texts == ["a", "bb"]


def test_the_states_are_the_same_with_and_without_a_cache(
    encoder: Counting, tmp_path: Path
) -> None:
    texts = ["red bird", "a", "blue", "a"]
    plain = States(encoder, 3)(texts)
    cached = States(encoder, 3).cached(["a", "red bird"], tmp_path)
    assert torch.equal(cached(texts), plain)


def test_cached_texts_are_not_encoded_again(encoder: Counting, tmp_path: Path) -> None:
    texts = [f"caption {number}" for number in range(200)]
    States(encoder, 3).cached(texts, tmp_path)
    again = Counting()
    found = States(again, 3).cached(reversed(texts), tmp_path)
    assert torch.equal(found(texts), States(encoder, 3)(texts))
    assert again.texts == []


def test_an_interrupted_cache_leaves_nothing(encoder: Counting, tmp_path: Path) -> None:
    class Failing(Counting):
        def states(self, texts: Sequence[str], length: int) -> Tensor:
            if len(self.texts) > 100:
                raise KeyboardInterrupt
            return super().states(texts, length)

    texts = [f"caption {number}" for number in range(200)]
    with pytest.raises(KeyboardInterrupt):
        States(Failing(), 3).cached(texts, tmp_path)
    assert not list((tmp_path / "states").iterdir())
    assert States(encoder, 3).cached(texts, tmp_path).array is not None


def test_a_damaged_cache_is_built_again(encoder: Counting, tmp_path: Path) -> None:
    texts = ["a", "bb"]
    States(encoder, 3).cached(texts, tmp_path)
    (file,) = (tmp_path / "states").glob("*/states.npy")
    content = bytearray(file.read_bytes())
    content[-1] ^= 0x40
    file.write_bytes(content)
    assert torch.equal(States(encoder, 3).cached(texts, tmp_path)(texts), States(encoder, 3)(texts))


def test_other_captions_and_lengths_have_other_caches(encoder: Counting, tmp_path: Path) -> None:
    States(encoder, 3).cached(["a"], tmp_path)
    States(encoder, 2).cached(["a"], tmp_path)
    States(encoder, 3).cached(["a", "b"], tmp_path)
    assert len(list((tmp_path / "states").iterdir())) == 3


def test_no_texts_at_all(encoder: Counting, tmp_path: Path) -> None:
    assert States(encoder, 3).cached([], tmp_path)(["a"]).shape == (1, 3, 2)
