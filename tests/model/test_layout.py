"""Rows to be sampled: as long as texts of the data, and the same whatever stands beside them."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
import torch

from sfumato.media.text.tokens import ByteTokenizer, CharacterTokenizer
from sfumato.model.layout import MASKED, layout, lengths_of, with_masks
from sfumato.process.categorical import Masking, Uniform
from sfumato.process.keep import LinearKeep
from sfumato.runs import spec as specs
from sfumato.runs.spec import Spec
from sfumato.sampling import KeyedUniform

PROCESS = Masking(LinearKeep(), 12)


@pytest.fixture(scope="module")
def labelled(finished_texts: Path) -> Spec:
    """Texts of 5, 8, 13 and 20 tokens."""
    return specs.read(finished_texts / "labelled/spec.json")


@pytest.fixture(scope="module")
def windows(finished_texts: Path) -> Spec:
    """Pieces of 32 tokens."""
    return specs.read(finished_texts / "prose/spec.json")


def test_the_longest_text_decides_the_size_of_a_row(labelled: Spec, windows: Spec) -> None:
    assert (labelled.data.longest, windows.data.longest) == (20, 32)


def test_lengths_are_drawn_as_often_as_in_the_data(labelled: Spec) -> None:
    """Chi-square with 3 degrees of freedom: 16.27 is passed by chance once in 1000 (seed fixed)."""
    drawn = Counter(lengths_of(labelled, 3, range(2000), None))
    counts = {size: n for size, n in enumerate(labelled.data.lengths) if n}
    assert set(drawn) == set(counts) == {5, 8, 13, 20}
    total = sum(counts.values())
    expected = {size: 2000 * n / total for size, n in counts.items()}
    assert sum((drawn[s] - e) ** 2 / e for s, e in expected.items()) < 16.27


def test_a_length_is_a_function_of_seed_and_index(labelled: Spec) -> None:
    whole = lengths_of(labelled, 1, range(20), None)
    assert whole == tuple(lengths_of(labelled, 1, [i], None)[0] for i in range(20))
    assert whole != lengths_of(labelled, 2, range(20), None)
    assert lengths_of(labelled, 1, range(3), 7) == (7, 7, 7)


def test_rows_start_as_noise_where_text_will_be(labelled: Spec) -> None:
    rows = layout(labelled, PROCESS, KeyedUniform(0, range(3)), (5, 20, 0))
    inside = torch.arange(20) < torch.tensor([5, 20, 0])[:, None]
    assert torch.equal(rows.x_1, torch.where(inside, 12, 0))
    assert rows.free is not None and torch.equal(rows.free, inside)
    assert torch.equal(rows.cond["segments"], inside.long() - 1)


@pytest.mark.parametrize(
    "process", [PROCESS, Uniform(LinearKeep(), 12)], ids=["masking", "uniform"]
)
def test_a_row_does_not_depend_on_those_beside_it(labelled: Spec, process: Masking) -> None:
    """Nor whether the network is told of segments, which costs it the last bits."""
    lengths = (20, 5, 20)
    whole = layout(labelled, process, KeyedUniform(4, range(3)), lengths)
    for row in range(3):
        alone = layout(labelled, process, KeyedUniform(4, [row]), lengths[row : row + 1])
        assert torch.equal(alone.x_1[0], whole.x_1[row])
        assert set(alone.cond) == set(whole.cond)
        assert torch.equal(alone.cond["segments"][0], whole.cond["segments"][row])


def test_where_all_texts_fill_their_rows_nothing_is_told(windows: Spec) -> None:
    rows = layout(windows, PROCESS, KeyedUniform(0, range(2)), (32, 32))
    assert rows.cond == {} and rows.free is None
    assert layout(windows, PROCESS, KeyedUniform(0, range(2)), (32, 9)).cond


def test_texts_end_where_they_end(labelled: Spec) -> None:
    rows = layout(labelled, PROCESS, KeyedUniform(0, range(2)), (5, 8))
    tokenizer = CharacterTokenizer("0123456789")
    x0 = torch.arange(20).remainder(10).expand(2, -1)
    assert rows.texts(x0, tokenizer) == ["01234", "01234567"]
    assert tokenizer.forbidden == (10,)
    assert ByteTokenizer().forbidden == ()


@pytest.mark.parametrize(
    ("tokens", "shown"),
    [
        ([0, 1, 9, 2], f"ab{MASKED}c"),
        ([9, 9], MASKED * 2),
        ([9, 0, 9], f"{MASKED}a{MASKED}"),
        ([2, 1], "cb"),
        ([], ""),
    ],
)
def test_masked_places_are_signs(tokens: list[int], shown: str) -> None:
    assert with_masks(lambda known: "".join("abc"[token] for token in known), tokens, 9) == shown


def test_what_stands_together_is_decoded_together() -> None:
    """Pieces of one sign, such as the bytes of an umlaut, mean nothing alone."""
    decoded: list[list[int]] = []
    with_masks(lambda known: str(decoded.append(known)), [1, 2, 9, 3], 9)
    assert decoded == [[1, 2], [3]]
