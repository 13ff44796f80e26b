"""The real pictures or sounds that samples are compared with."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from sfumato.errors import DataError
from sfumato.evaluation.report import Split
from sfumato.evaluation.seen import spaced
from sfumato.media.numbers import GaussianData
from sfumato.model.numbers import GaussianModel
from sfumato.runs.measuring import Measuring
from sfumato.training.data import prepare
from sfumato.training.reopen import read, reopened

# Items of either kind; of more, as many evenly spaced ones are looked at.
MOST = 20_000
DataT = TypeVar("DataT", bound=GaussianData[Any, Any])


@dataclass(frozen=True)
class Real:
    """The real items of a run, as the medium's cache holds them.

    Attributes:
        training: Those trained on, shape (M, ...).
        held_out: Those that the model never saw, shape (m, ...).
        training_labels: Class numbers, int64, shape (M,); None without classes.
        held_out_labels: The same of those held out.
        groups: For all of them, training first: which are near-duplicates or belong together.
        split: What the report says of them.
        left_out: How many training items there are beside these.
    """

    training: NDArray[Any]
    held_out: NDArray[Any]
    training_labels: Tensor | None
    held_out_labels: Tensor | None
    groups: tuple[str, ...]
    split: Split
    left_out: int


def real_of(
    model: GaussianModel[Any], kind: type[DataT], elsewhere: str | None
) -> Generator[Measuring, None, Real]:
    """The real items of a run.

    Args:
        model: Its model.
        kind: The class of its data.
        elsewhere: A folder, or a name in the catalogue, whose items take the place of those held
            out.

    Raises:
        DataError: Data are gone, or have nothing that can be used.
        RunError: They are not what the run began with.
    """
    data = yield from reopened(model.directory, model.spec, kind)
    own = own_items(data)
    if elsewhere is None:
        return own
    other = yield from read(prepare(elsewhere, model.spec.recipe), kind, elsewhere)
    _require_shape(model, other, elsewhere)
    chosen = _spaced(np.arange(len(other.dataset), dtype=np.int64))
    items, labels = other.dataset.gather(chosen)
    names = _groups(other, chosen)
    return replace(
        own,
        held_out=items,
        held_out_labels=_matched(labels, other.dataset.classes, data.dataset.classes),
        # A group here and one there with the same name have nothing to do with each other.
        groups=(*own.groups[: len(own.training)], *(f"{elsewhere}/{name}" for name in names)),
        split=replace(own.split, held_out=len(items), held_out_source=elsewhere),
    )


def own_items(data: GaussianData[Any, Any]) -> Real:
    """The real items of data, at most ``MOST`` of either kind."""
    training, held_out = _spaced(data.training), _spaced(data.held_out)
    known, known_labels = data.dataset.gather(training)
    unseen, unseen_labels = data.dataset.gather(held_out)
    return Real(
        known,
        unseen,
        None if known_labels is None else torch.from_numpy(known_labels),
        None if unseen_labels is None else torch.from_numpy(unseen_labels),
        (*_groups(data, training), *_groups(data, held_out)),
        Split(data.facts.source, len(known), len(unseen), None, data.facts.fingerprint),
        len(data.training) - len(known),
    )


def _require_shape(model: GaussianModel[Any], other: GaussianData[Any, Any], source: str) -> None:
    if other.medium.signal_shape != model.medium.signal_shape:
        raise DataError(
            f"The items of '{source}' are not of the shape that the run makes.",
            why=f"they are {other.medium.signal_shape}, and the run's samples "
            f"{model.medium.signal_shape}",
        )


def _spaced(ids: NDArray[np.int64]) -> NDArray[np.int64]:
    """At most ``MOST`` of them, evenly spaced."""
    places: NDArray[np.int64] = ids[spaced(len(ids), MOST).numpy()]
    return places


def _groups(data: GaussianData[Any, Any], ids: NDArray[np.int64]) -> tuple[str, ...]:
    items = data.dataset.items
    return tuple(items[number].group or items[number].name for number in ids.tolist())


def _matched(
    labels: NDArray[np.int64] | None, theirs: tuple[str, ...], ours: tuple[str, ...]
) -> Tensor | None:
    """Class numbers of other data in the run's counting; None if a class is unknown to the run."""
    if labels is None or not set(theirs) <= set(ours):
        return None
    numbers = torch.tensor([ours.index(name) for name in theirs], dtype=torch.int64)
    return numbers[torch.from_numpy(labels)]
