from __future__ import annotations

import unicodedata

from sfumato.conditioning.vocabulary import MOST_READ, Vocabulary, common, pieces, vocabulary

_FIRST = 257
KITES = Vocabulary(["kite", "red", "a", "b"])


def test_words_of_the_vocabulary_are_one_token() -> None:
    assert KITES.size == _FIRST + 4
    assert KITES.tokens("Red KITE") == [_FIRST + 1, _FIRST]


def test_other_words_are_spelled_by_characters_and_bytes() -> None:
    spelled = [1 + byte for byte in "\N{KITE}".encode()]
    assert KITES.tokens("ab \N{KITE}") == [_FIRST + 2, _FIRST + 3, *spelled]


def test_every_text_has_tokens_within_the_vocabulary() -> None:
    texts = (
        "\N{CJK UNIFIED IDEOGRAPH-9CE5}",
        "\N{ARABIC LETTER TEH}\N{ARABIC LETTER YEH}",
        "\N{BIRD}",
        "\N{REGIONAL INDICATOR SYMBOL LETTER D}\N{REGIONAL INDICATOR SYMBOL LETTER E}",
        "\x00",
        "\ud800",
    )
    for text in texts:
        tokens = KITES.tokens(text)
        assert tokens
        assert all(1 <= token < KITES.size for token in tokens)
    assert len({tuple(KITES.tokens(text)) for text in texts}) == len(texts)


def test_spaces_alone_are_no_tokens() -> None:
    assert KITES.tokens(" \t\r\n\N{NO-BREAK SPACE}") == []


def test_equal_text_has_equal_tokens_however_it_is_composed() -> None:
    text = "Caf\N{LATIN SMALL LETTER E WITH ACUTE}"
    assert KITES.tokens(text) == KITES.tokens(unicodedata.normalize("NFD", text))


def test_pieces_are_words_and_signs() -> None:
    assert pieces("A red-ish kite, 2nd!") == ["a", "red", "-", "ish", "kite", ",", "2nd", "!"]


def test_only_the_beginning_of_endless_text_is_read() -> None:
    assert len(KITES.tokens("a " * MOST_READ)) == MOST_READ // 2


def test_the_first_words_are_whole() -> None:
    # "bab" takes three tokens, so it does not fit into what is left.
    assert KITES.first("red kite bab a", 3) == "red kite"
    assert KITES.first("Red kite bab a", 5) == "red kite bab"
    assert KITES.first("bab", 2) == ""


def test_common_words_come_first_and_characters_follow() -> None:
    found = common(["red kite", "red bird", "Red"], most=100, least=2)
    assert found[0] == "red"
    assert {*found[1:]} == {*"redkitb"}
    assert "kite" in common(["kite"], most=100, least=1)


def test_the_size_is_limited_and_the_order_depends_on_counts_alone() -> None:
    texts = [f"word{number} word{number % 7}" for number in range(50)]
    assert len(common(texts, most=5, least=1)) == 5
    assert common(texts, 40, 1) == common(texts[::-1], 40, 1)
    assert common(texts, 0, 1) == ()
    assert common([], 10, 1) == ()


def test_long_words_are_spelled() -> None:
    assert common(["a" * 41] * 3, 10, 2) == ("a",)


def test_a_vocabulary_is_made_once() -> None:
    assert vocabulary(("a", "b")) is vocabulary(("a", "b"))
