"""Fitting the grid of a run on text."""

from __future__ import annotations

import math
from collections.abc import Generator

import numpy as np
import torch

from sfumato.conditions import Conditions
from sfumato.errors import SettingError
from sfumato.media.text.data import TextData
from sfumato.media.text.rows import RowBatch
from sfumato.model.tokens import TextModel
from sfumato.process.categorical import Masking
from sfumato.process.grids import Grid, TimeGrid
from sfumato.runs.measuring import Measuring
from sfumato.runs.tuned import Events, KeptForText, keep_if_better
from sfumato.sampling.tokens import Ancestral
from sfumato.sampling.tokens.tuning import Curve, best_grid, bound_of, surprise
from sfumato.training.reopen import reopened

_MEASURED = 33  # Shares kept at which the cross-entropy is measured; lines between them.
_CANDIDATES = 8  # For each step, at least.
_AT_ONCE = 16


def tune(model: TextModel, steps: int, examples: int, seed: int) -> Events:
    """Fit, compare on rows that the fit has not seen, and keep what is better.

    Args:
        model: Of the run.
        steps: Steps to fit for.
        examples: Rows to fit to, and as many to compare on: held out where the run has some.
        seed: Of the masks.

    Raises:
        SettingError: A value is out of range, or the process is not masking.
        DataError: The run's data are gone.
    """
    asked = model.request(1, seed=seed, steps=steps)
    process = model.denoiser.process
    if not isinstance(process, Masking):
        raise SettingError(
            "Only the grid of a masking process can be tuned.",
            why="under a uniform one what a step loses has no such simple measure",
        )
    rows = yield from _rows(model, 2 * examples)
    half = len(rows.tokens) // 2
    coarse = np.linspace(0.0, 1.0, _MEASURED, endpoint=False)
    fit_on, check_on = _part(rows, slice(0, half)), _part(rows, slice(half, None))
    yield Measuring("what masked tokens cost", 0, 1)
    curve = _curve(model, process, fit_on, coarse, seed)
    fine = np.linspace(0.0, 1.0, max(256, _CANDIDATES * steps), endpoint=False)
    # More is known where more is kept; what rises is noise.
    falling = np.minimum.accumulate(np.interp(fine, coarse, curve))
    found = best_grid(fine, falling, steps)
    grid = TimeGrid(at=tuple(process.keep.time(torch.from_numpy(found[1:])).tolist()))
    yield Measuring("comparing on other rows", 1, 1)
    untuned = Ancestral()

    def bits(of: Grid) -> float:
        times = of.times(steps, process.keep, rows.tokens.shape[1])[:-1]
        shares = process.keep.keep(times).numpy()
        nats = _curve(model, process, check_on, shares, seed, first=half)
        return bound_of(shares, nats) / math.log(2)

    kept = KeptForText(
        model=model.fingerprint,
        steps=steps,
        scale=asked.scale,
        sampler=Ancestral(grid=grid),
        measure="bits a token that so many steps need",
        error=bits(grid),
        untuned="ancestral, equal steps",
        untuned_error=bits(untuned.grid),
    )
    yield keep_if_better(model.directory, kept)


def _rows(model: TextModel, count: int) -> Generator[Measuring, None, RowBatch]:
    """Rows that were held out, or else trained on."""
    data = yield from reopened(model.directory, model.spec, TextData)
    rows = data.held_out if len(data.held_out) > 1 else data.training
    if len(rows) < 2:
        raise SettingError("There is too little text to tune on.", why="two rows are needed")
    return rows.fixed(count)


def _part(rows: RowBatch, part: slice) -> RowBatch:
    labels = None if rows.labels is None else rows.labels[part]
    return RowBatch(rows.tokens[part], rows.segments[part], labels)


def _curve(
    model: TextModel, process: Masking, rows: RowBatch, kept: Curve, seed: int, first: int = 0
) -> Curve:
    """Mean cross-entropy of a masked token at each share, nats."""
    denoiser = model.evaluated(model.denoiser)
    sums, counts = np.zeros(len(kept)), np.zeros(len(kept))
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
        added, seen = surprise(denoiser, process, tokens, counted, kept, seed, first + low, **cond)
        sums, counts = sums + added, counts + seen
    mean: Curve = sums / counts.clip(1)
    return mean
