from __future__ import annotations

import pytest

from sfumato.model.gaps import MASKED, with_gaps


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
    assert with_gaps(lambda known: "".join("abc"[token] for token in known), tokens, 9) == shown


def test_what_stands_together_is_decoded_together() -> None:
    """Pieces of one sign, such as the bytes of an umlaut, mean nothing alone."""
    decoded: list[list[int]] = []
    with_gaps(lambda known: str(decoded.append(known)), [1, 2, 9, 3], 9)
    assert decoded == [[1, 2], [3]]
