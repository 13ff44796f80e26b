from __future__ import annotations

import random
import re
import string

import pytest
import torch

from sfumato.metrics.extractor import Extractor
from sfumato.metrics.kernel_distance import GaussianKernel, kernel_distance
from sfumato.metrics.ngram_features import NgramFeatures

EXTRACTOR: Extractor[list[str]] = NgramFeatures()
WORDS = ("the", "cat", "sat", "on", "a", "mat", "and", "saw", "its", "hat", "while", "rain", "fell")


def texts(count: int, seed: int, words: int = 40) -> list[str]:
    draw = random.Random(seed)
    return [" ".join(draw.choices(WORDS, k=words)) for _ in range(count)]


def spoilt(items: list[str], share: float) -> list[str]:
    draw = random.Random(1)
    return [
        "".join(
            draw.choice(string.ascii_lowercase) if draw.random() < share else letter
            for letter in text
        )
        for text in items
    ]


def test_it_is_an_extractor() -> None:
    found = EXTRACTOR(texts(3, 0))
    assert found.shape == (3, EXTRACTOR.dimension)
    assert found.dtype == torch.float32
    assert re.fullmatch("[0-9a-f]{16}", EXTRACTOR.identity)


def test_each_length_has_length_one() -> None:
    parts = EXTRACTOR(texts(2, 0)).view(2, 4, -1)
    assert torch.allclose(parts.norm(dim=-1), torch.ones(2, 4), atol=1e-5)


def test_entries_are_the_square_roots_of_shares() -> None:
    single = EXTRACTOR(["a" * 16 + "b" * 9])[0].view(4, -1)[0].abs()
    assert single[single > 0].sort().values.tolist() == pytest.approx([3 / 5, 4 / 5])


def test_collisions_cancel() -> None:
    # Thousands of runs that two texts do not share, in 256 entries.
    draw = random.Random(0)
    halves = string.ascii_letters[:26], string.ascii_letters[26:]
    one, other = EXTRACTOR(["".join(draw.choices(half, k=5000)) for half in halves]).view(2, 4, -1)
    # Four standard deviations of the product of two random directions in 256 dimensions.
    assert (one[2:] * other[2:]).sum(1).abs().max() < 4 / 16


def test_the_same_runs_are_the_same_vector_however_long_the_text() -> None:
    once, more = EXTRACTOR(["ab" * 50, "ab" * 500])
    assert (once - more).norm() < 0.05
    assert EXTRACTOR(["abc"])[0].equal(EXTRACTOR(["abc"])[0])


def test_order_counts_in_the_long_runs_only() -> None:
    one, other = EXTRACTOR(["abcd", "dcba"]).view(2, 4, -1)
    assert one[0].equal(other[0])
    assert not any(one[length].equal(other[length]) for length in (1, 2, 3))


def test_a_text_is_for_itself() -> None:
    items = texts(5, 0)
    assert EXTRACTOR(items)[3].equal(EXTRACTOR(items[3:4])[0])


@pytest.mark.parametrize("text", ["", "a", "héé", "\U0001f600", "\ud800"])
def test_any_text_has_a_finite_vector(text: str) -> None:
    found = EXTRACTOR([text])[0]
    assert found.isfinite().all()
    lengths = found.view(4, -1).norm(dim=1)
    assert lengths.tolist() == pytest.approx([float(length < len(text)) for length in range(4)])


def test_nothing_gives_nothing() -> None:
    assert EXTRACTOR([]).shape == (0, EXTRACTOR.dimension)


def test_unrelated_texts_are_further_than_related_ones() -> None:
    draw = random.Random(2)
    digits = ["".join(draw.choices("0123456789", k=200)) for _ in range(1)]
    first, second, other = EXTRACTOR([*texts(2, 0), *digits])
    assert 2 * (first - second).norm() < (first - other).norm()


def test_the_distance_grows_with_the_damage() -> None:
    real, beside = EXTRACTOR(texts(80, 3)), texts(80, 4)
    kernel = GaussianKernel.of(real)
    found = [
        kernel_distance(EXTRACTOR(spoilt(beside, share)), real, kernel)
        for share in (0.0, 0.02, 0.1, 0.3)
    ]
    assert found[0].low < 0 < found[0].high
    values = [one.value for one in found]
    assert values == sorted(values)
    assert found[2].low > 0
