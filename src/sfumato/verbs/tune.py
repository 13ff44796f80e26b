"""``sfumato tune``: fit a sampler to a run, for one number of network evaluations."""

from __future__ import annotations

import math
from collections.abc import Generator, Mapping
from pathlib import Path
from types import MappingProxyType

import numpy as np
import torch

from sfumato.conditions import Conditions
from sfumato.errors import SettingError
from sfumato.media.registry import require_own
from sfumato.media.text.medium import TextData
from sfumato.media.text.rows import RowBatch
from sfumato.model.checks import require_within
from sfumato.model.numbers import NumberModel
from sfumato.model.open import open_model
from sfumato.model.options import SampleOptions, TuneOptions
from sfumato.model.tokens import TokenModel
from sfumato.process.categorical import Masking
from sfumato.process.grids import Grid, TimeGrid
from sfumato.runs.progress import Progress
from sfumato.runs.tuned import Events, NumberTuning, TokenTuning, store_if_better
from sfumato.runs.weights import LATEST
from sfumato.sampling import DDIM, DPM, Adams, Heun, KeyedNoise, Sampler, UniPC, Wiener, sample
from sfumato.sampling.tokens import Ancestral
from sfumato.sampling.tokens.tuning import Curve, best_grid, bound_of, surprise
from sfumato.sampling.tuning import Examples, fit
from sfumato.training.data import reopened

UNTUNED: Mapping[str, Sampler] = MappingProxyType(
    {
        "wiener": Wiener(),
        "adams": Adams(),
        "unipc": UniPC(),
        "dpm": DPM(),
        "heun": Heun(),
        "ddim": DDIM(),
    }
)
"""The samplers that a fitted one has to beat: the deterministic ones on the default grid."""
# The reference takes this many times the evaluations, which makes it nearly exact.
_TEACHER = 8
_LEAST = 64
_SAMPLES, _ROWS = 48, 32
"""Default number of examples: samples of numbers, and rows of text."""
_MEASURED = 33
"""Number of shares of kept tokens at which the cross-entropy is measured."""
_CANDIDATES = 8
"""Least number of candidate times per step."""
_AT_ONCE = 16


def tune(run: str | Path, options: TuneOptions, snapshot: str = LATEST) -> Events:
    """Fit a sampler, and store it in the run if it is better than the best one without fitting.

    From then on it is the default sampler for the same number of evaluations and the same scale of
    guidance, until the weights of the run change.

    Args:
        run: Name or path of the run.
        options: What to fit.
        snapshot: Weights to use, ``latest`` or ``best``.

    Raises:
        SettingError: A value is out of range or of another medium, or the process is uniform.
        RunError: The run has no weights yet.
        DataError: The data of a run on text are gone.
    """
    require_within("steps", options.steps, 2, 50)
    require_within("rounds", options.rounds, 1, 100)
    model = open_model(run, snapshot)
    require_own(type(model.medium), "tune", options.given())
    if isinstance(model, TokenModel):
        count = _ROWS if options.examples is None else options.examples
        require_within("examples", count, 2, 10_000)
        return _tune_tokens(model, options, count)
    count = _SAMPLES if options.examples is None else options.examples
    require_within("examples", count, 2, 10_000)
    return _tune_numbers(model, options, count)


def _tune_numbers(model: NumberModel, options: TuneOptions, examples: int) -> Events:
    """Fit a sampler, compare on held-out noise, and store it if it is better."""
    steps, rounds, seed = options.steps, options.rounds, options.seed
    request = model.request(
        SampleOptions(2 * examples, seed=seed, scale=options.scale, steps=steps)
    )
    denoiser = model.guided(request.sample.changed(precision=None))
    shape = model.medium.signal_shape

    def examples_of(indices: range) -> Examples:
        noise = KeyedNoise(seed, indices, model.device)
        cond = model.conditions(request.sample, indices)
        many = max(_LEAST, _TEACHER * steps)
        ends = sample(denoiser, Wiener(), noise, shape, many, cond)
        return Examples(noise, shape, cond, ends)

    yield Progress("sampling the reference", 0, rounds)
    training = examples_of(range(examples))
    held_out = examples_of(range(examples, 2 * examples))
    fitted = None
    for fitted in fit(denoiser, Wiener(), training, steps, rounds):
        yield Progress(f"error {fitted.error:.4f}", fitted.number, rounds)
    if fitted is None:
        raise RuntimeError("the fit ended without a result")
    yield Progress("comparing on held-out noise", rounds, rounds)
    found = {name: held_out.error(denoiser, it, steps) for name, it in UNTUNED.items()}
    best = min(found, key=found.__getitem__)
    tuning = NumberTuning(
        model=model.fingerprint,
        steps=steps,
        scale=request.sample.scale,
        sampler=fitted.sampler,
        measure="root-mean-square error of the endpoints",
        error=held_out.error(denoiser, fitted.sampler, steps),
        untuned=best,
        untuned_error=found[best],
    )
    yield store_if_better(model.directory, tuning)


def _tune_tokens(model: TokenModel, options: TuneOptions, examples: int) -> Events:
    """Fit a grid, compare on held-out rows, and store it if it is better."""
    steps, seed = options.steps, options.seed
    request = model.request(SampleOptions(1, seed=seed, steps=steps))
    process = model.denoiser.process
    if not isinstance(process, Masking):
        raise SettingError(
            "Only the grid of a masking process can be tuned.",
            why="for a uniform process the loss of a step has no such simple measure",
        )
    rows = yield from _rows(model, 2 * examples, options.data)
    half = len(rows.tokens) // 2
    coarse = np.linspace(0.0, 1.0, _MEASURED, endpoint=False)
    fit_on, check_on = _part(rows, slice(0, half)), _part(rows, slice(half, None))
    yield Progress("measuring the cross-entropy of masked tokens", 0, 1)
    curve = _curve(model, process, fit_on, coarse, seed)
    fine = np.linspace(0.0, 1.0, max(256, _CANDIDATES * steps), endpoint=False)
    # The cross-entropy falls with the share of kept tokens; an increase is noise.
    falling = np.minimum.accumulate(np.interp(fine, coarse, curve))
    found = best_grid(fine, falling, steps)
    grid = TimeGrid(at=tuple(process.keep.time(torch.from_numpy(found[1:])).tolist()))
    yield Progress("comparing on held-out rows", 1, 1)
    untuned = Ancestral()

    def bits(of: Grid) -> float:
        times = of.times(steps, process.keep, rows.tokens.shape[1])[:-1]
        shares = process.keep.keep(times).numpy()
        nats = _curve(model, process, check_on, shares, seed, first=half)
        return bound_of(shares, nats) / math.log(2)

    tuning = TokenTuning(
        model=model.fingerprint,
        steps=steps,
        scale=request.sample.scale,
        sampler=Ancestral(grid=grid),
        measure="bits a token that so many steps need",
        error=bits(grid),
        untuned="ancestral, equal steps",
        untuned_error=bits(untuned.grid),
    )
    yield store_if_better(model.directory, tuning)


def _rows(
    model: TokenModel, count: int, place: str | Path | None
) -> Generator[Progress, None, RowBatch]:
    """Held-out rows, or training rows if fewer than two are held out."""
    data = yield from reopened(model.directory, model.spec, TextData, place)
    rows = data.held_out if len(data.held_out) > 1 else data.training
    if len(rows) < 2:
        raise SettingError("There is too little text to tune on.", why="two rows are needed")
    return rows.fixed(count)


def _part(rows: RowBatch, part: slice) -> RowBatch:
    labels = None if rows.labels is None else rows.labels[part]
    return RowBatch(rows.tokens[part], rows.segments[part], labels)


def _curve(
    model: TokenModel, process: Masking, rows: RowBatch, shares: Curve, seed: int, first: int = 0
) -> Curve:
    """Mean cross-entropy of a masked token in nats, for each share of kept tokens."""
    denoiser = model.evaluated(model.denoiser)
    sums, counts = np.zeros(len(shares)), np.zeros(len(shares))
    for low in range(0, len(rows.tokens), _AT_ONCE):
        part = _part(rows, slice(low, low + _AT_ONCE))
        tokens = torch.from_numpy(part.tokens).to(model.device)
        segments = torch.from_numpy(part.segments).to(model.device)
        label = None
        if model.spec.classes and part.labels is not None:
            label = torch.from_numpy(part.labels).to(model.device)
        packed = bool((segments != 0).any())
        cond = Conditions(segments=segments if packed else None, label=label)
        counted = segments >= 0
        nats, masked = surprise(
            denoiser, process, tokens, counted, shares, seed, first + low, **cond
        )
        sums, counts = sums + nats, counts + masked
    mean: Curve = sums / counts.clip(1)
    return mean
