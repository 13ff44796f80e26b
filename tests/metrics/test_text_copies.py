from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from sfumato.metrics import text_copies
from sfumato.metrics.text_copies import copied_share, longest_copies

# Two letters repeat themselves a lot; the others are an apostrophe of two bytes, a character
# beyond 16 bits, half of a surrogate pair and what else could stand between documents.
WORDS = st.text("ab", max_size=12) | st.text("ab’🦊\ud800\0\n", max_size=12)
CORPORA = st.lists(WORDS, max_size=6)


def occurs(part: str, corpus: list[str]) -> bool:
    return any(part in document for document in corpus)


def longest(text: str, corpus: list[str]) -> int:
    parts = [text[i:j] for i in range(len(text)) for j in range(i + 1, len(text) + 1)]
    return max((len(part) for part in parts if occurs(part, corpus)), default=0)


def covered(text: str, corpus: list[str], length: int) -> int:
    places: set[int] = set()
    for start in range(len(text) - length + 1):
        if occurs(text[start : start + length], corpus):
            places.update(range(start, start + length))
    return len(places)


@given(CORPORA, CORPORA)
@example(["aaab", "b\na’"], ["aa", "b\na’"])  # Names of one text's copies met another's.
def test_longest_is_what_python_finds(texts: list[str], corpus: list[str]) -> None:
    assert longest_copies(texts, corpus).tolist() == [longest(text, corpus) for text in texts]


@given(CORPORA, CORPORA)
def test_shares_are_what_python_finds(texts: list[str], corpus: list[str]) -> None:
    lengths = (1, 2, 3, 4, 5, 7, 8, 20)
    total = max(sum(map(len, texts)), 1)
    expected = {
        length: sum(covered(text, corpus, length) for text in texts) / total for length in lengths
    }
    assert copied_share(texts, corpus, lengths) == expected


@given(st.data())
def test_every_planted_length_is_found(data: st.DataObject) -> None:
    rng = np.random.default_rng(0)
    corpus = ["".join(rng.choice(list("abcdefgh"), 2000))]
    texts, lengths = [], data.draw(st.lists(st.integers(0, 700), min_size=1, max_size=5))
    for length in lengths:
        start = data.draw(st.integers(0, 1200))
        texts.append("X" + corpus[0][start : start + length] + "Y")
    assert longest_copies(texts, corpus).tolist() == lengths


def test_pieces_do_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(1)
    letters = "".join(rng.choice(list("abc"), 3000))
    corpus, texts = [letters[:1300], letters[1300:]], [letters[1200:1400], "abcabcabc"]
    whole = longest_copies(texts, corpus), copied_share(texts, corpus)
    monkeypatch.setattr(text_copies, "_PIECE", 7)
    cut = longest_copies(texts, corpus), copied_share(texts, corpus)
    assert cut[0].tolist() == whole[0].tolist()
    assert cut[1] == whole[1]


def test_the_corpus_is_read_a_slice_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(2)
    corpus = ["".join(rng.choice(list("ab"), 40)) for _ in range(30)]
    texts = [corpus[3][4:30] + corpus[20][:20], "abba", corpus[29]]
    whole = longest_copies(texts, corpus), copied_share(texts, corpus)
    monkeypatch.setattr(text_copies, "_SLICE", 100)
    cut = longest_copies(texts, iter(corpus)), copied_share(texts, iter(corpus))
    assert cut[0].tolist() == whole[0].tolist()
    assert cut[1] == whole[1]


def test_nothing_is_copied_across_documents_or_texts() -> None:
    assert longest_copies(["abcd"], ["ab", "cd"]).tolist() == [2]
    assert longest_copies(["ab", "cd"], ["abcd"]).tolist() == [2, 2]


def test_a_memorised_text_is_wholly_copied() -> None:
    text = "Shall I compare thee to a summer's day?"
    assert longest_copies([text], [f"XVIII\n{text}\nThou"]).tolist() == [len(text)]
    assert copied_share([text], [text], (39, 40)) == {39: 1.0, 40: 0.0}
