from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sfumato.errors import DamagedFile, DataError
from sfumato.media.text.settings import TextSettings
from sfumato.media.text.tokenizer import pieces, position
from sfumato.media.text.tokens import (
    ByteTokenizer,
    CharacterTokenizer,
    Tokenizer,
    learn_tokenizer,
    tokenizer_from_json,
)

HARD = "e\u0301 \r\n\r\0 a\ufeffb 🙂👩‍👩‍👧 שלום 漢字 \U0010ffff\x1c\x85\u2028\ufffd  \n\n it's 12%"
TEXTS = st.one_of(st.text(), st.text("ab \n\r'é🙂\u0301\0\ufeff"), st.just(HARD))

BPE = learn_tokenizer(TextSettings(tokens="bpe", vocabulary=300), [HARD * 3, "it's a banana " * 9])
ACROSS = learn_tokenizer(
    TextSettings(tokens="bpe", vocabulary=300, across_words=True), [HARD * 3, "C(=O)N\n" * 9]
)
ALL: list[Tokenizer] = [ByteTokenizer(), CharacterTokenizer.learn([HARD]), BPE, ACROSS]


@given(text=TEXTS)
def test_every_text_reads_back(text: str) -> None:
    learned = CharacterTokenizer.learn([text])
    for tokenizer in (ByteTokenizer(), learned, BPE, ACROSS):
        tokens = tokenizer.encode(text)
        assert tokens.dtype == np.int32
        assert not len(tokens) or 0 <= tokens.min() <= tokens.max() < tokenizer.size
        assert tokenizer.decode(tokens) == text
        assert tokenizer.characters(tokens) == len(text)
        tokenizer.check(text)
    assert learned.unknown not in learned.encode(text)


@given(texts=st.lists(TEXTS, max_size=5))
def test_a_batch_is_its_texts_end_to_end(texts: list[str]) -> None:
    for tokenizer in ALL:
        tokens, lengths = tokenizer.encode_batch(texts)
        parts = np.split(tokens, np.cumsum(lengths))
        assert [part.tolist() for part in parts] == [
            *(tokenizer.encode(text).tolist() for text in texts),
            [],
        ]


@given(text=TEXTS, cut=st.integers(0, 40))
def test_characters_add_up_wherever_a_text_is_cut(text: str, cut: int) -> None:
    for tokenizer in ALL:
        tokens = tokenizer.encode(text)
        counted = tokenizer.characters(tokens[:cut]) + tokenizer.characters(tokens[cut:])
        assert counted == len(text)


@given(tokens=st.lists(st.integers(-(2**40), 2**40) | st.integers(-1, 300), max_size=20))
def test_decoding_never_fails(tokens: list[int]) -> None:
    for tokenizer in ALL:
        text = tokenizer.decode(tokens)
        text.encode()
        assert ("\ufffd" in text) or all(0 <= token < tokenizer.size for token in tokens)
        assert bool(text) == bool(tokens)


@given(text=TEXTS)
@settings(max_examples=30)
def test_stored_and_made_again(text: str) -> None:
    for tokenizer in ALL:
        again = tokenizer_from_json(json.loads(json.dumps(tokenizer.to_json())))
        assert type(again) is type(tokenizer)
        assert (again.size, again.unknown) == (tokenizer.size, tokenizer.unknown)
        assert again.encode(text).tolist() == tokenizer.encode(text).tolist()


def test_the_alphabet_is_what_was_seen() -> None:
    tokenizer = CharacterTokenizer.learn(["banana", "cab\n"])
    assert tokenizer.alphabet == "\nabcn"
    assert (tokenizer.size, tokenizer.unknown) == (6, 5)
    assert tokenizer.encode("bad 🙂\n").tolist() == [2, 1, 5, 5, 5, 0]
    assert tokenizer.decode([2, 1, 5]) == "ba\ufffd"


def test_halves_of_characters() -> None:
    text = "a\ud800b"
    learned = CharacterTokenizer.learn([text])
    assert learned.alphabet == "ab"
    for tokenizer in (ByteTokenizer(), learned, BPE):
        shown = tokenizer.decode(tokenizer.encode(text))
        assert (shown[0], shown[-1]) == ("a", "b")
        assert set(shown[1:-1]) == {"\ufffd"}
        with pytest.raises(DataError, match="line 1, column 2"):
            tokenizer.check(text)


def test_check_names_what_was_never_seen() -> None:
    tokenizer = CharacterTokenizer.learn(["abc\n"])
    tokenizer.check("cab\nbac")
    with pytest.raises(
        DataError, match=r"'€' \(U\+20AC\) \(and 1 more\).*line 3, column 2"
    ) as told:
        tokenizer.check("abc\n\na€bé€")
    assert "3 characters" not in str(told.value)
    assert "4 characters" in told.value.why
    assert "bytes" in told.value.hint
    with pytest.raises(DataError, match=r"'é' \(U\+00E9\), which"):
        tokenizer.check("éé")


@pytest.mark.parametrize(
    "value",
    [
        {},
        {"kind": "words"},
        {"kind": "bytes", "size": 3},
        {"kind": "characters"},
        {"kind": "characters", "alphabet": ""},
        {"kind": "characters", "alphabet": "ba"},
        {"kind": "characters", "alphabet": "aa"},
        {"kind": "characters", "alphabet": ["a"]},
        {"kind": "characters", "alphabet": "a\ud800"},
        {"kind": "characters", "alphabet": "a", "\ud800": 1},
        {"kind": "\ud800" * 99},
        {"kind": ["bytes"]},
        [],
        None,
        "bytes",
        {"kind": "bpe"},
        {"kind": "bpe", "model": 5},
        {"kind": "bpe", "model": "{}"},
    ],
)
def test_nonsense_is_no_tokenizer(value: Any) -> None:
    with pytest.raises(DamagedFile) as refused:
        tokenizer_from_json(value)
    assert "__" not in refused.value.why
    assert len(refused.value.why.encode()) < 300


@given(text=st.text("ab. \n", max_size=80), least=st.integers(1, 9))
def test_pieces_are_the_text(text: str, least: int) -> None:
    parts = list(pieces(text, least))
    assert "".join(parts) == text
    assert all(0 < len(part) <= 2 * least for part in parts)


@given(words=st.lists(st.sampled_from(["it's", "banana", "12%", "  x", "\ny"]), max_size=30))
def test_pieces_hide_from_bpe(words: list[str]) -> None:
    text = "a " + " ".join(words)
    whole = BPE.encode(text).tolist()
    parts = [token for part in pieces(text, 12) for token in BPE.encode(part).tolist()]
    assert parts == whole


def test_position_counts_from_one() -> None:
    assert position("ab\n\ncd", 0) == "line 1, column 1"
    assert position("ab\n\ncd", 5) == "line 3, column 2"


@pytest.mark.parametrize("text", ["的一é🙂a", "plain", "é"])
def test_the_text_of_a_part_has_whole_characters(text: str) -> None:
    data = text.encode()
    tokenizer = ByteTokenizer()
    for begin in range(len(data)):
        for end in range(begin + 1, len(data) + 1):
            part = tokenizer.text(np.frombuffer(data[begin:end], np.uint8))
            assert part == data[begin:end].decode(errors="ignore")
    assert tokenizer.text(np.array([], np.int64)) == ""


def test_what_stands_for_nothing_readable_is_forbidden() -> None:
    assert CharacterTokenizer("ab").forbidden == (2,)
    assert CharacterTokenizer("a\ufffd").forbidden == (1, 2)
    assert CharacterTokenizer("\ufffd").forbidden == (1,)
    assert ByteTokenizer().forbidden == ()
