"""How many bits a model needs for text, and how sure that is."""

from __future__ import annotations

import math
from collections.abc import Generator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sfumato.denoiser import TokenDenoiser
from sfumato.media.text.rows import RowBatch
from sfumato.media.text.tokens import Tokenizer
from sfumato.model.estimate import Estimate, estimated
from sfumato.model.token_bound import bound_of_rows
from sfumato.runs.measuring import Measuring

_AT_ONCE = 16
Values = NDArray[np.float64]


@dataclass(frozen=True)
class Bits:
    """Bits that suffice for some rows of text: the variational bound, an upper bound on average.

    Attributes:
        rows: How many were measured; the interval is over them.
        texts: Pieces of text in them: several to a row where they are short.
        tokens: In them.
        characters: In them.
        bits_per_character: All bits, with those that tell how long the texts are.
        bits_per_token: The same, for every token.
        bits_of_lengths_per_character: The part that tells how long the texts are; 0 where long
            documents are cut into rows of one length.
        of_each: What each row adds to the bits per character, see :func:`contributions`, shape
            (rows,); their mean is the bits per character.
    """

    rows: int
    texts: int
    tokens: int
    characters: int
    bits_per_character: Estimate
    bits_per_token: Estimate
    bits_of_lengths_per_character: float
    of_each: Values


def bits_of(
    denoiser: TokenDenoiser,
    rows: RowBatch,
    tokenizer: Tokenizer,
    lengths: Sequence[int],
    *,
    draws: int,
    seed: int,
    labelled: bool,
    what: str,
) -> Generator[Measuring, None, Bits]:
    """Measure rows of text.

    Args:
        denoiser: The model, in evaluation mode.
        rows: What to measure, one row at least.
        tokenizer: What the tokens mean.
        lengths: How many training texts have ``i`` tokens, see ``DataFacts.lengths``.
        draws: Times and noises per row.
        seed: Of both.
        labelled: Whether the model is told the labels.
        what: Name of the rows, for the reader.

    Returns:
        The bits, after having yielded progress.
    """
    parts = []
    for low in range(0, len(rows.tokens), _AT_ONCE):
        yield Measuring(f"likelihood of {what}: row", low, len(rows.tokens))
        part = _part(rows, slice(low, low + _AT_ONCE))
        parts.append(bound_of_rows(denoiser, part, draws, seed, labelled, first=low).numpy())
    of_lengths = length_bits(rows.segments, lengths)
    bits = np.concatenate(parts) / math.log(2) + of_lengths
    inside = rows.segments >= 0
    tokens = inside.sum(1).astype(np.float64)
    pairs = zip(rows.tokens, inside, strict=True)
    characters = np.array([float(tokenizer.characters(row[own])) for row, own in pairs])
    return Bits(
        rows=len(bits),
        texts=int((rows.segments.max(1) + 1).sum()),
        tokens=int(tokens.sum()),
        characters=int(characters.sum()),
        bits_per_character=ratio(bits, characters),
        bits_per_token=ratio(bits, tokens),
        bits_of_lengths_per_character=float(of_lengths.sum() / characters.sum()),
        of_each=contributions(bits, characters),
    )


def length_bits(segments: NDArray[np.int64], lengths: Sequence[int]) -> Values:
    """Bits that tell how long the texts of each row are, by how often training saw each length.

    The bound is one given the lengths, so without these bits a model of short texts would be told
    for nothing where they end. Half a text is added to the count of every length (Krichevsky and
    Trofimov 1981), so that a length never seen costs something finite.

    Args:
        segments: int64 (B, L), see ``RowBatch``.
        lengths: How many training texts have ``i`` tokens, for ``i`` from 0 to L.

    Returns:
        Shape (B,); 0 where all texts that training saw, and all of these, fill a row.
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
    """Bits for every unit, over all rows together, with a 95 % interval.

    It is the mean of the rows' :func:`contributions`, and has the interval of that mean.

    Args:
        bits: Of each row, shape (B,).
        units: Characters or tokens of each row, shape (B,), not all 0.
    """
    return estimated(contributions(bits, units))


def contributions(bits: Values, units: Values) -> Values:
    """What each row adds to the bits for every unit.

    Rows differ in their units, so the bits for every unit are a ratio of means. To first order it
    is the plain mean of these (Cochran 1977, "Sampling techniques", section 6.3), and exactly so
    at the rows themselves.

    Args:
        bits, units: As for :func:`ratio`.

    Returns:
        Shape (B,).
    """
    mean = bits.sum() / units.sum()
    found: Values = mean + (bits - mean * units) / units.mean()
    return found


def _part(rows: RowBatch, part: slice) -> RowBatch:
    labels = None if rows.labels is None else rows.labels[part]
    return RowBatch(rows.tokens[part], rows.segments[part], labels)
