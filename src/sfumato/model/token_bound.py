"""The variational bound on rows of text."""

from __future__ import annotations

import torch
from torch import Tensor

from sfumato.conditions import Conditions
from sfumato.denoiser import TokenDenoiser
from sfumato.likelihood import token_bound
from sfumato.media.text.rows import RowBatch

_AT_ONCE = 16


def bound_of_rows(
    denoiser: TokenDenoiser,
    rows: RowBatch,
    draws: int,
    seed: int,
    labelled: bool,
    first: int = 0,
) -> Tensor:
    """The bound on ``-log p`` of each row given the lengths of its texts.

    Args:
        denoiser: The model, in evaluation mode.
        rows: The rows to measure.
        draws: Number of times and noises per row.
        seed: Seed of the times and the noise.
        labelled: Whether the labels are a condition of the model.
        first: Number of the first row; row ``i`` depends on (seed, first + i) alone.

    Returns:
        Nats per row, float64, shape (B,).
    """
    device = next(denoiser.parameters()).device
    tokens = torch.from_numpy(rows.tokens).to(device)
    segments = torch.from_numpy(rows.segments).to(device)
    labels = rows.labels if labelled else None
    cond = Conditions(
        segments=segments if bool((segments != 0).any()) else None,
        label=None if labels is None else torch.from_numpy(labels),
    ).to(device)
    parts = []
    for low in range(0, len(tokens), _AT_ONCE):
        part = slice(low, low + _AT_ONCE)
        counted, at = segments[part] >= 0, first + low
        bound = token_bound(denoiser, tokens[part], counted, draws, seed, at, **cond.rows(part))
        parts.append(bound)
    return torch.cat(parts)
