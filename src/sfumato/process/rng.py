"""Noise as a pure function of (seed, stream, sample index, step).

Every random number in Sfumato is read at an address, never drawn from a hidden state: sample
``i`` of seed ``s`` is the same in any batch and on any worker, and a resumed run needs to know
its step and nothing else. The addresses are the key and counter of Philox, a counter-based
generator (Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3").
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum

import numpy as np
import torch
from torch import Tensor


class Stream(IntEnum):
    """The purpose of a random number; streams never share an address."""

    PRIOR = 0
    SAMPLER = 1
    TRAINING_NOISE = 2
    TIME = 3
    LABEL_DROP = 4
    AUGMENT = 6
    LABEL = 8
    LIKELIHOOD = 9
    LENGTH = 10
    DIVISION = 11
    RESAMPLING = 12
    CONDITION_DROP = 13
    CAPTION = 14
    CONDITION = 15
    OPERATOR = 16
    OBSERVATION = 20
    CALIBRATION = 21


def generator(seed: int, stream: Stream, index: int = 0, step: int = 0) -> np.random.Generator:
    """The generator that starts at one address; each address is good for 2**64 blocks.

    Args:
        seed: In [0, 2**64).
        stream: What the numbers are for.
        index: Global index of the sample, in [0, 2**64).
        step: Step of training or sampling, in [0, 2**64).
    """
    counter = np.array([0, step, index, 0], dtype=np.uint64)
    key = np.array([seed, int(stream)], dtype=np.uint64)
    return np.random.Generator(np.random.Philox(counter=counter, key=key))


def normal(
    seed: int, stream: Stream, indices: Sequence[int], shape: Sequence[int], step: int = 0
) -> Tensor:
    """Standard normal noise, one independent block per sample.

    Returns:
        float32 tensor of shape (len(indices), *shape); row ``k`` depends on
        (seed, stream, indices[k], step) alone.
    """
    out = np.empty((len(indices), *shape), dtype=np.float32)
    for row, index in zip(out, indices, strict=True):
        generator(seed, stream, index, step).standard_normal(dtype=np.float32, out=row)
    return torch.from_numpy(out)


def uniform(
    seed: int, stream: Stream, indices: Sequence[int], shape: Sequence[int] = (), step: int = 0
) -> Tensor:
    """Uniform numbers in [0, 1), float64, of shape (len(indices), *shape), addressed alike."""
    out = np.empty((len(indices), *shape), dtype=np.float64)
    for k, index in enumerate(indices):
        out[k] = generator(seed, stream, index, step).random(tuple(shape))
    return torch.from_numpy(out)
