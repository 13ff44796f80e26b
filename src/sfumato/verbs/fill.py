"""``sfumato fill``: fill the gaps of a text; the rest of the text stays unchanged."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
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
from sfumato.media.text.medium import TextMedium
from sfumato.media.text.tokens import Tokenizer
from sfumato.model.checks import require_label, require_within
from sfumato.model.open import AnyModel, open_model
from sfumato.model.options import LARGEST, FillOptions, SampleOptions
from sfumato.model.provenance import MOST_STEPS
from sfumato.model.tokens import TokenModel
from sfumato.process.categorical import CategoricalProcess, Masking
from sfumato.process.rng import Stream, uniform
from sfumato.regular import require_regular
from sfumato.runs.weights import LATEST
from sfumato.sampling import KeyedUniform, integrate, last
from sfumato.sampling.tokens import Confidence

MARKER = FillOptions().marker
_LARGEST = 1 << 20
_RUN = re.compile(r"_{4,}")
_MOST_CANDIDATES = 1024
_ORDERS = 2
_TILE = 16
_NEIGHBOURS = 4
# Range of tokens for a gap between words, and for one at the beginning or the end of the text.
_WITHIN = {"characters": (1, 12), "bytes": (1, 12), "bpe": (1, 4)}
_OUTSIDE = {"characters": (48, 48), "bytes": (48, 48), "bpe": (16, 16)}


@dataclass(frozen=True)
class Filled:
    """A filled text.

    Attributes:
        text: The filled text.
        gaps: The filling of each gap.
        spans: The begin and end of each filling in the text.
        bits: The score: -log2 of the model's probability of the fillings and of the four tokens on
            either side given the rest, in bits per token, averaged over orders of revealing;
            smaller is likelier. The neighbours count because they become unlikely beside a filling
            of the wrong length.
        index: Number of the candidate.
    """

    text: str
    gaps: tuple[str, ...]
    spans: tuple[tuple[int, int], ...]
    bits: float
    index: int


def fill(model: AnyModel, text: str, options: FillOptions | None = None) -> list[Filled]:
    """Fill the gaps of a text several times and rank the results by the model's own score.

    Args:
        model: The model of a run on text.
        text: The text, with a marker at every gap.
        options: How to fill the gaps.

    Returns:
        At most ``options.n`` different texts, the most likely first.

    Raises:
        RunError: The run is not one on text.
        SettingError: There is no gap, a value is out of range, or the run's process cannot fill.
        DataError: The text is too long, or holds a character that the model has never seen.
    """
    model.spec.require(TextMedium)
    if not isinstance(model, TokenModel):
        raise TypeError("a run on text has a model of tokens")
    options = FillOptions() if options is None else options
    process = model.denoiser.process
    if not isinstance(process, Masking):
        raise SettingError(
            f"The run '{model.directory.name}' cannot fill gaps.",
            why="its process replaces tokens by others, so it cannot mark which tokens are fixed",
            hint="train with: --settings process.kind=masking",
        )
    _require(model, options)
    keep_freed_memory()
    rows = _rows(model, options, _pieces(model.tokenizer, text, options.marker))
    label = model.labels(options.label, options.seed, range(len(rows.tokens)))
    if options.label is None and label is not None:
        label = torch.full_like(label, model.spec.classes)
    guided = _guided(model, options)
    x0 = _sampled(model, options, process, guided, rows, label)
    found: dict[str, Filled] = {}
    for index, row in enumerate(x0):
        cond = rows.cond(index, label)
        scored = _with_neighbours(rows.gaps[index]) & rows.inside[index]
        score = order_likelihood(guided, row, scored, _ORDERS, options.seed, **cond)
        one = _filled(model.tokenizer, rows, index, row, -score.item() / float(np.log(2)))
        if one.text not in found or one.bits < found[one.text].bits:
            found[one.text] = one
    return sorted(found.values(), key=lambda one: one.bits)[: options.n]


@dataclass(frozen=True)
class _Rows:
    """Candidates of different lengths, in rows of one length.

    Attributes:
        tokens: The fixed tokens, masks at the gaps, and padding at the end, int64 (B, L).
        gaps: The places of gaps, bool (B, L).
        inside: The places of text, without padding, bool (B, L).
        spans: The begin and end of each gap of every row.
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


def _require(model: TokenModel, options: FillOptions) -> None:
    require_within("n", options.n, 1, _MOST_CANDIDATES)
    require_within("candidates", options.candidates, options.n, _MOST_CANDIDATES)
    require_within("seed", options.seed, 0, LARGEST)
    if options.steps is not None:
        require_within("steps", options.steps, 1, MOST_STEPS)
    if not options.marker:
        raise SettingError("The marker is empty.", hint="use some characters that stand for a gap.")
    scale = 1.0 if options.scale is None else options.scale
    require_label(model.directory.name, model.spec, options.label, scale)
    _length_range(options.length)  # Checks it.


def _guided(model: TokenModel, options: FillOptions) -> Denoiser[CategoricalProcess]:
    """The denoiser, guided to the label if there is one."""
    scale = options.scale if options.label else 1.0
    request = model.request(SampleOptions(1, label=options.label, scale=scale))
    return model.guided(request.sample.changed(tile=_TILE))


def _length_range(length: int | str | tuple[int, int] | None) -> tuple[int, int] | None:
    """The least and the greatest number of tokens of a gap; None for the default.

    Raises:
        SettingError: ``length`` is not a range.
    """
    if length is None:
        return None
    hint = "give one number, or a range: --length 3-8"
    try:
        if isinstance(length, str):
            low, dash, high = length.partition("-")
            least, greatest = int(low), int(high) if dash else int(low)
        else:
            least, greatest = (length, length) if isinstance(length, int) else length
    except ValueError:
        raise SettingError(f"length cannot be '{length}'.", hint=hint) from None
    if not 1 <= least <= greatest:
        raise SettingError(f"length cannot be {least}-{greatest}.", hint=hint)
    return least, greatest


def _pieces(tokenizer: Tokenizer, text: str, mark: str) -> list[str]:
    """The parts of the text between the gaps."""
    marker = _RUN if mark == MARKER else re.compile(re.escape(mark))
    pieces = marker.split(text)
    if len(pieces) == 1:
        raise SettingError(
            "There is no gap in the text.", hint=f"write {mark} where words are missing."
        )
    # Gaps are replaced by a known letter, so that an unknown character is reported at its place.
    letters = (c for c in tokenizer.decode(range(min(tokenizer.size, 256))) if c.isalnum())
    letter = next(letters, "")
    tokenizer.check(marker.sub(lambda gap: letter * len(gap[0]), text))
    return pieces


def _rows(model: TokenModel, options: FillOptions, pieces: list[str]) -> _Rows:
    parts = [torch.from_numpy(model.tokenizer.encode(piece).astype(np.int64)) for piece in pieces]
    context = model.medium.settings.context
    room = (context - sum(map(len, parts))) // (len(pieces) - 1)
    ranges = [_range(model, options, pieces, gap, room) for gap in range(len(pieces) - 1)]
    lengths = _lengths(options, ranges)
    size = sum(map(len, parts)) + sum(high for _, high in ranges)
    if size > context:
        raise DataError(
            f"The text is too long: {size} tokens with its gaps, and the model sees {context}.",
            why=f"{sum(map(len, parts))} tokens are fixed",
            hint="shorten the text around the gaps, or give smaller gaps with --length.",
        )
    tokens = torch.zeros(options.candidates, size, dtype=torch.int64)
    gaps = torch.zeros_like(tokens, dtype=torch.bool)
    inside = torch.zeros_like(gaps)
    spans: list[list[tuple[int, int]]] = []
    for row, of_gaps in enumerate(lengths):
        place, spans_of_row = len(parts[0]), []
        tokens[row, :place] = parts[0]
        for length, piece in zip(of_gaps, parts[1:], strict=True):
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
    model: TokenModel, options: FillOptions, pieces: list[str], gap: int, room: int
) -> tuple[int, int]:
    """Least and greatest length of a gap; defaults are limited to the free room."""
    length = _length_range(options.length)
    if length is not None:
        return length
    at_the_beginning = gap == 0 and not pieces[0].strip()
    at_the_end = gap == len(pieces) - 2 and not pieces[-1].strip()
    usual = _OUTSIDE if at_the_beginning or at_the_end else _WITHIN
    least, greatest = usual[model.medium.settings.tokens]
    return max(1, min(least, room)), max(1, min(greatest, room))


def _lengths(options: FillOptions, ranges: list[tuple[int, int]]) -> list[list[int]]:
    """The length of each gap of every candidate; all lengths of a range are equally frequent."""
    u = uniform(options.seed, Stream.LENGTH, range(options.candidates), (len(ranges),))
    turns = torch.arange(options.candidates, dtype=torch.float64)[:, None] / options.candidates
    return [
        [
            low + int((high - low + 1) * share)
            for share, (low, high) in zip(row, ranges, strict=True)
        ]
        for row in ((u / options.candidates + turns) % 1.0).tolist()
    ]


def _sampled(
    model: TokenModel,
    options: FillOptions,
    process: Masking,
    guided: Denoiser[CategoricalProcess],
    rows: _Rows,
    label: Tensor | None,
) -> Tensor:
    sampler = Confidence() if options.sampler is None else model.sampler(options.sampler)
    steps = options.steps or max(1, int(rows.gaps.sum(1).max()))
    times = sampler.grid.times(len(sampler.plan(steps)), process.keep, rows.tokens.shape[1])
    noise = KeyedUniform(options.seed, range(len(rows.tokens)), model.device)
    denoiser = model.with_temperature(guided, options.temperature, options.top_p)
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


def fill_text(
    run: str | Path,
    text: str | None,
    file: Path | None,
    options: FillOptions,
    snapshot: str = LATEST,
) -> list[Filled]:
    """Fill the gaps of a text or of a file.

    Args:
        run: Name or path of a run on text.
        text: The text; None if ``file`` holds it.
        file: The file of the text.
        options: How to fill the gaps.
        snapshot: Weights to use, ``latest`` or ``best``.

    Raises:
        SettingError: Neither or both of text and file are set, or see :func:`fill`.
        DataError: The file cannot be read, or see :func:`fill`.
        RunError: There is no such run, or it is not one on text.
    """
    if (text is None) == (file is None):
        raise SettingError(
            "One text is needed.",
            why="none was given" if text is None else "both a text and a file were given",
            hint='sfumato fill RUN "to be ____ not to be", or sfumato fill RUN --file FILE',
        )
    return fill(open_model(run, snapshot), _text_of(file) if file else str(text), options)


def _text_of(path: Path) -> str:
    require_regular(path)
    try:
        with path.open("rb") as file:
            content = file.read(_LARGEST + 1)
    except OSError as error:
        raise DataError(f"'{path}' cannot be read.", why=error.strerror or str(error)) from error
    if len(content) > _LARGEST:
        raise DataError(
            f"'{path}' is larger than 1 MiB.", hint="use only the part around the gaps."
        )
    try:
        return content.decode("utf-8-sig").replace("\r\n", "\n").replace("\r", "\n")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        column = error.start - content.rfind(b"\n", 0, error.start)
        raise DataError(
            f"'{path}' is not UTF-8.",
            why=f"byte 0x{content[error.start]:02x} in line {line}, at byte {column} of the line",
            hint="save the file as UTF-8.",
        ) from error
