"""Whether the right caption of an item is found among others: a closed-form joint embedding."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import normalize

from sfumato.errors import DataError
from sfumato.metrics.interval import wilson

AMONG = 16
"""Captions that the right one is searched among, by default."""

_FOLDS = 5
_RIDGES = (1.0, 0.1, 0.01, 0.001, 0.0001)
_MOST_ROWS, _MOST_COMPONENTS = 4000, 256


class Projection(NamedTuple):
    """An affine map of vectors: ``(x - mean) @ matrix``.

    Attributes:
        mean: Shape (d,), float64.
        matrix: Shape (d, k), float64.
    """

    mean: Tensor
    matrix: Tensor

    def __call__(self, vectors: Tensor) -> Tensor:
        """Shape (n, k), float64, for vectors of shape (n, d)."""
        return (vectors.double() - self.mean) @ self.matrix


@dataclass(frozen=True)
class Alignment:
    """A joint embedding of items and words, in which an item is near its own words.

    Regularised canonical correlation analysis of the principal components of both: Hotelling 1936,
    Biometrika 28, 321, with the ridge of Vinod 1976, J. Econometrics 4, 147. Each direction is
    weighted by its correlation, and similarity is the cosine of the angle (Gong et al. 2014,
    arXiv:1212.4522). Trained in closed form, the same every time.

    Attributes:
        items: Maps the features of items into the joint space.
        words: Maps the features of words into it.
        ridge: The ridge, as a share of the mean variance; chosen by cross-validation.
        left_out: The share of left-out items whose own words rank first, see :func:`retrieval`,
            under that ridge, in [0, 1].
        among: Number of captions that these were searched among: 16, or fewer if there are few.
    """

    items: Projection
    words: Projection
    ridge: float
    left_out: float
    among: int

    @classmethod
    def fit(cls, items: Tensor, words: Tensor, captions: Tensor) -> Alignment:
        """Train on real pairs.

        Args:
            items: Features of items, shape (n, d); of more than 4000 rows, 4000 evenly spaced ones
                are used.
            words: Features of the words of each, shape (n, e).
            captions: Number of the caption of each row, int64, shape (n,): equal words have equal
                numbers. They are never divided between the folds of the cross-validation.

        Raises:
            DataError: There are fewer than ten captions, or all items or all words are equal.
        """
        count = min(len(items), _MOST_ROWS)
        rows = torch.arange(count) * len(items) // max(count, 1)
        _, captions = torch.unique(captions[rows], return_inverse=True)
        least = 2 * _FOLDS
        if not count or int(captions.max()) + 1 < least:
            raise DataError(f"An alignment needs items with at least {least} different captions.")
        first, second = _components(items[rows]), _components(words[rows])
        x, y = first(items[rows]), second(words[rows])
        scores = {ridge: _left_out(x, y, captions, ridge) for ridge in _RIDGES}
        ridge = max(scores, key=lambda one: scores[one])
        of_items, of_words = _canonical(x, y, ridge)
        among = min(AMONG, (int(captions.max()) + 1) // _FOLDS)
        maps = _then(first, of_items), _then(second, of_words)
        return cls(*maps, ridge, scores[ridge], among)

    def __call__(self, items: Tensor, words: Tensor) -> Tensor:
        """Similarities, float64 in [-1, 1], shape (n, m), of n items with m words."""
        return normalize(self.items(items)) @ normalize(self.words(words)).T


class Retrieval(NamedTuple):
    """How often the own caption of an item ranks first among some.

    Attributes:
        share: The mean probability that it ranks first, in [0, 1].
        low, high: Bounds of the share with a confidence of 95 %.
        among: Number of captions, the own one included. Chance is ``1 / among``.
        of_each: The probability of each item, float64, shape (n,).
    """

    share: float
    low: float
    high: float
    among: int
    of_each: Tensor


def retrieval(similarity: Tensor, own: Tensor, among: int = AMONG) -> Retrieval:
    """Search the own caption of each item among captions that are drawn at random.

    The probability over all draws is computed instead of drawing: an item with ``b`` of ``m`` other
    captions at least as similar as its own wins against ``among - 1`` of them with a hypergeometric
    probability. A tie is no win. Such a probability varies at most as much as a yes or no of the
    same mean, so that Wilson's interval is wide enough.

    Args:
        similarity: Similarity of n items with m + 1 different captions, shape (n, m + 1), n >= 1.
        own: Place of the own caption of each item, int64, shape (n,).
        among: Number of captions, at least 2; all of them if there are fewer.

    Raises:
        DataError: There are no items, or fewer than two captions.
    """
    count, captions = similarity.shape
    if not count or captions < 2:
        raise DataError("A caption is searched for items, and among at least two captions.")
    among = min(among, captions)
    beside = similarity.gather(1, own[:, None])
    lost = (similarity >= beside).sum(1) - 1  # The own one is equal to itself.
    others = captions - 1
    drawn = torch.arange(among - 1)
    left = (others - lost[:, None] - drawn).clamp_min(0).double()
    of_each = (left / (others - drawn)).prod(1)
    return Retrieval(*wilson(of_each.mean().item(), count), among, of_each)


def _components(features: Tensor) -> Projection:
    """The principal components of features: at most 256, and only those that vary."""
    features = features.double()
    mean = features.mean(0)
    values, vectors = torch.linalg.eigh((features - mean).T @ (features - mean) / len(features))
    kept = values[-_MOST_COMPONENTS:] > 1e-10 * values[-1].clamp_min(1e-300)
    if not bool(kept.any()):
        raise DataError("All features are equal, so nothing can be aligned with them.")
    return Projection(mean, vectors[:, -_MOST_COMPONENTS:][:, kept].flip(1))


def _canonical(x: Tensor, y: Tensor, ridge: float) -> tuple[Tensor, Tensor]:
    """Canonical directions of both, shapes (a, k) and (b, k), each times its correlation."""
    of_x, of_y = _whitening(x, ridge), _whitening(y, ridge)
    left, correlations, right = torch.linalg.svd(
        of_x @ (x.T @ y / len(x)) @ of_y, full_matrices=False
    )
    return of_x @ left * correlations, of_y @ right.T * correlations


def _whitening(x: Tensor, ridge: float) -> Tensor:
    """The inverse square root of the covariance with a ridge."""
    covariance = x.T @ x / len(x)
    values, vectors = torch.linalg.eigh(covariance)
    values = values.clamp_min(0) + ridge * values.mean()
    root: Tensor = (vectors / values.sqrt()) @ vectors.T
    return root


def _left_out(x: Tensor, y: Tensor, captions: Tensor, ridge: float) -> float:
    """The share of items whose own words rank first, for items and words that were left out."""
    found = []
    for fold in range(_FOLDS):
        out = captions % _FOLDS == fold
        means = x[~out].mean(0), y[~out].mean(0)
        maps = _canonical(x[~out] - means[0], y[~out] - means[1], ridge)
        items, words = (Projection(*each) for each in zip(means, maps, strict=True))
        alignment = Alignment(items, words, ridge, 0.0, 0)
        rows = out.nonzero()[:, 0]
        kinds, own = torch.unique(captions[rows], return_inverse=True)
        some = torch.stack([rows[own == place][0] for place in range(len(kinds))])
        found.append(retrieval(alignment(x[rows], y[some]), own).of_each)
    return torch.cat(found).mean().item()


def _then(first: Projection, matrix: Tensor) -> Projection:
    return Projection(first.mean, first.matrix @ matrix)
