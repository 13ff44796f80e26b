"""Whether samples belong to the classes that were requested."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from sfumato.evaluation.features import Features
from sfumato.evaluation.real import Real
from sfumato.evaluation.result import Figure, Section
from sfumato.metrics.classes import Classifier, balance, per_class
from sfumato.metrics.interval import share_interval

_MOST_ROWS = 40
_ABOUT = (
    "Share of samples that a classifier, trained on the features of the training items, assigns to "
    "the requested class. The column 'real' is its accuracy on held-out items, so it shows how "
    "reliable the classifier is. Samples far above it are more typical of their class than real "
    "items are. The class imbalance is the share of samples that would have to change their class "
    "for every class to be as frequent as requested."
)


@dataclass(frozen=True)
class Classification:
    """The classification of samples.

    Attributes:
        sections: For the report; none without classes.
        correct: Which samples are of the requested class, bool, shape (n,); None without classes.
    """

    sections: tuple[Section, ...]
    correct: Tensor | None


def classify(
    features: Features, requested: Tensor | None, real: Real[Any], classes: Sequence[str]
) -> Classification:
    """Classify samples.

    Args:
        features: Features of samples and real items.
        requested: The requested classes, int64, shape (n,), -1 for samples of an unknown class,
            which are left out; None without classes.
        real: The real items, with the labels of the training items.
        classes: Names of the classes.
    """
    features, known, unseen = _labelled(features, real)
    # All items of a class may be held out, so that a single class is left.
    if requested is None or known is None or len(set(known.tolist())) < 2:
        return Classification((), None)
    has_class = requested >= 0
    if not has_class.any():
        return Classification((), None)
    classifier = Classifier.fit(features.training, known)
    found = classifier(features.samples)
    real_found = None if unseen is None or not len(unseen) else classifier(features.held_out)
    made, wanted = found[has_class], requested[has_class]
    figures = tuple(_figures(made, wanted, real_found, unseen, classes))
    section = Section(f"classes/{features.name}", "classes", _ABOUT, figures, features.identity)
    return Classification((section,), found == requested)


def _labelled(features: Features, real: Real[Any]) -> tuple[Features, Tensor | None, Tensor | None]:
    """The features and the labels of the real items that have a label."""
    known, unseen = real.training_labels, real.held_out_labels
    if known is not None:
        features = replace(features, training=features.training[known >= 0])
        known = known[known >= 0]
    if unseen is not None:
        features = replace(features, held_out=features.held_out[unseen >= 0])
        unseen = unseen[unseen >= 0]
    return features, known, unseen


def _figures(
    found: Tensor,
    requested: Tensor,
    real_found: Tensor | None,
    real_labels: Tensor | None,
    classes: Sequence[str],
) -> Iterator[Figure]:
    n = len(found)
    share = share_interval(int((found == requested).sum()), n)
    accuracy = real_imbalance = None
    of_real: dict[int, float] = {}
    if real_found is not None and real_labels is not None:
        accuracy = (real_found == real_labels).double().mean().item()
        real_imbalance = _imbalance(real_found, real_labels, len(classes))
        each = per_class(real_found, real_labels, len(classes))
        of_real = {one.number: one.right / one.n for one in each if one.n}
    yield Figure("in_class", "in the requested class", *share, accuracy, (n,), ".1%")
    imbalance = _imbalance(found, requested, len(classes))
    yield Figure("balance", "class imbalance", imbalance, real=real_imbalance, n=(n,), form=".1%")
    for one in per_class(found, requested, len(classes)):
        if one.n and len(classes) <= _MOST_ROWS:
            key, title = f"class/{classes[one.number]}", f"  {classes[one.number]}"
            real = of_real.get(one.number)
            right = one.right / one.n
            yield Figure(key, title, right, one.low, one.high, real, (one.n,), ".0%")


def _imbalance(found: Tensor, requested: Tensor, classes: int) -> float:
    """The total variation distance between the classes found and those requested, in [0, 1]."""
    shares = torch.bincount(requested, minlength=classes).tolist()
    return balance(found, shares).total_variation
