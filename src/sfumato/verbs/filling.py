"""Filling the gaps of a text: what is given stays, wherever it stands, and the rest is found."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from sfumato.conditions import Conditions
from sfumato.denoiser import Denoiser
from sfumato.engine.machine import keep_freed_memory
from sfumato.errors import DataError, SettingError
from sfumato.likelihood import order_likelihood
from sfumato.media.text.tokens import Tokenizer
from sfumato.model.model import LAST, require_within
from sfumato.model.text_stored import MOST_STEPS
from sfumato.model.tokens import TextModel, token_sampler
from sfumato.process.categorical import CategoricalProcess, Masking
from sfumato.process.rng import Stream, uniform
from sfumato.sampling import KeyedUniform, integrate, last
from sfumato.sampling.tokens import Confidence, TokenSampler

MARKER = "____"
_RUN = re.compile(r"_{4,}")
_MOST_CANDIDATES = 1024
_ORDERS = 2
_TILE = 16
_NEIGHBOURS = 4
# Tokens tried for a gap between words, and for one at the beginning or the end of the text.
_WITHIN = {"characters": (1, 12), "bytes": (1, 12), "bpe": (1, 4)}
_OUTSIDE = {"characters": (48, 48), "bytes": (48, 48), "bpe": (16, 16)}


@dataclass(frozen=True)
class Gaps:
    """A text with gaps, and how to fill them.

    Attributes:
        text: The text.
        n: How many fillings are wanted.
        candidates: How many are tried; the likeliest ``n`` of them are kept.
        marker: What stands for a gap; the default takes any run of at least four underscores.
        length: Least and greatest number of tokens of a gap; None tries word-sized gaps within
            the text, and longer ones at its ends.
        seed: Candidate ``i`` is a function of (seed, i), of how many are tried, and of the lengths.
        sampler: The rule for one step; None takes the most confident first.
        steps: Network evaluations; None makes one for every token of the longest candidate.
        label: Class of the text; None says nothing of it.
        scale: Guidance towards the label, 1 = off; None takes the run's default.
        temperature: Below 1 = safer tokens, 1 = off.
        top_p: Draw from the likeliest tokens that make up this share; 1 = off.
    """

    text: str
    n: int = 5
    candidates: int = 16
    marker: str = MARKER
    length: tuple[int, int] | None = None
    seed: int = 0
    sampler: str | TokenSampler | None = None
    steps: int | None = None
    label: str | None = None
    scale: float | None = None
    temperature: float = 1.0
    top_p: float = 1.0


@dataclass(frozen=True)
class Filled:
    """A filled text.

    Attributes:
        text: The whole text.
        gaps: What was put into each gap.
        spans: Where in the text each of them begins and ends.
        bits: How surprising that and the four tokens on either side are to the model itself given
            the rest, in bits per token, averaged over orders of revealing; less is likelier. The
            neighbours are there because a filling of the wrong length makes them odd.
        index: Number of the candidate.
    """

    text: str
    gaps: tuple[str, ...]
    spans: tuple[tuple[int, int], ...]
    bits: float
    index: int


def fill(model: TextModel, asked: Gaps) -> list[Filled]:
    """Fill a text several times and rank the results by the model's own score.

    Returns:
        At most ``asked.n`` different texts, the likeliest first.

    Raises:
        SettingError: There is no gap, a value is out of range, or the run's process cannot fill.
        DataError: The text is too long, or holds a character that the model has never seen.
    """
    process = model.denoiser.process
    if not isinstance(process, Masking):
        raise SettingError(
            f"The run '{model.directory.name}' cannot fill gaps.",
            why="its process replaces tokens by others, so nothing tells which ones are given",
            hint="train with: --set process.kind=masking",
        )
    _require(model, asked)
    keep_freed_memory()
    rows = _rows(model, asked, _pieces(model.tokenizer, asked))
    label = model.labels(asked.label, asked.seed, range(len(rows.tokens)))
    if asked.label is None and label is not None:
        label = torch.full_like(label, model.spec.classes)
    scale = model.spec.text.sampling.scale if asked.scale is None else asked.scale
    guided = model.guided(model.denoiser, scale if asked.label else 1.0, _TILE, 0)
    x0 = _sampled(model, asked, process, guided, rows, label)
    found: dict[str, Filled] = {}
    for index, row in enumerate(x0):
        cond = rows.cond(index, label)
        scored = _with_neighbours(rows.gaps[index]) & rows.inside[index]
        score = order_likelihood(guided, row, scored, _ORDERS, asked.seed, **cond)
        one = _filled(model.tokenizer, rows, index, row, -score.item() / float(np.log(2)))
        if one.text not in found or one.bits < found[one.text].bits:
            found[one.text] = one
    return sorted(found.values(), key=lambda one: one.bits)[: asked.n]


@dataclass(frozen=True)
class _Rows:
    """Candidates of different lengths, in rows of one length.

    Attributes:
        tokens: Given tokens, masks at the gaps and padding behind, int64 (B, L).
        gaps: Which places are gaps, bool (B, L).
        inside: Which places are text, bool (B, L).
        spans: For every row the begin and end of each gap.
    """

    tokens: Tensor
    gaps: Tensor
    inside: Tensor
    spans: list[list[tuple[int, int]]]

    def cond(self, index: int | None, label: Tensor | None) -> Conditions:
        """The conditions of a denoiser for one row, or for all."""
        rows = slice(None) if index is None else slice(index, index + 1)
        segments = self.inside[rows].long() - 1
        return Conditions(
            segments=segments if bool((segments < 0).any()) else None,
            label=None if label is None else label[rows],
        )


def _require(model: TextModel, asked: Gaps) -> None:
    require_within("n", asked.n, 1, _MOST_CANDIDATES)
    require_within("candidates", asked.candidates, asked.n, _MOST_CANDIDATES)
    require_within("seed", asked.seed, 0, LAST)
    if asked.steps is not None:
        require_within("steps", asked.steps, 1, MOST_STEPS)
    if asked.length is not None and not 1 <= asked.length[0] <= asked.length[1]:
        raise SettingError(
            f"length cannot be {asked.length[0]}-{asked.length[1]}.",
            hint="give one number, or the least and the greatest: --length 3-8",
        )
    if not asked.marker:
        raise SettingError(
            "The marker is empty.", hint="give some characters that stand for a gap."
        )
    model.check_label(asked.label, 1.0 if asked.scale is None else asked.scale)


def _pieces(tokenizer: Tokenizer, asked: Gaps) -> list[str]:
    """The given parts of the text, with a gap between each and the next."""
    marker = _RUN if asked.marker == MARKER else re.compile(re.escape(asked.marker))
    pieces = marker.split(asked.text)
    if len(pieces) == 1:
        raise SettingError(
            "There is no gap in the text.", hint=f"write {asked.marker} where words are missing."
        )
    # Gaps are replaced by what is known, so that a strange character is found at its place.
    letters = (c for c in tokenizer.decode(range(min(tokenizer.size, 256))) if c.isalnum())
    known = next(letters, "")
    tokenizer.check(marker.sub(lambda gap: known * len(gap[0]), asked.text))
    return pieces


def _rows(model: TextModel, asked: Gaps, pieces: list[str]) -> _Rows:
    given = [torch.from_numpy(model.tokenizer.encode(piece).astype(np.int64)) for piece in pieces]
    context = model.spec.text.medium.context
    room = (context - sum(map(len, given))) // (len(pieces) - 1)
    ranges = [_range(model, asked, pieces, gap, room) for gap in range(len(pieces) - 1)]
    lengths = _lengths(asked, ranges)
    size = sum(map(len, given)) + sum(high for _, high in ranges)
    if size > context:
        raise DataError(
            f"The text is too long: {size} tokens with its gaps, and the model sees {context}.",
            why=f"{sum(map(len, given))} are given",
            hint="shorten the text around the gaps, or give smaller gaps with --length.",
        )
    tokens = torch.zeros(asked.candidates, size, dtype=torch.int64)
    gaps = torch.zeros_like(tokens, dtype=torch.bool)
    inside = torch.zeros_like(gaps)
    spans: list[list[tuple[int, int]]] = []
    for row, of_gaps in enumerate(lengths):
        place, spans_of_row = len(given[0]), []
        tokens[row, :place] = given[0]
        for length, piece in zip(of_gaps, given[1:], strict=True):
            spans_of_row.append((place, place + length))
            gaps[row, place : place + length] = True
            place += length
            tokens[row, place : place + len(piece)] = piece
            place += len(piece)
        inside[row, :place] = True
        spans.append(spans_of_row)
    tokens[gaps] = model.denoiser.process.size
    device = model.device
    return _Rows(tokens.to(device), gaps.to(device), inside.to(device), spans)


def _range(
    model: TextModel, asked: Gaps, pieces: list[str], gap: int, room: int
) -> tuple[int, int]:
    """Least and greatest length of a gap; what was not asked for is no more than there is room."""
    if asked.length is not None:
        return asked.length
    at_the_beginning = gap == 0 and not pieces[0].strip()
    at_the_end = gap == len(pieces) - 2 and not pieces[-1].strip()
    usual = _OUTSIDE if at_the_beginning or at_the_end else _WITHIN
    least, greatest = usual[model.spec.text.medium.tokens]
    return max(1, min(least, room)), max(1, min(greatest, room))


def _lengths(asked: Gaps, ranges: list[tuple[int, int]]) -> list[list[int]]:
    """For every candidate the length of each gap: all lengths of a range are tried evenly."""
    u = uniform(asked.seed, Stream.LENGTH, range(asked.candidates), (len(ranges),))
    turns = torch.arange(asked.candidates, dtype=torch.float64)[:, None] / asked.candidates
    return [
        [
            low + int((high - low + 1) * share)
            for share, (low, high) in zip(row, ranges, strict=True)
        ]
        for row in ((u / asked.candidates + turns) % 1.0).tolist()
    ]


def _sampled(
    model: TextModel,
    asked: Gaps,
    process: Masking,
    guided: Denoiser[CategoricalProcess],
    rows: _Rows,
    label: Tensor | None,
) -> Tensor:
    sampler = Confidence() if asked.sampler is None else token_sampler(asked.sampler)
    steps = asked.steps or max(1, int(rows.gaps.sum(1).max()))
    times = sampler.grid.times(len(sampler.plan(steps)), process.keep, rows.tokens.shape[1])
    noise = KeyedUniform(asked.seed, range(len(rows.tokens)), model.device)
    denoiser = model.narrowed(guided, asked.temperature, asked.top_p)
    cond = rows.cond(None, label)
    return last(integrate(denoiser, sampler, rows.tokens, times, noise, steps, cond, rows.gaps))


def _with_neighbours(gaps: Tensor) -> Tensor:
    """The gaps of a row and a few places on either side, bool, shape (L,)."""
    reach = 2 * _NEIGHBOURS + 1
    near = F.max_pool1d(gaps.float().expand(1, 1, -1), reach, stride=1, padding=_NEIGHBOURS)
    return near[0, 0] > 0


def _filled(tokenizer: Tokenizer, rows: _Rows, index: int, row: Tensor, bits: float) -> Filled:
    inside = row[rows.inside[index]].cpu().numpy()
    gaps, spans = [], []
    for begin, end in rows.spans[index]:
        gaps.append(tokenizer.decode(inside[begin:end]))
        before = len(tokenizer.decode(inside[:begin]))
        spans.append((before, before + len(gaps[-1])))
    return Filled(tokenizer.decode(inside), tuple(gaps), tuple(spans), bits, index)


def as_json(filled: Sequence[Filled]) -> list[dict[str, Any]]:
    """Plain data, best first."""
    return [
        {"text": one.text, "gaps": list(one.gaps), "bits_per_token": one.bits, "index": one.index}
        for one in filled
    ]
