from __future__ import annotations

from typing import Any

from sfumato.evaluation.text_quality import molecules_of, quality_of
from sfumato.media.text.tokens import ByteTokenizer


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
