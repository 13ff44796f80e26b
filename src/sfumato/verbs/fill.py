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

from sfumato.denoiser import IMPOSSIBLE, Denoiser, Posterior
from sfumato.engine.machine import keep_freed_memory
from sfumato.errors import SettingError
from sfumato.likelihood import order_likelihood
from sfumato.media.text.medium import TextMedium
from sfumato.media.text.tokens import Tokenizer
from sfumato.model.checks import require_label, require_within
from sfumato.model.constraints import constraint_of
from sfumato.model.gaps import GapRows, gap_rows
from sfumato.model.open import AnyModel, open_model
from sfumato.model.options import LARGEST, FillOptions, SampleOptions
from sfumato.model.provenance import MOST_STEPS
from sfumato.model.text_file import text_of
from sfumato.model.tokens import TokenModel
from sfumato.process.categorical import CategoricalProcess, Masking
from sfumato.runs.weights import LATEST
from sfumato.sampling import KeyedUniform, integrate, last
from sfumato.sampling.tokens import Confidence
from sfumato.sampling.tokens.chain import Accepted
from sfumato.sampling.tokens.particles import draw_accepted, particle_noise
from sfumato.sampling.tokens.spelling import Spelled

MARKER = FillOptions().marker
_LARGEST = 1 << 20
_RUN = re.compile(r"_{4,}")
_MOST_CANDIDATES = 1024
_MOST_PARTICLES = 1024
# The largest number of logits in memory under a constraint: 256 MB of float32.
_MOST_LOGITS = 1 << 26
_ORDERS = 2
_TILE = 16
_NEIGHBOURS = 4
# Evaluations for the score of one candidate, at most.
_MOST_SCORED = 128


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
        SettingError: There is no gap, a value is out of range, the run's process cannot fill, or
            no filling satisfies the constraint.
        DataError: The text is too long, or the text or a word holds a character that the model has
            never seen.
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
    texts = _texts(model.tokenizer, text, options.marker)
    constraint = constraint_of(model.tokenizer, options.pattern, options.words, len(texts) - 1)
    length = _length_range(options.length)
    rows = gap_rows(model, texts, length, options.candidates, options.seed, constraint)
    label = model.labels(options.label, options.seed, range(len(rows.tokens)))
    if options.label is None and label is not None:
        label = torch.full_like(label, model.spec.classes)
    guided = _guided(model, options)
    if rows.accepted is None:
        x0 = _sampled(model, options, process, guided, rows, label)
    else:
        x0 = _constrained(model, options, rows, rows.accepted, label)
    found: dict[str, Filled] = {}
    for index, row in enumerate(x0):
        cond = rows.cond(index, label)
        scored = _with_neighbours(rows.hidden[index]) & rows.inside[index]
        score = order_likelihood(
            guided, row, scored, _ORDERS, options.seed, most=_MOST_SCORED, **cond
        )
        fillings = rows.fillings(model.tokenizer, row, index)
        one = _filled(texts, fillings, -score.item() / float(np.log(2)), index)
        if one.text not in found or one.bits < found[one.text].bits:
            found[one.text] = one
    return sorted(found.values(), key=lambda one: one.bits)[: options.n]


def _require(model: TokenModel, options: FillOptions) -> None:
    require_within("n", options.n, 1, _MOST_CANDIDATES)
    require_within("candidates", options.candidates, options.n, _MOST_CANDIDATES)
    require_within("seed", options.seed, 0, LARGEST)
    if options.steps is not None:
        require_within("steps", options.steps, 1, MOST_STEPS)
    if options.pattern or options.words:
        require_within("particles", options.particles, 1, _MOST_PARTICLES)
        if options.sampler is not None:
            raise SettingError(
                "A sampler cannot be used with a constraint.",
                why="under a constraint the tokens are revealed from coarse to fine, by particles",
                hint="leave out sampler; --particles and --steps set the accuracy.",
            )
    if not options.marker:
        raise SettingError("The marker is empty.", hint="use some characters that stand for a gap.")
    scale = 1.0 if options.scale is None else options.scale
    require_label(model.directory.name, model.spec, options.label, scale)
    _length_range(options.length)  # Checks it.


def _guided(
    model: TokenModel, options: FillOptions, tile: int = _TILE
) -> Denoiser[CategoricalProcess]:
    """The denoiser, guided to the label if there is one."""
    scale = options.scale if options.label else 1.0
    request = model.request(SampleOptions(1, label=options.label, scale=scale))
    return model.guided(request.sample.changed(tile=tile))


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
        raise SettingError(f"length cannot be '{str(length)[:40]}'.", hint=hint) from None
    if not 1 <= least <= greatest:
        raise SettingError(f"length cannot be {least}-{greatest}.", hint=hint)
    return least, greatest


def _texts(tokenizer: Tokenizer, text: str, mark: str) -> list[str]:
    """The parts of the text between the gaps."""
    marker = _RUN if mark == MARKER else re.compile(re.escape(mark))
    parts = marker.split(text)
    if len(parts) == 1:
        raise SettingError(
            "There is no gap in the text.", hint=f"write {mark} where words are missing."
        )
    # Gaps are replaced by a known letter, so that an unknown character is reported at its place.
    letters = (c for c in tokenizer.decode(range(min(tokenizer.size, 256))) if c.isalnum())
    letter = next(letters, "")
    tokenizer.check(marker.sub(lambda gap: letter * len(gap[0]), text))
    return parts


def _sampled(
    model: TokenModel,
    options: FillOptions,
    process: Masking,
    guided: Denoiser[CategoricalProcess],
    rows: GapRows,
    label: Tensor | None,
) -> Tensor:
    sampler = Confidence() if options.sampler is None else model.sampler(options.sampler)
    longest = int(rows.hidden.sum(1).max())
    steps = options.steps or max(1, min(longest, model.spec.recipe.sampling.steps))
    times = sampler.grid.times(len(sampler.plan(steps)), process.keep, rows.tokens.shape[1])
    noise = KeyedUniform(options.seed, range(len(rows.tokens)), model.device)
    denoiser = model.with_temperature(
        _Restricted(guided, rows.language), options.temperature, options.top_p
    )
    cond = rows.cond(None, label)
    states = integrate(
        denoiser, sampler, rows.tokens, times, noise, steps, cond, rows.hidden, rows.language
    )
    return last(states)


def _constrained(
    model: TokenModel,
    options: FillOptions,
    rows: GapRows,
    accepted: Accepted,
    label: Tensor | None,
) -> Tensor:
    """Rows that satisfy the constraint, some candidates at a time to bound the memory."""
    tile = model.tile
    denoiser = model.with_temperature(
        _guided(model, options, tile), options.temperature, options.top_p
    )
    steps = options.steps or model.spec.recipe.sampling.steps
    logits = rows.tokens.shape[1] * denoiser.process.size
    most = max(1, _MOST_LOGITS // (logits * options.particles))
    cond = rows.cond(None, label)
    parts = []
    for low in range(0, len(rows.tokens), most):
        some = slice(low, min(low + most, len(rows.tokens)))
        indices = range(some.start, some.stop)
        drawn = draw_accepted(
            denoiser,
            accepted.rows(np.array(indices)),
            rows.tokens[some],
            rows.hidden[some],
            particle_noise(options.seed, indices, options.particles, model.device),
            options.particles,
            steps,
            cond.rows(some),
            tile,
        )
        parts.append(drawn.x0)
    return torch.cat(parts)


class _Restricted(Denoiser[CategoricalProcess]):
    """A denoiser for which tokens that do not fit the given text are impossible.

    Args:
        denoiser: The denoiser.
        language: The sets of tokens that fit; None if all do.
    """

    def __init__(self, denoiser: Denoiser[CategoricalProcess], language: Spelled | None) -> None:
        super().__init__(denoiser.process)
        self.denoiser = denoiser
        self.language = language

    def forward(self, x_t: Tensor, t: Tensor, **cond: Any) -> Posterior:
        """See :meth:`Denoiser.forward`."""
        posterior: Posterior = self.denoiser(x_t, t, **cond)
        if self.language is None or not self.language.choice.any():
            return posterior
        choice = torch.from_numpy(self.language.choice).to(x_t.device)
        places = (choice > 0) & (x_t == self.process.size)
        fits = torch.from_numpy(self.language.allowed).to(x_t.device)[choice[places]]
        logits = posterior.logits.clone()
        logits[places] = logits[places].masked_fill(~fits, IMPOSSIBLE)
        return Posterior(logits)


def _with_neighbours(gaps: Tensor) -> Tensor:
    """The gaps of a row and a few places on either side, bool, shape (L,)."""
    reach = 2 * _NEIGHBOURS + 1
    near = F.max_pool1d(gaps.float().expand(1, 1, -1), reach, stride=1, padding=_NEIGHBOURS)
    return near[0, 0] > 0


def _filled(texts: Sequence[str], gaps: Sequence[str], bits: float, index: int) -> Filled:
    spans, text = [], texts[0]
    for gap, behind in zip(gaps, texts[1:], strict=True):
        spans.append((len(text), len(text) + len(gap)))
        text += gap + behind
    return Filled(text, tuple(gaps), tuple(spans), bits, index)


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
    content = str(text) if file is None else read_text(file)
    return fill(open_model(run, snapshot), content, options)


def read_text(file: Path) -> str:
    """The text of a file, without the line feed that every editor puts at its end.

    Raises:
        DataError: The file cannot be read, is larger than 1 MiB, or is not UTF-8.
    """
    return text_of(file, _LARGEST, "use only the part around the gaps.").removesuffix("\n")
