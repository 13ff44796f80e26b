"""Hiding labels, so that one network learns the model with and without them."""

from __future__ import annotations

import torch
from torch import Tensor


def drop_labels(labels: Tensor, u: Tensor, rate: float, null: int) -> Tensor:
    """Replace a share of the labels by the null label, so that one network learns both models.

    Source: Ho & Salimans 2022 (arXiv:2207.12598), algorithm 1.

    Args:
        labels: Shape (B,), int64.
        u: Uniform numbers in [0, 1), shape (B,).
        rate: Share to drop, in [0, 1].
        null: The index that stands for "no label".
    """
    return torch.where(u.to(labels.device) < rate, torch.full_like(labels, null), labels)
