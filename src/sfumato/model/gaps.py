"""Texts that are not finished yet, as one sees them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

MASKED = "░"
"""How a masked place is shown."""


def with_gaps(decode: Callable[[list[int]], str], tokens: Sequence[int], mask: int) -> str:
    """Tokens as text, with a sign at every masked place.

    Args:
        decode: Turns tokens without any masked ones into text.
        tokens: Of one text.
        mask: The token of a masked place.
    """
    shown: list[str] = []
    known: list[int] = []
    for token in [*tokens, mask]:
        if token != mask:
            known.append(token)
            continue
        if known:
            shown.append(decode(known))
            known = []
        shown.append(MASKED)
    return "".join(shown[:-1])
