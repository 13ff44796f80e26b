"""How many bits a model needs for real items, held out or trained on, with intervals."""

from __future__ import annotations

import math
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from sfumato.conditioning.condition import Value
from sfumato.conditions import Conditions
from sfumato.data.items import Encoded
from sfumato.denoiser import TokenDenoiser
from sfumato.evaluation.result import Figure, Section
from sfumato.likelihood import gaussian_bound
from sfumato.media.text.rows import RowBatch
from sfumato.media.text.tokens import Tokenizer
from sfumato.metrics.interval import mean_interval
from sfumato.model.numbers import NumberModel
from sfumato.model.tokens import bound_of_rows
from sfumato.runs.progress import Progress

_ITEMS, _ROWS = 64, 16  # Measured at a time.
_FEW = 32
_GAP = " The bits that held-out items need more than training items are overfitting."
Values = NDArray[np.float64]


@dataclass(frozen=True)
class Estimate:
    """A mean over items and its 95 % interval.

    Attributes:
        mean: The mean.
        low, high: Bounds of the interval; None if there is a single item.
    """

    mean: float
    low: float | None
    high: float | None

    @classmethod
    def of(cls, values: Values) -> Estimate:
        """The mean of independent values, shape (n,), n >= 1."""
        if len(values) < 2:
            return cls(float(values.mean()), None, None)
        return cls(*mean_interval(values.tolist()))


@dataclass(frozen=True, eq=False)
class ItemBits:
    """Bits that a model of numbers needs for items: the variational bound, on average from above.

    For 8-bit pixels they are the bits of a lossless code built on the model. For other numbers they
    are bits of a density at a noise level of 0.018: such a number has a unit and may be negative,
    and only differences between sets, or between models of one representation, mean anything.

    Attributes:
        items: Number of items.
        dimensions: Numbers in an item.
        bits_per_dimension: The mean over items.
        of_each: Bits per dimension of each item, shape (items,). Item ``i`` is measured with the
            same noise whatever the model, so that two models can be compared item by item.
    """

    items: int
    dimensions: int
    bits_per_dimension: Estimate
    of_each: Values


@dataclass(frozen=True)
class RowBits:
    """Bits that a model of tokens needs for rows of text: the variational bound, as above.

    Attributes:
        rows: Number of rows; the intervals are over rows.
        texts: Number of texts in them: short texts share a row.
        tokens, characters: Numbers of tokens and characters in them.
        bits_per_character, bits_per_token: All bits, with those for the lengths of the texts.
        bits_of_lengths_per_character: The bits for the lengths of the texts; 0 if long documents
            are cut into rows of one length.
        of_each: What each row adds to the bits per character, see :func:`contributions`, shape
            (rows,); the mean is the bits per character.
    """

    rows: int
    texts: int
    tokens: int
    characters: int
    bits_per_character: Estimate
    bits_per_token: Estimate
    bits_of_lengths_per_character: float
    of_each: Values


@dataclass(frozen=True)
class Likelihood:
    """The likelihood of real items.

    Attributes:
        section: For the report.
        of_each: Bits of each held-out item, float64, shape (B,); None if nothing was held out.
    """

    section: Section
    of_each: Tensor | None


def likelihood_section(
    unit: str,
    about: str,
    held_out: Estimate | None,
    training: Estimate,
    n: tuple[int, int],
    more: tuple[Figure, ...] = (),
) -> Section:
    """The section of a report on likelihood.

    Args:
        unit: Unit of the estimates, such as ``bits per character``.
        about: What the bits of this medium mean.
        held_out: Bits of held-out items; None if nothing was held out.
        training: Bits of training items.
        n: Numbers of held-out items and of training items.
        more: Figures of one medium only.
    """
    title = f"{unit}, training"
    known = Figure("training", title, training.mean, training.low, training.high, n=n[1:])
    title = f"{unit}, held out"
    if held_out is None:
        why = "no items were held out, so overfitting cannot be measured"
        figures: tuple[Figure, ...] = (Figure("held_out", title, None, n=n[:1], flag=why), known)
    else:
        few = f"there are only {n[0]} held-out items" if n[0] < _FEW else None
        mean, low, high = held_out.mean, held_out.low, held_out.high
        unseen = Figure("held_out", title, mean, low, high, n=n[:1], flag=few)
        figures = (unseen, known, _gap(held_out, training, n))
    return Section("likelihood", "likelihood", about + _GAP, figures + more)


def bits_of_items(
    model: NumberModel,
    items: NDArray[Any],
    labels: Tensor | None,
    values: Sequence[Mapping[str, Value]] = (),
    *,
    draws: int,
    seed: int,
    what: str,
) -> Generator[Progress, None, ItemBits]:
    """Bits of items under a model of numbers without guidance; yields progress.

    Args:
        model: Model of a run.
        items: Items as the medium reads them, shape (n, ...), n >= 1.
        labels: Class numbers, shape (n,); see :func:`conditions_of`.
        values: Values of the other conditions, n mappings; see :func:`conditions_of`.
        draws: Noise levels and noises for each item.
        seed: Seed of both.
        what: Name of the items in the progress.
    """
    parts = []
    for low in range(0, len(items), _ITEMS):
        yield Progress(f"likelihood of {what}: item", low, len(items))
        part = slice(low, low + _ITEMS)
        encoded = model.medium.examples(items[part])
        known = None if labels is None else labels[part]
        cond = conditions_of(model, encoded, known, values[part])
        # Unlike samples, a bound at little noise is sensitive to bf16: it needs 2 % more bits.
        denoiser, x0 = model.evaluated(model.denoiser, "fp32"), encoded.x0.to(model.device)
        end = model.medium.reconstruction
        parts.append(gaussian_bound(denoiser, x0, end, draws, seed, low, **cond).nats.numpy())
    dimensions = math.prod(model.medium.signal_shape)
    of_each = np.concatenate(parts) / math.log(2) / dimensions
    return ItemBits(len(of_each), dimensions, Estimate.of(of_each), of_each)


def bits_of_rows(
    denoiser: TokenDenoiser,
    rows: RowBatch,
    tokenizer: Tokenizer,
    lengths: Sequence[int],
    *,
    draws: int,
    seed: int,
    classes: int,
    what: str,
) -> Generator[Progress, None, RowBits]:
    """Bits of rows of text under a model of tokens; yields progress.

    Args:
        denoiser: The model, in evaluation mode.
        rows: At least one row.
        tokenizer: The tokenizer of the rows.
        lengths: Number of training texts with ``i`` tokens, see ``DataFacts.lengths``.
        draws: Times and noises for each row.
        seed: Seed of both.
        classes: Number of classes that the model is conditioned on; 0 without labels.
        what: Name of the rows in the progress.
    """
    parts = []
    for low in range(0, len(rows.tokens), _ROWS):
        yield Progress(f"likelihood of {what}: row", low, len(rows.tokens))
        part = slice(low, low + _ROWS)
        labels = None if rows.labels is None else rows.labels[part]
        batch = RowBatch(rows.tokens[part], rows.segments[part], labels)
        parts.append(bound_of_rows(denoiser, batch, draws, seed, classes, first=low).numpy())
    of_lengths = length_bits(rows.segments, lengths)
    bits = np.concatenate(parts) / math.log(2) + of_lengths
    inside = rows.segments >= 0
    tokens = inside.sum(1).astype(np.float64)
    pairs = zip(rows.tokens, inside, strict=True)
    characters = np.array([float(tokenizer.characters(row[own])) for row, own in pairs])
    return RowBits(
        rows=len(bits),
        texts=int((rows.segments.max(1) + 1).sum()),
        tokens=int(tokens.sum()),
        characters=int(characters.sum()),
        bits_per_character=ratio(bits, characters),
        bits_per_token=ratio(bits, tokens),
        bits_of_lengths_per_character=float(of_lengths.sum() / characters.sum()),
        of_each=contributions(bits, characters),
    )


def conditions_of(
    model: NumberModel,
    encoded: Encoded,
    labels: Tensor | None,
    values: Sequence[Mapping[str, Value]] = (),
) -> Conditions:
    """The conditions of encoded items.

    Args:
        model: Model of a run.
        encoded: B items.
        labels: Class numbers, shape (B,), -1 for items without a label. These get the null label,
            and so do all with None. A model without classes gets no label at all.
        values: Values of the other conditions by name, B mappings; unknown if there are none.
    """
    unknown = torch.full((len(encoded.x0),), model.spec.classes)
    known = unknown if labels is None else torch.where(labels < 0, unknown, labels)
    own = Conditions(
        label=known if model.spec.classes else None,
        length=encoded.filled if model.spec.lengths else None,
    )
    return (own | model.rows_of(values or [{}] * len(encoded.x0))).to(model.device)


def length_bits(segments: NDArray[np.int64], lengths: Sequence[int]) -> Values:
    """Bits for the lengths of the texts in each row, by the frequencies of lengths in training.

    The bound is conditional on the lengths. Without these bits, a model of short texts would learn
    for free where they end. Half a text is added to the count of each length (Krichevsky and
    Trofimov 1981), so that a length that never occurred costs a finite number of bits.

    Args:
        segments: int64 (B, L), see ``RowBatch``.
        lengths: Number of training texts with ``i`` tokens, for ``i`` from 0 to L.

    Returns:
        Shape (B,); 0 if all training texts, and all of these texts, fill a row.
    """
    context = segments.shape[1]
    sizes = np.stack([(segments == number).sum(1) for number in range(segments.max() + 1)], 1)
    if not any(lengths[:-1]) and bool((sizes == context).all()):
        return np.zeros(len(segments))
    counts = np.array(lengths, np.float64) + 0.5
    counts[0] = 0.0  # There is no empty text.
    bits = np.append(0.0, -np.log2(counts[1:] / counts.sum()))
    total: Values = bits[sizes].sum(1)
    return total


def ratio(bits: Values, units: Values) -> Estimate:
    """Bits per unit over all rows together, with the interval of the mean of contributions.

    Args:
        bits: Bits of each row, shape (B,).
        units: Characters or tokens of each row, shape (B,), not all 0.
    """
    return Estimate.of(contributions(bits, units))


def contributions(bits: Values, units: Values) -> Values:
    """The contribution of each row to the bits per unit, shape (B,); see :func:`ratio`.

    Rows differ in their units, so the bits per unit are a ratio of means. To first order it is the
    plain mean of these values (Cochran 1977, "Sampling techniques", section 6.3), and exactly so
    at the rows themselves.
    """
    mean = bits.sum() / units.sum()
    found: Values = mean + (bits - mean * units) / units.mean()
    return found


def _gap(held_out: Estimate, training: Estimate, n: tuple[int, ...]) -> Figure:
    """Held-out minus training items. The sets are independent, so their variances add up."""
    gap = held_out.mean - training.mean
    if held_out.high is None or training.high is None:
        return Figure("gap", "gap: overfitting", gap, n=n)
    half = math.hypot(held_out.high - held_out.mean, training.high - training.mean)
    return Figure("gap", "gap: overfitting", gap, gap - half, gap + half, n=n)
