"""Automata of bytes accept the UTF-8 of the texts that automata of characters accept."""

from __future__ import annotations

import random

import pytest

from sfumato.errors import SettingError
from sfumato.sampling.tokens.automata import of_pattern
from sfumato.sampling.tokens.automata.utf8 import byte_moves

PATTERNS = [
    ".*",
    r"\w+",
    "[é-ÿ]{2}x",
    "(的|é|[\U00010000-\U0010ffff])*",
    "[^a-zà-ü]+",
    r"\W\w*",
    "",
]
LETTERS = "aé的ÿ\U00010000\U0010ffffx z\n\ufffdΩß1\u07ff\u0800\uffff\ud7ff\ue000"
BYTES = [
    *b"a\x80\x8f\x90\x9f\xa0\xbd\xbf\xc0\xc1\xc2\xc3\xdf\xe0\xe1\xed\xee\xef\xf0\xf1\xf4\xf5\xff"
]


@pytest.mark.parametrize("pattern", PATTERNS)
def test_bytes_are_accepted_where_their_text_is(pattern: str) -> None:
    automaton = of_pattern(pattern)
    moves, ends = byte_moves(automaton)
    draw = random.Random(2)
    for number in range(1500):
        if number % 2:
            data = "".join(draw.choices(LETTERS, k=draw.randint(0, 3))).encode()
        else:
            data = bytes(draw.choices(BYTES, k=draw.randint(1, 4)))
        try:
            expected = automaton.accepts(data.decode())
        except UnicodeDecodeError:
            expected = False
        state = 0
        for byte in data:
            state = int(moves[state, byte])
        assert bool(ends[state]) == expected, data
    assert (moves[-1] == len(moves) - 1).all()


def test_too_many_states_are_refused() -> None:
    with pytest.raises(SettingError, match="too large"):
        byte_moves(of_pattern(r"\w{1,40}"))
