from __future__ import annotations

import torch
from torch import Tensor

from sfumato.evaluation.features import Features


def cloud(count: int, seed: int, dimension: int = 6, centre: float = 0.0) -> Tensor:
    """Normal features."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(count, dimension, generator=generator) + centre


def features_of(samples: Tensor, training: int = 120, held_out: int = 60) -> Features:
    """Samples beside real items of one normal law."""
    return Features("made up", "0" * 16, samples, cloud(training, 100), cloud(held_out, 101))
