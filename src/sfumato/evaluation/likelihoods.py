"""How likely a model finds real items that it never saw, and those it learnt from."""

from __future__ import annotations

import math
from collections.abc import Generator
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor

from sfumato.evaluation.asked import Wanted
from sfumato.evaluation.real import Real
from sfumato.evaluation.report import Figure, Section
from sfumato.evaluation.seen import spaced
from sfumato.media.text.data import TextData
from sfumato.media.text.rows import Rows
from sfumato.model.estimate import Estimate
from sfumato.model.number_bits import bits_of as bits_of_items
from sfumato.model.numbers import GaussianModel
from sfumato.model.token_bits import bits_of as bits_of_rows
from sfumato.model.tokens import TextModel
from sfumato.runs.measuring import Measuring

_FEW = 32
_ABOUT = {
    "pictures": "Bits per number of the 8-bit pixels, a variational bound: a lossless coder built "
    "on the model needs no more on average.",
    "sounds": "Bits per number of what the network sees, as a density: only differences mean "
    "anything, between sets and between models of one representation.",
    "text": "A variational bound: the model needs no more, on average over the draws.",
}
_GAP = " What held-out items need more than those trained on is over-fitting."


@dataclass(frozen=True)
class Likelihoods:
    """What was found.

    Attributes:
        section: For the report.
        of_each: Bits of each held-out item, float64, shape (B,); None if nothing was held out.
    """

    section: Section
    of_each: Tensor | None


def of_signals(
    model: GaussianModel[Any], medium: str, real: Real, wanted: Wanted, seed: int
) -> Generator[Measuring, None, Likelihoods]:
    """Bits of pictures or sounds."""
    measured = partial(bits_of_items, model, draws=wanted.draws, seed=seed)
    sets = real.held_out, real.training
    unseen, known = (spaced(len(items), wanted.rows).numpy() for items in sets)
    held_out = None
    if len(unseen):
        labels = None if real.held_out_labels is None else real.held_out_labels[unseen]
        held_out = yield from measured(real.held_out[unseen], labels, what="held-out items")
    labels = None if real.training_labels is None else real.training_labels[known]
    training = yield from measured(real.training[known], labels, what="training items")
    figures = _figures(
        "bits per dimension",
        None if held_out is None else held_out.bits_per_dimension,
        training.bits_per_dimension,
        (len(unseen), len(known)),
    )
    return Likelihoods(
        Section("likelihood", "likelihood", _ABOUT[medium] + _GAP, figures),
        None if held_out is None else torch.from_numpy(held_out.of_each),
    )


def of_texts(
    model: TextModel, data: TextData, unseen: Rows, wanted: Wanted, seed: int
) -> Generator[Measuring, None, Likelihoods]:
    """Bits of rows of text."""
    measured = partial(
        bits_of_rows,
        model.denoiser,
        tokenizer=data.tokenizer,
        lengths=model.spec.data.lengths,
        draws=wanted.draws,
        seed=seed,
        labelled=bool(model.spec.classes),
    )
    held_out = None
    if len(unseen):
        held_out = yield from measured(unseen.fixed(wanted.rows), what="held-out text")
    training = yield from measured(data.training.fixed(wanted.rows), what="training text")
    n = 0 if held_out is None else held_out.rows, training.rows
    figures = _figures(
        "bits per character",
        None if held_out is None else held_out.bits_per_character,
        training.bits_per_character,
        n,
    )
    if held_out is not None:
        tokens = held_out.bits_per_token
        lengths = held_out.bits_of_lengths_per_character
        figures += (
            Figure(
                "tokens", "bits per token, held out", tokens.mean, tokens.low, tokens.high, n=n[:1]
            ),
            Figure("lengths", "bits per character that tell lengths", lengths, n=n[:1], form=".4f"),
        )
    return Likelihoods(
        Section("likelihood", "likelihood", _ABOUT["text"] + _GAP, figures),
        None if held_out is None else torch.from_numpy(held_out.of_each),
    )


def _figures(
    unit: str, held_out: Estimate | None, training: Estimate, n: tuple[int, int]
) -> tuple[Figure, ...]:
    known = Figure(
        "training", f"{unit}, trained on", training.mean, training.low, training.high, n=n[1:]
    )
    title = f"{unit}, held out"
    if held_out is None:
        why = "nothing was held out, so over-fitting cannot be seen"
        return Figure("held_out", title, None, n=n[:1], flag=why), known
    few = f"only {n[0]} held-out items" if n[0] < _FEW else None
    unseen = Figure(
        "held_out", title, held_out.mean, held_out.low, held_out.high, n=n[:1], flag=few
    )
    return unseen, known, _gap(held_out, training, n)


def _gap(held_out: Estimate, training: Estimate, n: tuple[int, int]) -> Figure:
    """How much more held-out items need; the sets are independent, so their intervals add up."""
    gap = held_out.mean - training.mean
    if held_out.high is None or training.high is None:
        return Figure("gap", "gap: over-fitting", gap, n=n)
    half = math.hypot(held_out.high - held_out.mean, training.high - training.mean)
    return Figure("gap", "gap: over-fitting", gap, gap - half, gap + half, n=n)
