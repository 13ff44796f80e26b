from __future__ import annotations

from sfumato.evaluation.result import Figure
from sfumato.evaluation.text_quality import molecules_of, text_sections
from sfumato.media.text.tokens import ByteTokenizer


class TestQuality:
    corpus = ("shall I compare thee to a summer's day", "thou art more lovely")

    def quality(self, samples: list[str], texts: list[str], others: list[str]) -> dict[str, Figure]:
        sections = text_sections(
            samples, texts, others, ByteTokenizer(), lambda: self.corpus, words=True
        )
        return {
            f"{section.key}/{figure.key}": figure
            for section in sections
            for figure in section.figures
        }

    def test_copies_are_found(self) -> None:
        new = "nothing of this is known, 0123456789"
        copied = "x" * 36 + self.corpus[0][:36]
        found = self.quality([copied, new, new, new], [new], [new])
        longest, median = found["verbatim/longest"], found["verbatim/median"].value
        assert longest.value == 36
        assert median is not None
        assert median < 10
        total = len(copied) + 3 * len(new)
        shares = {length: found[f"verbatim/share_{length}"].value for length in (20, 50, 100)}
        assert shares == {20: 36 / total, 50: 0.0, 100: 0.0}
        assert longest.real is not None
        assert longest.real < 10
        assert (found["texts/duplicates"].value, found["texts/duplicates"].n[0]) == (0.5, 4)

    def test_text_that_is_like_itself_is_no_further_than_the_floor(self) -> None:
        found = self.quality(["abcd"], ["abcd"], ["dcba"])
        ngrams = [found[f"ngrams/length_{length}"] for length in (1, 2, 3, 4)]
        assert [one.value for one in ngrams] == [0, 0, 0, 0]
        assert [one.real for one in ngrams] == [0, 1, 1, 1]
        assert found["texts/token_entropy"].value == found["texts/token_entropy"].real == 2

    def test_words_are_known_from_the_corpus(self) -> None:
        found = self.quality(["Thou art zzz yyy"], ["lovely day"], ["more"])["texts/known_words"]
        assert (found.value, found.real) == (0.5, 1.0)

    def test_without_real_text_there_is_nothing_to_compare_with(self) -> None:
        found = self.quality(["abc"], [], [])
        assert found["texts/token_entropy"].real is None
        assert found["verbatim/longest"].real is None
        assert not any(key.startswith("ngrams") for key in found)

    def test_runs_longer_than_the_texts_are_left_out(self) -> None:
        keys = [key for key in self.quality(["ab"], ["abc"], ["abcd"]) if "ngrams" in key]
        assert keys == ["ngrams/length_1", "ngrams/length_2"]

    def test_molecules_are_new_unless_the_corpus_has_them(self) -> None:
        found = molecules_of(["OCC", "c1ccccc1", "C1CC"], iter(["CCO", "CCC"]), True)
        assert (found.count, found.valid, found.unique, found.novel) == (3, 2 / 3, 1.0, 0.5)

    def test_molecules_written_otherwise_are_known_too(self) -> None:
        corpus = ["C1=CC=CC=C1\nC(C)O\nno molecule\n"]
        assert molecules_of(["OCC", "c1ccccc1", "CC"], iter(corpus), False).novel == 1 / 3
