from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from sfumato.denoiser import TokenDenoiser
from sfumato.evaluation.likelihood import (
    RowBits,
    bits_of_rows,
    contributions,
    length_bits,
    ratio,
)
from sfumato.media.text.rows import RowBatch
from sfumato.media.text.tokens import ByteTokenizer, CharacterTokenizer
from sfumato.process.categorical import CategoricalProcess, Masking, Uniform
from sfumato.process.keep import LinearKeep
from sfumato.runs.progress import Progress


class Known(nn.Module):
    """A backbone that believes in one row of tokens, or in all tokens alike."""

    def __init__(self, size: int, row: Tensor | None) -> None:
        super().__init__()
        self.size = size
        self.row = row
        self.weight = nn.Parameter(torch.zeros(()))

    def forward(self, tokens: Tensor, level: Tensor, **_: Any) -> Tensor:
        if self.row is None:
            return torch.zeros(*tokens.shape, self.size)
        sure = 100.0 * nn.functional.one_hot(self.row, self.size).float()
        return sure.expand(*tokens.shape, self.size)


def measured(process: CategoricalProcess, rows: RowBatch, row: Tensor | None) -> RowBits:
    denoiser = TokenDenoiser(Known(process.size, row), process).train(False)
    lengths = np.bincount([rows.tokens.shape[1]]).tolist()
    steps = bits_of_rows(denoiser, rows, CharacterTokenizer("ab"), lengths,
                    draws=4, seed=0, classes=0, what="text")  # fmt: skip
    return finished(steps)


def finished(steps: Iterator[Progress]) -> Any:
    while True:
        try:
            next(steps)
        except StopIteration as end:
            return end.value


class TestLikelihood:
    rows = RowBatch(np.arange(400).reshape(20, 20) % 2, np.zeros((20, 20), np.int64), None)

    @pytest.mark.parametrize("process", [Masking(LinearKeep(), 3), Uniform(LinearKeep(), 3)])
    def test_text_that_is_known_takes_no_bits(self, process: CategoricalProcess) -> None:
        bits = measured(process, self.rows, torch.arange(20) % 2)
        assert bits.bits_per_character.mean == pytest.approx(0, abs=1e-6)
        assert (bits.rows, bits.texts, bits.tokens, bits.characters) == (20, 20, 400, 400)

    def test_tokens_that_are_alike_take_their_logarithm(self) -> None:
        bits = measured(Masking(LinearKeep(), 3), self.rows, None)
        assert bits.bits_per_token.mean == pytest.approx(math.log2(3), rel=1e-6)
        assert bits.bits_of_lengths_per_character == 0

    def test_no_two_rows_are_asked_alike(self) -> None:
        # More rows than are measured at a time, all equal: drawn alike they would not differ.
        tokens, segments = self.rows.tokens[:1], self.rows.segments[:1]
        means = {
            measured(
                Uniform(LinearKeep(), 3),
                RowBatch(tokens.repeat(count, 0), segments.repeat(count, 0), None),
                None,
            ).bits_per_token.mean
            for count in (16, 32, 48)
        }
        assert len(means) == 3

    def test_characters_are_not_tokens(self) -> None:
        # In bytes, all alike: each is a character in the first row, every second in the other.
        tokens = np.array([list(text.encode()) for text in ("abcd", "éé")])
        rows = RowBatch(tokens, np.zeros_like(tokens), None)
        process = Masking(LinearKeep(), 256)
        denoiser = TokenDenoiser(Known(256, None), process).train(False)
        bits = finished(bits_of_rows(denoiser, rows, ByteTokenizer(), (0, 0, 0, 0, 2),
                                draws=2, seed=0, classes=0, what="text"))  # fmt: skip
        assert (bits.tokens, bits.characters) == (8, 6)
        assert bits.bits_per_token.mean == pytest.approx(8)
        assert bits.bits_per_character.mean == pytest.approx(8 * 8 / 6)
        # Both rows take 32 bits; for their characters one should take 128 / 3, the other 64 / 3.
        assert bits.of_each == pytest.approx(np.array([64 / 6 - 32 / 9, 64 / 6 + 32 / 9]))

    def test_one_row_has_no_interval(self) -> None:
        one = RowBatch(self.rows.tokens[:1], self.rows.segments[:1], None)
        bits = measured(Masking(LinearKeep(), 3), one, None)
        assert bits.bits_per_token.low is None


class TestLengths:
    def test_a_length_costs_its_smoothed_share(self) -> None:
        segments = np.array([[0, 0, 1, -1], [0, 0, 0, 0], [0, 1, 1, 1]])
        # Counts 1, 2, 0, 3 and a half each: 1.5, 2.5, 0.5, 3.5 of 8.
        costs = {1: math.log2(8 / 1.5), 2: math.log2(8 / 2.5), 3: 4.0, 4: math.log2(8 / 3.5)}
        expected = [costs[2] + costs[1], costs[4], costs[1] + costs[3]]
        assert length_bits(segments, (0, 1, 2, 0, 3)) == pytest.approx(expected)

    def test_shares_of_all_lengths_make_a_code(self) -> None:
        context = 6
        segments = np.where(np.arange(context) < np.arange(1, context + 1)[:, None], 0, -1)
        costs = length_bits(segments, (0, 5, 0, 0, 2, 9, 1))
        assert np.exp2(-costs).sum() == pytest.approx(1)

    def test_windows_of_long_documents_cost_nothing(self) -> None:
        assert length_bits(np.zeros((3, 4), np.int64), (0, 0, 0, 0, 7)).tolist() == [0, 0, 0]


class TestRatio:
    def test_it_is_that_of_all_rows_together(self) -> None:
        found = ratio(np.array([10.0, 1.0]), np.array([2.0, 9.0]))
        assert found.mean == 1.0
        assert found.low is not None
        assert found.high is not None
        assert found.low < 1 < found.high

    def test_it_is_the_mean_of_what_each_row_adds(self) -> None:
        draw = np.random.default_rng(1)
        units = draw.integers(5, 40, 30).astype(float)
        one, other = (units * 2 + draw.normal(0, 3, 30) for _ in range(2))
        added = contributions(one, units)
        assert added.mean() == pytest.approx(ratio(one, units).mean)
        # So that of two models on the same rows the difference is the mean of paired ones.
        difference = (added - contributions(other, units)).mean()
        assert difference == pytest.approx(ratio(one, units).mean - ratio(other, units).mean)

    def test_rows_in_proportion_leave_no_doubt(self) -> None:
        units = np.array([3.0, 5.0, 11.0])
        assert vars(ratio(units * 2, units)) == pytest.approx({"mean": 2, "low": 2, "high": 2})

    def test_the_interval_holds_the_truth_as_often_as_it_says(self) -> None:
        draw = np.random.default_rng(0)
        held = 0
        for _ in range(400):
            units = draw.integers(5, 40, 60).astype(float)
            found = ratio(units * 2 + draw.normal(0, 3, 60) * np.sqrt(units), units)
            held += (found.low or 0) <= 2 <= (found.high or 0)
        # 95 % of 400 is 380; four standard errors are 17.
        assert 363 <= held <= 397
