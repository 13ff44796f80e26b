"""Whether samples are of the classes that were asked for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from sfumato.evaluation.real import Real
from sfumato.evaluation.report import Figure, Section
from sfumato.evaluation.seen import Seen
from sfumato.metrics.classes import Classifier, balance, per_class
from sfumato.metrics.interval import share_interval

_MOST_ROWS = 40
_ABOUT = (
    "Share that a classifier, trained on the features of the training items, puts into the class "
    "asked for; beside it the same of held-out items, which is what the classifier is worth. Far "
    "above it samples are more typical than real items are."
    " Out of balance is the share that would have to be of another class for as many of each as "
    "were asked for."
)


@dataclass(frozen=True)
class Verdicts:
    """What a classifier said of samples.

    Attributes:
        sections: For the report; none without classes.
        hits: Which samples are of the class asked for, bool, shape (n,); None without classes.
    """

    sections: tuple[Section, ...]
    hits: Tensor | None


def judged(seen: Seen, asked: Tensor | None, real: Real, classes: Sequence[str]) -> Verdicts:
    """Let a classifier judge samples.

    Args:
        seen: Features.
        asked: The classes asked for, int64, shape (n,); None without classes.
        real: With labels of training items.
        classes: Names of the classes.
    """
    known = real.training_labels
    # Of two classes one may be held out as a whole.
    if asked is None or known is None or len(set(known.tolist())) < 2:
        return Verdicts((), None)
    judge = Classifier.fit(seen.training, known)
    found = judge(seen.samples)
    unseen = real.held_out_labels
    real_found = None if unseen is None or not len(unseen) else judge(seen.held_out)
    figures = tuple(_figures(found, asked, real_found, unseen, classes))
    section = Section(f"classes/{seen.name}", "classes", _ABOUT, figures, seen.identity)
    return Verdicts((section,), found == asked)


def _figures(
    found: Tensor,
    asked: Tensor,
    real_found: Tensor | None,
    real_labels: Tensor | None,
    classes: Sequence[str],
) -> Iterator[Figure]:
    n = len(found)
    share = share_interval(int((found == asked).sum()), n)
    beside = None
    of_real: dict[int, float] = {}
    if real_found is not None and real_labels is not None:
        beside = (real_found == real_labels).double().mean().item()
        each = per_class(real_found, real_labels, len(classes))
        of_real = {one.number: one.right / one.n for one in each if one.n}
    yield Figure("in_class", "in their class", *share, beside, (n,), ".1%")
    title = "out of balance"
    real_share = None
    if real_found is not None and real_labels is not None:
        real_share = _unbalance(real_found, real_labels, len(classes))
    share_off = _unbalance(found, asked, len(classes))
    yield Figure("balance", title, share_off, real=real_share, n=(n,), form=".1%")
    for one in per_class(found, asked, len(classes)):
        if one.n and len(classes) <= _MOST_ROWS:
            key, title = f"class/{classes[one.number]}", f"  {classes[one.number]}"
            real = of_real.get(one.number)
            right = one.right / one.n
            yield Figure(key, title, right, one.low, one.high, real, (one.n,), ".0%")


def _unbalance(found: Tensor, wanted: Tensor, classes: int) -> float:
    """The share that would have to be of another class for as many of each as were wanted."""
    shares = torch.bincount(wanted, minlength=classes).tolist()
    return balance(found, shares).total_variation
