"""A text with gaps as rows of tokens: how long its gaps are, and which tokens stay as given.

Where words are split into pieces, the tokens of the text around a gap are not those that the text
would have with the gap filled: a space before a gap belongs to the word in it, and a word that goes
on in the gap may be one token. So the token on either side of a gap is chosen again, among those
that begin (or end) with what is given.
"""

from __future__ import annotations

import codecs
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from sfumato.conditions import Conditions
from sfumato.errors import DataError, SettingError
from sfumato.media.text.tokens import Tokenizer
from sfumato.model.layout import ends_whole
from sfumato.model.network import draw_places
from sfumato.model.tokens import TokenModel
from sfumato.process.rng import Stream, uniform
from sfumato.sampling.tokens.spelling import Spelled

# Usual numbers of tokens of a gap between words.
_WITHIN = {"characters": (1, 12), "bytes": (1, 12), "bpe": (1, 4)}
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


@dataclass(frozen=True)
class GapRows:
    """Candidates of different lengths, in rows of one length.

    Attributes:
        texts: The given parts of the text.
        gaps: The gaps between them.
        tokens: The fixed tokens, masks at the gaps, and padding at the end, int64 (B, L).
        hidden: The places of gaps, bool (B, L).
        inside: The places of text, without padding, bool (B, L).
        spans: The begin and end of each gap of every row.
        language: The rows that are texts; None if all are.
    """

    texts: Sequence[str]
    gaps: Sequence[Gap]
    tokens: Tensor
    hidden: Tensor
    inside: Tensor
    spans: list[list[tuple[int, int]]]
    language: Spelled | None

    def cond(self, index: int | None, label: Tensor | None) -> Conditions:
        """The conditions of a denoiser for one row, or for all."""
        rows = slice(None) if index is None else slice(index, index + 1)
        segments = self.inside[rows].long() - 1
        return Conditions(
            segments=segments if bool((segments < 0).any()) else None,
            label=None if label is None else label[rows],
        )

    def fillings(self, tokenizer: Tokenizer, row: Tensor, index: int) -> list[str]:
        """The text of each gap in a finished row, shape (L,)."""
        tokens = row.cpu().numpy()
        found = []
        for (begin, end), gap in zip(self.spans[index], self.gaps, strict=True):
            if tokenizer.pieces is None:
                found.append(tokenizer.decode(tokens[begin:end]))
                continue
            data = b"".join(tokenizer.pieces[token] for token in tokens[begin:end].tolist())
            data = data[0 if gap.before is None else len(gap.before.data) :]
            data = data[: len(data) - (0 if gap.after is None else len(gap.after.data))]
            found.append(codecs.utf_8_decode(data, "replace", False)[0])
        return found


def gap_rows(
    model: TokenModel,
    texts: Sequence[str],
    length: tuple[int, int] | None,
    candidates: int,
    seed: int,
) -> GapRows:
    """The candidates for a text.

    Args:
        model: The model.
        texts: The parts of the text between its gaps, two or more.
        length: The least and the greatest number of tokens of a gap. By default a gap between
            words has a few, and one at an end is as long as makes the text as long as one of the
            training data.
        candidates: Number of rows, B.
        seed: Seed of the lengths.

    Raises:
        SettingError: No text of the training data is as long as a gap of this length.
        DataError: The text does not fit into the model's context.
    """
    parts, gaps = _cut(model.tokenizer, texts)
    lengths = _lengths(model, parts, gaps, length, candidates, seed)
    fixed = sum(map(len, parts))
    size = fixed + max(map(sum, lengths))
    context = model.medium.settings.context
    if size > context:
        raise DataError(
            f"The text is too long: {size} tokens with its gaps, and the model sees {context}.",
            why=f"{fixed} tokens are fixed",
            hint="shorten the text around the gaps, or give smaller gaps with --length.",
        )
    tokens = torch.zeros(candidates, size, dtype=torch.int64)
    hidden, inside = torch.zeros_like(tokens, dtype=torch.bool), torch.zeros_like(tokens).bool()
    spans: list[list[tuple[int, int]]] = []
    for row, of_gaps in enumerate(lengths):
        place, spans_of_row = 0, []
        for part, gap in zip(parts, [*of_gaps, 0], strict=True):
            tokens[row, place : place + len(part)] = torch.from_numpy(part)
            place += len(part)
            if gap:
                spans_of_row.append((place, place + gap))
                hidden[row, place : place + gap] = True
            place += gap
        inside[row, :place] = True
        spans.append(spans_of_row)
    tokens[hidden] = model.denoiser.process.size
    language = _language(model, gaps, spans, inside, bool(texts[-1]))
    device = model.device
    return GapRows(
        texts, gaps, tokens.to(device), hidden.to(device), inside.to(device), spans, language
    )


def _cut(tokenizer: Tokenizer, texts: Sequence[str]) -> tuple[list[Tokens], list[Gap]]:
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


def _lengths(
    model: TokenModel,
    parts: Sequence[Tokens],
    gaps: Sequence[Gap],
    length: tuple[int, int] | None,
    candidates: int,
    seed: int,
) -> list[list[int]]:
    """The number of tokens of each gap of every candidate."""
    settings, data = model.medium.settings, model.spec.data
    fixed = sum(map(len, parts))
    room = (settings.context - fixed) // len(gaps)
    least = [gap.least for gap in gaps]
    if length is not None:
        if length[1] > data.longest and data.longest < settings.context:
            raise SettingError(
                f"length cannot be {length[1]}.",
                why=f"the longest text in the training data of '{model.directory.name}' is "
                f"{data.longest} tokens long",
            )
        ranges = [(length[0] + gap.given, length[1] + gap.given) for gap in gaps]
    else:
        low, high = _WITHIN[settings.tokens]
        ranges = [
            (max(1, min(low, room)), max(1, min(high + gap.given, max(room, 1)))) for gap in gaps
        ]
    ranges = [(max(a, low), max(b, low)) for (a, b), low in zip(ranges, least, strict=True)]
    u = _spread(candidates, seed, len(gaps) + 1)
    lengths = [
        [
            low + int((high - low + 1) * share)
            for share, (low, high) in zip(row, ranges, strict=True)
        ]
        for row in u[:, :-1].tolist()
    ]
    if length is None:
        _lengthen(lengths, gaps, least, fixed, data.lengths, u)
    return lengths


def _spread(candidates: int, seed: int, count: int) -> Tensor:
    """Numbers in [0, 1), float64 (B, count): each column is evenly spread over the rows."""
    u = uniform(seed, Stream.LENGTH, range(candidates), (count,))
    turns = torch.arange(candidates, dtype=torch.float64)[:, None] / candidates
    return (u / candidates + turns) % 1.0


def _lengthen(
    lengths: list[list[int]],
    gaps: Sequence[Gap],
    least: Sequence[int],
    fixed: int,
    counts: Sequence[int],
    u: Tensor,
) -> None:
    """Give gaps at the ends what is missing to the length of a text of the training data.

    The length of the whole text is drawn as in sampling, from the lengths that it can have. A text
    that is longer than all of them keeps the usual lengths.
    """
    outer = [number for number, gap in enumerate(gaps) if gap.is_outer]
    if not outer:
        return
    for row, own in enumerate(lengths):
        others = fixed + sum(own) - sum(own[number] for number in outer)
        needed = others + sum(least[number] for number in outer)
        possible = [float(n) if size >= needed else 0.0 for size, n in enumerate(counts)]
        if not any(possible):
            continue
        spare = int(draw_places(possible, u[row, outer[0] : outer[0] + 1])[0]) - needed
        first = spare if len(outer) == 1 else int((spare + 1) * float(u[row, len(gaps)]))
        for number, more in zip(outer, (first, spare - first), strict=False):
            own[number] = least[number] + more


def _language(
    model: TokenModel,
    gaps: Sequence[Gap],
    spans: list[list[tuple[int, int]]],
    inside: Tensor,
    goes_on: bool,
) -> Spelled | None:
    """The rows that are texts and hold what is given; None if all do.

    Args:
        model: The model.
        gaps: The gaps.
        spans: The begin and end of each gap of every row.
        inside: The places of text, bool (B, L).
        goes_on: Whether text is given behind the last gap.
    """
    tokenizer = model.tokenizer
    if tokenizer.spelling is None or tokenizer.pieces is None:
        return None
    lengths = inside.sum(1).tolist()
    whole = [goes_on or ends for ends in ends_whole(model.spec, lengths, None)]
    choice = np.zeros(tuple(inside.shape), np.int64)
    sets, number_of = [np.ones(len(tokenizer.pieces), np.bool_)], dict[int, int]()
    for row, of_gaps in enumerate(spans):
        for gap, (begin, end) in zip(gaps, of_gaps, strict=True):
            for place, fits in gap.sets(end - begin).items():
                if id(fits) not in number_of:
                    number_of[id(fits)] = len(sets)
                    sets.append(fits)
                choice[row, begin + place] = number_of[id(fits)]
    return Spelled(tokenizer.spelling, lengths, whole, [0] * len(lengths), choice, np.stack(sets))
