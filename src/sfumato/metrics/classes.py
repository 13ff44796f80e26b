"""The classes of samples: a classifier of features, its accuracy, and the balance of classes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from sfumato.errors import DataError
from sfumato.metrics.interval import share_interval
from sfumato.metrics.kernel_distance import GaussianKernel
from sfumato.process.rng import Stream, generator

_DRAWS = 1999
_RIDGES = tuple(10.0 ** (power / 2) for power in range(-8, 3))
_MOST_ROWS = 4000
_BATCH = 1 << 10


@dataclass(frozen=True)
class Classifier:
    """Kernel ridge regression on classes: trained in closed form, the same every time.

    The width of the Gaussian kernel is the median distance of the features. On a few hundred audio
    clips it is more often right than logistic regression or discriminants on the same features.

    Attributes:
        kernel: The similarity of two features.
        features: The features it was trained on, shape (n, d), float64.
        weights: Shape (n, classes), float64.
        strength: The ridge, chosen by leave-one-out cross-validation.
        left_out: Leave-one-out accuracy in [0, 1] under that ridge. It is optimistic if the
            features hold near copies of each other.
    """

    kernel: GaussianKernel
    features: Tensor
    weights: Tensor
    strength: float
    left_out: float

    @classmethod
    def fit(cls, features: Tensor, labels: Tensor) -> Classifier:
        """Train on real features.

        Args:
            features: Shape (n, d); of more than 4000 rows, 4000 evenly spaced ones are used.
            labels: The class of each row, int64, shape (n,), from 0.

        Raises:
            DataError: There are fewer than two classes, or most features are equal.
        """
        if len(set(labels.tolist())) < 2:
            raise DataError("A classifier needs features of two classes or more.")
        count = min(len(features), _MOST_ROWS)
        rows = torch.arange(count) * len(features) // count
        features, labels = features[rows].double(), labels[rows]
        kernel = GaussianKernel.of(features)
        classes = int(labels.max()) + 1
        targets = torch.nn.functional.one_hot(labels, classes).double() - 1 / classes
        values, vectors = torch.linalg.eigh(kernel(features, features))
        best = cls(kernel, features, targets, 0.0, -1.0)
        for strength in reversed(_RIDGES):
            inverse = 1 / (values.clamp_min(0) + strength)
            weights = vectors @ (inverse[:, None] * (vectors.T @ targets))
            # The prediction for each row by the others: Rasmussen and Williams 2006, eq. 5.12.
            others = targets - weights / (vectors.square() @ inverse)[:, None]
            left_out = (others.argmax(1) == labels).double().mean().item()
            if left_out > best.left_out:
                best = cls(kernel, features, weights, strength, left_out)
        return best

    def __call__(self, features: Tensor) -> Tensor:
        """The predicted classes, int64, shape (B,), for features of shape (B, d)."""
        parts = [torch.empty(0, dtype=torch.int64)]
        for low in range(0, len(features), _BATCH):
            part = features[low : low + _BATCH].double()
            parts.append((self.kernel(part, self.features) @ self.weights).argmax(1))
        return torch.cat(parts)


class ClassShare(NamedTuple):
    """The share of the samples requested of one class that the classifier assigns to it.

    Attributes:
        number: The class.
        right: How many samples are assigned to it.
        n: How many samples were requested of it.
        low, high: Bounds of the share with a confidence of 95 %; 0 and 1 if n is 0.
    """

    number: int
    right: int
    n: int
    low: float
    high: float


def per_class(predicted: Tensor, requested: Tensor, classes: int) -> tuple[ClassShare, ...]:
    """The accuracy on each class by itself, with Wilson's intervals.

    Args:
        predicted: The class of each sample according to a classifier, int64, shape (n,).
        requested: The class that each sample was requested of, int64, shape (n,), in [0, classes).
        classes: The number of classes.
    """
    totals = torch.bincount(requested, minlength=classes).tolist()
    rights = torch.bincount(requested[predicted == requested], minlength=classes).tolist()
    shares = []
    for number, (right, n) in enumerate(zip(rights, totals, strict=True)):
        _, low, high = share_interval(right, n) if n else (0.0, 0.0, 1.0)
        shares.append(ClassShare(number, right, n, low, high))
    return tuple(shares)


class Balance(NamedTuple):
    """The difference between the shares of the classes in samples and the requested shares.

    Attributes:
        total_variation: Half the sum of the absolute differences of the shares, in [0, 1]: the
            share of the samples that would have to be of another class.
        expected: Its mean if the samples differ from the requested shares by chance alone.
        p: The probability of a difference at least as large by chance alone, in [0.0005, 1].
        shares: The share of each class among the samples.
    """

    total_variation: float
    expected: float
    p: float
    shares: tuple[float, ...]


def balance(predicted: Tensor, requested: Sequence[float], seed: int = 0) -> Balance:
    """Compare the classes of samples with the requested shares.

    Classes predicted by a classifier carry its mistakes: they can be out of balance though the
    samples are not. Compare the result with that of real items.

    Args:
        predicted: The class of each sample, int64, shape (n,), n >= 1, in [0, classes).
        requested: For each class its share or a number in proportion to it, at least 0.
        seed: The seed of the 1999 draws behind ``p``.

    Raises:
        DataError: There are no samples, or no class has a positive share.
    """
    weights = np.asarray(requested, np.float64)
    if not len(predicted) or not weights.sum() > 0:
        raise DataError("A balance of classes needs samples, and a class with a positive share.")
    shares = weights / weights.sum()
    n = len(predicted)
    counts = torch.bincount(predicted, minlength=len(shares)).numpy()
    # Labels are drawn at step 0.
    chance = generator(seed, Stream.LABEL, step=1).multinomial(n, shares, _DRAWS)
    distance = float(_total_variation(counts, shares))
    # Distances that differ by rounding alone are equal.
    worse = int((_total_variation(chance, shares) >= distance - 1e-12).sum())
    expected = sum(_mean_deviation(n, float(share)) for share in shares) / (2 * n)
    return Balance(distance, expected, (1 + worse) / (1 + _DRAWS), tuple((counts / n).tolist()))


def _total_variation(counts: NDArray[np.int64], shares: NDArray[np.float64]) -> NDArray[np.float64]:
    """Half the sum of the absolute differences over the last axis."""
    parts = counts / counts.sum(-1, keepdims=True)
    half: NDArray[np.float64] = np.abs(parts - shares).sum(-1) / 2
    return half


def _mean_deviation(n: int, share: float) -> float:
    """The mean absolute deviation of a binomial count: de Moivre 1730."""
    if not 0 < share < 1:
        return 0.0
    above = math.floor(n * share) + 1
    log = (
        math.lgamma(n + 1)
        - math.lgamma(above + 1)
        - math.lgamma(n - above + 1)
        + above * math.log(share)
        + (n - above + 1) * math.log1p(-share)
    )
    return 2 * above * math.exp(log)
