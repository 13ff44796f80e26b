"""Evaluations of text: exact where the answer is known, whole and repeatable on a tiny run."""

from __future__ import annotations

import json
import math
import random
import sys
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from sfumato.denoiser import TokenDenoiser
from sfumato.errors import MissingExtra, SettingError
from sfumato.media.text.library import Library
from sfumato.media.text.rows import RowBatch
from sfumato.media.text.settings import TextSettings
from sfumato.media.text.tokens import ByteTokenizer, CharacterTokenizer
from sfumato.process.categorical import CategoricalProcess, Masking, Uniform
from sfumato.process.keep import LinearKeep
from sfumato.run.evaluated import Evaluated, Measured, evaluate_run
from sfumato.run.measuring import Measuring
from sfumato.run.text import real
from sfumato.run.text.likelihoods import Bits, bits_of, length_bits, ratio
from sfumato.run.text.quality import molecules_of, quality_of
from sfumato.run.training import planned, train

TINY = (
    "medium.context=32",
    "backbone.dim=32",
    "backbone.depth=2",
    "backbone.heads=2",
    "engine.batch=4",
    "engine.threads=1",
    "engine.preview_minutes=null",
    "engine.progress_seconds=0",
    "sampling.steps=8",
)
WORDS = ["the", "cat", "sat", "on", "a", "mat", "and", "saw", "its", "hat"]
SMALL = Measured(n=6, rows=8, draws=2)


def trained(root: Path, name: str, text: dict[str, str], *changes: str) -> Path:
    """A run of four steps on some files."""
    folder = root / f"{name}-data"
    folder.mkdir(parents=True)
    for file, content in text.items():
        (folder / file).write_text(content)
    for _ in train(folder, planned("text", steps=4, changes=(*TINY, *changes)), name, root):
        pass
    return root / name


def lines(count: int) -> str:
    draw = random.Random(0)
    return "\n".join(" ".join(draw.choices(WORDS, k=5)) for _ in range(count))


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("evaluated")


@pytest.fixture(scope="module")
def long(root: Path) -> Path:
    """A run on one long document."""
    return trained(root, "long", {"all.txt": lines(600)})


@pytest.fixture(scope="module")
def short(root: Path) -> Path:
    """A run on short lines of two classes, under the uniform process."""
    records = [
        json.dumps({"text": line, "label": "odd" if number % 2 else "even"})
        for number, line in enumerate(lines(400).splitlines())
    ]
    return trained(root, "short", {"all.jsonl": "\n".join(records)}, "process.kind=uniform")


def evaluated(run: Path, asked: Measured = SMALL, out: Path | None = None) -> dict[str, Any]:
    *progress, last = evaluate_run(run, asked, out)
    assert all(isinstance(event, Measuring) for event in progress)
    assert isinstance(last, Evaluated)
    found: dict[str, Any] = json.loads(last.path.read_text())
    assert found == json.loads(json.dumps(last.report.to_json()))
    return found


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


def measured(process: CategoricalProcess, rows: RowBatch, row: Tensor | None) -> Bits:
    denoiser = TokenDenoiser(Known(process.size, row), process).train(False)
    lengths = np.bincount([rows.tokens.shape[1]]).tolist()
    steps = bits_of(denoiser, rows, CharacterTokenizer("ab"), lengths,
                    draws=4, seed=0, labelled=False, what="text")  # fmt: skip
    return finished(steps)


def finished(steps: Iterator[Measuring]) -> Any:
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


class TestRealText:
    def test_every_piece_of_a_row_is_found(self) -> None:
        rows = RowBatch(
            np.array([[5, 6, 7, 0], [1, 2, 3, 4]]), np.array([[0, 0, 1, -1], [0, 0, 0, 0]]), None
        )
        assert [piece.tolist() for piece in real.pieces_of(rows)] == [[5, 6], [7], [1, 2, 3, 4]]

    def test_pieces_are_given_once_and_as_long_as_wanted_where_that_can_be(self) -> None:
        pieces = [np.full(size, size) for size in (2, 9, 4, 3, 5)]
        found = real.matched(pieces, [4, 8, 4, 9])
        assert [(len(piece), int(piece[0])) for piece in found] == [(4, 4), (5, 5), (3, 3), (9, 9)]

    def test_nothing_short_is_cut_in_two(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (tmp_path / "a.txt").write_text("abcdefghijklmnopqrstuvwxyz" * 3)
        library = Library.open_or_prepare(tmp_path, TextSettings(), 0.0)
        whole = library.text(0)
        monkeypatch.setattr(real, "_PIECE", 5)
        pieces = list(real.corpus(library, 2))
        assert len(pieces) > 5
        assert all(piece in whole for piece in pieces)
        assert all(any(a + b in piece for piece in pieces) for a, b in pairwise(whole))


class TestQuality:
    corpus = ("shall I compare thee to a summer's day", "thou art more lovely")

    def quality(self, samples: list[str], texts: list[str], others: list[str]) -> Any:
        return quality_of(samples, texts, others, ByteTokenizer(), lambda: self.corpus, words=True)

    def test_copies_are_found(self) -> None:
        new = "nothing of this is known, 0123456789"
        copied = "x" * 36 + self.corpus[0][:36]
        found = self.quality([copied, new, new, new], [new], [new])
        assert found.copies.longest == 36
        assert found.copies.median < 10
        total = len(copied) + 3 * len(new)
        assert found.copies.share == {20: 36 / total, 50: 0.0, 100: 0.0}
        assert found.real_copies.longest < 10
        assert (found.duplicates.samples, found.duplicates.n) == (0.5, 4)

    def test_text_that_is_like_itself_is_no_further_than_the_floor(self) -> None:
        found = self.quality(["abcd"], ["abcd"], ["dcba"])
        assert [one.distance for one in found.ngrams] == [0, 0, 0, 0]
        assert [one.floor for one in found.ngrams] == [0, 1, 1, 1]
        assert found.token_entropy.samples == found.token_entropy.real == 2

    def test_words_are_known_from_the_corpus(self) -> None:
        found = self.quality(["Thou art zzz yyy"], ["lovely day"], ["more"])
        assert (found.known_words.samples, found.known_words.real) == (0.5, 1.0)

    def test_without_real_text_there_is_nothing_to_compare_with(self) -> None:
        found = self.quality(["abc"], [], [])
        assert found.token_entropy.real is None
        assert found.real_copies is None
        assert found.ngrams == ()

    def test_runs_longer_than_the_texts_are_left_out(self) -> None:
        assert [one.length for one in self.quality(["ab"], ["abc"], ["abcd"]).ngrams] == [1, 2]

    def test_molecules_are_new_unless_the_corpus_has_them(self) -> None:
        found = molecules_of(["OCC", "c1ccccc1", "C1CC"], iter(["CCO", "CCC"]), True)
        assert (found.count, found.valid, found.unique, found.novel) == (3, 2 / 3, 1.0, 0.5)

    def test_molecules_written_otherwise_are_known_too(self) -> None:
        corpus = ["C1=CC=CC=C1\nC(C)O\nno molecule\n"]
        assert molecules_of(["OCC", "c1ccccc1", "CC"], iter(corpus), False).novel == 1 / 3


class TestRuns:
    def test_the_report_is_whole(self, long: Path) -> None:
        found = evaluated(long)
        assert set(found) == {
            "format", "sfumato", "run", "model", "data", "process", "seed", "likelihood",
            "sampling", "quality", "molecules", "notes",
        }  # fmt: skip
        held_out, training = found["likelihood"]["held_out"], found["likelihood"]["training"]
        for bits in (held_out, training):
            assert bits["tokens"] == bits["characters"] == 32 * bits["rows"]
            interval = bits["bits_per_character"]
            assert 0 < interval["low"] < interval["mean"] < interval["high"] < 20
            assert bits["bits_of_lengths_per_character"] == 0
        gap = held_out["bits_per_character"]["mean"] - training["bits_per_character"]["mean"]
        assert found["likelihood"]["gap"] == pytest.approx(gap)
        assert found["likelihood"]["conditional"] is False
        quality = found["quality"]
        assert quality["known_words"]["real"] > 0.9
        assert [one["n"] for one in quality["ngrams"]] == [6, 6, 6, 6]
        assert quality["copies"]["n"] == quality["real_copies"]["n"] == 6
        assert found["molecules"] is None
        assert "n is small: 6 samples" in found["notes"]

    def test_it_is_repeatable_and_goes_where_it_is_asked(self, long: Path, tmp_path: Path) -> None:
        out = tmp_path / "deep" / "report.json"
        first = evaluated(long, out=out)
        assert first == evaluated(long)
        assert first == json.loads((long / "evaluation.json").read_text())
        other = evaluated(long, Measured(n=6, rows=8, draws=2, seed=1), out)
        assert other["likelihood"]["held_out"] != first["likelihood"]["held_out"]

    def test_short_texts_with_labels_under_the_uniform_process(self, short: Path) -> None:
        asked = Measured(
            n=4, rows=8, draws=2, sampler="bridge", steps=4, temperature=0.5, top_p=0.9
        )
        found = evaluated(short, asked)
        assert (found["sampling"]["temperature"], found["sampling"]["top_p"]) == (0.5, 0.9)
        assert found["process"] == "uniform"
        assert found["sampling"]["sampler"]["kind"] == "bridge"
        bits = found["likelihood"]["held_out"]
        assert found["likelihood"]["conditional"] is True
        assert 0 < bits["bits_of_lengths_per_character"] < bits["bits_per_character"]["mean"]
        assert any("given its label" in note for note in found["notes"])

    def test_nothing_held_out(self, root: Path) -> None:
        run = trained(root, "all", {"all.txt": lines(60)}, "data.held_out=0")
        found = evaluated(run, Measured(n=2, rows=4, draws=1, molecules=True))
        assert found["likelihood"]["held_out"] is None
        assert found["quality"]["copies"]["n"] == 2
        assert found["molecules"]["count"] == 2
        assert found["quality"]["known_words"] is None

    def test_refusals(self, long: Path, finished_runs: Path, tmp_path: Path) -> None:
        with pytest.raises(SettingError, match="cannot be evaluated") as refused:
            next(evaluate_run(finished_runs / "plain", SMALL))
        assert "runs on text and sounds so far" in refused.value.why
        with pytest.raises(SettingError, match="is a folder"):
            next(evaluate_run(long, SMALL, tmp_path))
        with pytest.raises(SettingError, match="rows cannot be 0"):
            next(evaluate_run(long, Measured(rows=0)))

    def test_molecules_need_their_package_before_any_work(
        self, long: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setitem(sys.modules, "rdkit.Chem", None)
        with pytest.raises(MissingExtra, match="rdkit"):
            next(evaluate_run(long, Measured(molecules=True)))
