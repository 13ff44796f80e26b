"""How many bits a model needs for pictures or sounds, and how sure that is."""

from __future__ import annotations

import math
from collections.abc import Generator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from sfumato.likelihood import Density, End, Levels, gaussian_bound
from sfumato.media.data.items import Encoded
from sfumato.media.image.medium import ImageMedium
from sfumato.media.medium import SignalMedium
from sfumato.model.estimate import Estimate, estimated
from sfumato.model.numbers import GaussianModel
from sfumato.runs.measuring import Measuring

_AT_ONCE = 64


@dataclass(frozen=True, eq=False)
class Bits:
    """Bits that suffice for some items: the variational bound, an upper bound on average.

    Of pictures they are bits of the 8-bit pixels: a lossless coder built on the model would need
    so many. Of sounds they are bits of the numbers that the network sees, as a density at a
    noise of 0.018. Those numbers say the sound several times over, and a density has a unit: the
    figure may be negative, and only differences between sets, or between models of one
    representation, mean anything.

    Attributes:
        items: How many were measured; the interval is over them.
        dimensions: Numbers per item.
        bits_per_dimension: The figure.
        of_each: Bits per dimension of each item, shape (items,), for comparisons in pairs: item
            ``i`` is asked with the same noise whatever the model.
    """

    items: int
    dimensions: int
    bits_per_dimension: Estimate
    of_each: NDArray[np.float64]


def bits_of(
    model: GaussianModel[Any],
    items: NDArray[Any],
    labels: Tensor | None,
    *,
    draws: int,
    seed: int,
    what: str,
) -> Generator[Measuring, None, Bits]:
    """Measure pictures or sounds.

    Args:
        model: Of a run; it is not guided here.
        items: As the medium's cache holds them, one at least, shape (n, ...).
        labels: Class numbers, shape (n,). None tells a model of classes the null label. A model
            without classes is not told any.
        draws: Noise levels and noises per item.
        seed: Of both.
        what: Name of the items, for the reader.

    Returns:
        The bits, after having yielded progress.
    """
    parts = []
    for low in range(0, len(items), _AT_ONCE):
        yield Measuring(f"likelihood of {what}: item", low, len(items))
        part = slice(low, low + _AT_ONCE)
        known = None if labels is None else labels[part]
        parts.append(_bits(model, items[part], known, draws, seed, low))
    dimensions = math.prod(model.medium.signal_shape)
    of_each = np.concatenate(parts) / dimensions
    return Bits(len(of_each), dimensions, estimated(of_each), of_each)


def _bits(
    model: GaussianModel[Any],
    items: NDArray[Any],
    labels: Tensor | None,
    draws: int,
    seed: int,
    first: int,
) -> NDArray[np.float64]:
    """Bits of each item, shape (B,)."""
    encoded = model.medium.examples(items)
    cond = told(model, encoded, labels)
    # At little noise a bound feels the rounding of bf16: 2 % more bits, where samples show nothing.
    denoiser, x0 = model.evaluated(model.denoiser, "fp32"), encoded.x0.to(model.device)
    bound = gaussian_bound(denoiser, x0, end_of(model.medium), draws, seed, first, **cond)
    bits: NDArray[np.float64] = bound.nats.numpy() / math.log(2)
    return bits


def told(model: GaussianModel[Any], encoded: Encoded, labels: Tensor | None) -> dict[str, Tensor]:
    """What a model is told of items beside their states.

    Args:
        model: Of a run.
        encoded: The items.
        labels: Class numbers, shape (B,). None tells a model of classes the null label. A model
            without classes is not told any.
    """
    cond = {}
    if model.spec.classes:
        unknown = torch.full((len(encoded.x0),), model.spec.classes)
        cond["label"] = unknown if labels is None else labels
    if model.spec.lengths and encoded.filled is not None:
        cond["length"] = encoded.filled
    return {name: value.to(model.device) for name, value in cond.items()}


def end_of(medium: SignalMedium) -> End:
    """Pixels are levels; what a network sees of a sound is not."""
    return Levels() if isinstance(medium, ImageMedium) else Density()
