"""How many tokens the gaps of a text have in each candidate.

Without a constraint a gap between words has a few tokens. One at an end of the text is as long as
makes the text as long as one of the training data. A constraint leaves the lengths that one of its
texts has.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from sfumato.errors import SettingError
from sfumato.model.edges import Gap
from sfumato.model.gap_languages import GapLanguage
from sfumato.model.network import draw_places
from sfumato.model.tokens import TokenModel
from sfumato.process.rng import Stream, uniform
from sfumato.sampling.tokens.tables import Bools, Ints

# Usual numbers of tokens of a gap between words.
_WITHIN = {"characters": (1, 12), "bytes": (1, 12), "bpe": (1, 4)}
# The number of different lengths that are all tried.
_FEW = 24


def usual_lengths(
    model: TokenModel,
    fixed: int,
    gaps: Sequence[Gap],
    length: tuple[int, int] | None,
    candidates: int,
    seed: int,
) -> list[list[int]]:
    """The number of tokens of each gap of every candidate, without a constraint.

    Args:
        model: The model.
        fixed: The number of fixed tokens.
        gaps: The gaps.
        length: The least and the greatest number of tokens of a gap; None for the usual ones.
        candidates: The number of candidates.
        seed: The seed of the lengths.

    Raises:
        SettingError: No text of the training data is as long as a gap of this length.
    """
    settings, data = model.medium.settings, model.spec.data
    room = (settings.context - fixed) // len(gaps)
    least = [gap.least for gap in gaps]
    if length is not None:
        _require_short(model, length)
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


def _require_short(model: TokenModel, length: tuple[int, int]) -> None:
    longest = model.spec.data.longest
    if length[1] > longest and longest < model.medium.settings.context:
        raise SettingError(
            f"length cannot be {length[1]}.",
            why=f"the longest text in the training data of '{model.directory.name}' is "
            f"{longest} tokens long",
        )


def allowed_lengths(
    model: TokenModel,
    fixed: int,
    gaps: Sequence[Gap],
    languages: Sequence[GapLanguage],
    length: tuple[int, int] | None,
    candidates: int,
    seed: int,
) -> list[list[int]]:
    """The number of tokens of each gap of every candidate, of those that a constraint allows.

    If few lengths are allowed, as by a list of words, all are tried. Else a gap has one of its
    usual lengths, or if none of them is allowed, one of the next. A gap at an end makes the text as
    long as a whole text of the training data, where that is allowed.

    Args:
        model: The model.
        fixed: The number of fixed tokens.
        gaps: The gaps.
        languages: The allowed fillings of each gap.
        length: The least and the greatest number of tokens of a gap; None for the usual ones.
        candidates: The number of candidates.
        seed: The seed of the lengths.

    Raises:
        SettingError: No filling of these lengths, or none that fits into the context, is allowed.
    """
    if length is not None:
        _require_short(model, length)
    room = max(0, model.medium.settings.context - fixed)
    # More than there is room for, to know whether longer ones are allowed too.
    beyond = [language.has(2 * room + _FEW) for language in languages]
    of_all = [has[: room + 1] for has in beyond]
    least = [_least(has, number, room) for number, has in enumerate(of_all)]
    # Of the room that the smallest fillings leave, each gap has an equal part.
    more = max(0, room - sum(least)) // len(gaps)
    of_gaps = []
    for number, (gap, has) in enumerate(zip(gaps, of_all, strict=True)):
        sizes = np.flatnonzero(has)
        if length is None:
            ends = not beyond[number][room + 1 :].any()
            of_gaps.append(_usual(model, sizes, least[number] + more, gap, ends))
        else:
            of_gaps.append(_requested(sizes, gap, length, number))
    u = _spread(candidates, seed, len(gaps) + 1)
    lengths = [
        [int(sizes[int(len(sizes) * share)]) for share, sizes in zip(row, of_gaps, strict=True)]
        for row in u[:, :-1].tolist()
    ]
    if length is None:
        whole = model.spec.data.lengths[: model.medium.settings.context]
        _lengthen_allowed(lengths, gaps, of_all, fixed, whole, u)
    return lengths


def _least(has: Bools, number: int, room: int) -> int:
    """The smallest allowed number of tokens of a gap."""
    sizes = np.flatnonzero(has)
    if len(sizes):
        return int(sizes[0])
    raise SettingError(
        f"Nothing that satisfies the constraint fits into gap {number + 1}.",
        why=f"there is room for {room} tokens in the model's context",
        hint="shorten the text around the gaps, or use another pattern or other words.",
    )


def _usual(model: TokenModel, sizes: Ints, most: int, gap: Gap, ends: bool) -> Ints:
    """The lengths to try: all if they are few, else the usual ones, or the next that are allowed.

    Args:
        model: The model.
        sizes: The allowed numbers of tokens, ascending.
        most: The largest number that leaves the other gaps their part of the room.
        gap: The gap.
        ends: Whether there are no longer ones.
    """
    tokens = model.medium.settings.tokens
    low, high = _WITHIN[tokens]
    # A word in pieces has many lengths, down to single letters, which are unusual.
    is_short = ends and tokens != "bpe" and len(sizes) <= _FEW
    sizes = sizes[sizes <= most]
    usual = sizes[(sizes >= low) & (sizes <= high + gap.given)]
    if is_short:
        return sizes
    return usual if len(usual) else sizes[sizes <= sizes[0] + high - low]


def _requested(sizes: Ints, gap: Gap, length: tuple[int, int], number: int) -> Ints:
    own = sizes[(sizes >= length[0] + gap.given) & (sizes <= length[1] + gap.given)]
    if len(own):
        return own
    possible = (sizes - gap.given)[sizes > gap.given]
    raise SettingError(
        f"No filling of {length[0]} to {length[1]} tokens satisfies the constraint.",
        why=f"gap {number + 1} can have {_ranges(possible)} tokens",
        hint=f"give another length, such as --length {min(possible, default=1)}.",
    )


def _ranges(numbers: Ints) -> str:
    """Ascending numbers for a message, such as ``2, 5 to 9``."""
    parts = np.split(numbers, np.flatnonzero(np.diff(numbers) > 1) + 1)
    words = [
        f"{part[0]}" if len(part) == 1 else f"{part[0]} to {part[-1]}"
        for part in parts
        if len(part)
    ]
    return ", ".join(words[:8]) + (", ..." if len(words) > 8 else "")


def _lengthen_allowed(
    lengths: list[list[int]],
    gaps: Sequence[Gap],
    of_all: Sequence[Bools],
    fixed: int,
    counts: Sequence[int],
    u: Tensor,
) -> None:
    """Give gaps at the ends allowed lengths that make the text as long as one of the data.

    Texts that were cut off do not count: a filling need not end where they do.
    """
    outer = [number for number, gap in enumerate(gaps) if gap.is_outer]
    for row, own in enumerate(lengths if outer else []):
        others = fixed + sum(own) - sum(own[number] for number in outer)
        first, last = of_all[outer[0]], of_all[outer[-1]]
        ways = first.astype(int)
        if len(outer) == 2:
            ways = np.convolve(first, last)
        weights = [
            float(count) if 0 <= size - others < len(ways) and ways[size - others] else 0.0
            for size, count in enumerate(counts)
        ]
        if not any(weights):
            continue
        spare = int(draw_places(weights, u[row, outer[0] : outer[0] + 1])[0]) - others
        own[outer[0]] = spare
        if len(outer) == 2:
            some = [
                k for k in np.flatnonzero(first[: spare + 1]) if last[spare - k : spare - k + 1]
            ]
            own[outer[0]] = int(some[int(len(some) * float(u[row, len(gaps)]))])
            own[outer[1]] = spare - own[outer[0]]


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
