"""The gaps of a text, and the tokens beside them.

Where words are split into pieces, the tokens of the text around a gap are not those that the text
would have with the gap filled: a space before a gap belongs to the word in it, and a word that goes
on in the gap may be one token. So the token on either side of a gap is chosen again, among those
that begin (or end) with what is given.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sfumato.media.text.tokens import Tokenizer

Tokens = NDArray[np.int64]


@dataclass(frozen=True)
class Edge:
    """A token beside a gap that is chosen again.

    Attributes:
        data: Its bytes, which are given.
        fits: The tokens that it can become: those with these bytes at the outer side, bool (V,).
        longer: Those of them with more bytes.
    """

    data: bytes
    fits: NDArray[np.bool_]
    longer: NDArray[np.bool_]

    @classmethod
    def of(cls, pieces: Sequence[bytes], token: int, *, at_start: bool) -> Edge | None:
        """The edge of a token; None if it can become no other.

        Args:
            pieces: The bytes of every token.
            token: The token.
            at_start: Whether it is before the gap.
        """
        data = pieces[token]
        fits = [each.startswith(data) if at_start else each.endswith(data) for each in pieces]
        longer = [fit and len(each) > len(data) for fit, each in zip(fits, pieces, strict=True)]
        return cls(data, np.array(fits), np.array(longer)) if any(longer) else None


class Gap(NamedTuple):
    """A gap of a text.

    Attributes:
        before, after: The tokens beside it that are chosen again, if any.
        joint: The single tokens that fill it together with both of them, bool (V,).
        is_outer: Whether only white space, or nothing, is between it and an end of the text.
    """

    before: Edge | None
    after: Edge | None
    joint: NDArray[np.bool_] | None
    is_outer: bool

    @property
    def given(self) -> int:
        """Number of places for tokens of the given text; a space merges with what follows."""
        own = self.before is not None and bool(self.before.data.strip())
        return int(own) + (self.after is not None)

    @property
    def least(self) -> int:
        """The smallest number of tokens for which there are any."""
        return next(size for size in (1, 2, 3) if all(map(np.any, self.sets(size).values())))

    def sets(self, size: int) -> dict[int, NDArray[np.bool_]]:
        """The tokens that are allowed at some places of the gap, each bool (V,), if it has a size.

        The filling is never empty.
        """
        before, after = self.before, self.after
        if size == 1 and self.joint is not None:
            return {0: self.joint}
        is_tight = size <= (before is not None) + (after is not None)
        sets = {}
        if before is not None:
            sets[0] = before.longer if is_tight else before.fits
        if after is not None:
            sets[size - 1] = after.longer if is_tight and before is None else after.fits
        return sets


def cut(tokenizer: Tokenizer, texts: Sequence[str]) -> tuple[list[Tokens], list[Gap]]:
    """The fixed tokens of each part of the text, and the gaps between the parts."""
    parts = [tokenizer.encode(text).astype(np.int64) for text in texts]
    last = len(texts) - 2
    gaps = []
    for number in range(last + 1):
        before = after = joint = None
        if tokenizer.pieces is not None:
            left, right = parts[number], parts[number + 1]
            before = _edge(tokenizer, left[-1:], at_start=True)
            # A single token between two gaps belongs to the second one, as a space does.
            after = _edge(tokenizer, right[: 1 if number == last or len(right) > 1 else 0])
            if before is not None and after is not None:
                least = len(before.data) + len(after.data)
                long = [len(each) > least for each in tokenizer.pieces]
                joint = before.longer & after.longer & np.array(long)
        parts[number] = parts[number][: len(parts[number]) - (before is not None)]
        parts[number + 1] = parts[number + 1][int(after is not None) :]
        at_start, at_end = number == 0 and not texts[0].strip(), number == last
        is_outer = at_start or (at_end and not texts[-1].strip())
        gaps.append(Gap(before, after, joint, is_outer))
    return parts, gaps


def _edge(tokenizer: Tokenizer, tokens: Tokens, *, at_start: bool = False) -> Edge | None:
    """The edge of a single token, if there is one."""
    if tokenizer.pieces is None or not len(tokens):
        return None
    return Edge.of(tokenizer.pieces, int(tokens[0]), at_start=at_start)
