"""The real items that samples are compared with."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Generic, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from sfumato.conditioning.condition import Value
from sfumato.conditioning.registry import values_of
from sfumato.errors import DataError
from sfumato.evaluation.features import evenly_spaced
from sfumato.evaluation.result import Split
from sfumato.media.facts import last_part
from sfumato.media.number_data import NumberData
from sfumato.media.text.library import Library
from sfumato.media.text.medium import TextData
from sfumato.media.text.rows import RowBatch, Rows
from sfumato.metrics.kernel_distance import LEAST
from sfumato.model.model import Model
from sfumato.model.numbers import NumberModel
from sfumato.model.tokens import TokenModel
from sfumato.runs.progress import Progress
from sfumato.training.data import elsewhere, found_at, reopened

MOST = 20_000
"""At most this many training items, and this many held-out items, are used: evenly spaced ones."""
# Training texts for each sample.
_TRAINING_TEXTS = 8
# Tokens of a document that are decoded at a time.
_PIECE = 1 << 22
ItemsT = TypeVar("ItemsT")
Tokens = NDArray[np.int64]
Values = Mapping[str, Value]


@dataclass(frozen=True)
class Real(Generic[ItemsT]):
    """The real items of a run, as the medium reads them.

    Attributes:
        training: Items that the model was trained on: M items.
        held_out: Items that the model has never seen: m items.
        training_labels: Class numbers, int64, shape (M,), -1 for items without a label; None
            without classes.
        held_out_labels: The same for the held-out items, shape (m,).
        groups: Group of each item, training items first: near-duplicates share a group.
        split: Where the items come from, for the report.
        left_out: Number of training items that are not among these.
        training_values: Values of the conditions of the training items, by the names of the
            conditions, M mappings; empty for a run without conditions.
        held_out_values: The same for the held-out items.
    """

    training: ItemsT
    held_out: ItemsT
    training_labels: Tensor | None
    held_out_labels: Tensor | None
    groups: tuple[str, ...]
    split: Split
    left_out: int
    training_values: tuple[Values, ...] = field(default=(), kw_only=True)
    held_out_values: tuple[Values, ...] = field(default=(), kw_only=True)


@dataclass(frozen=True)
class RealTexts(Real[list[str]]):
    """Real texts that are as long as the samples.

    The first half of ``held_out`` has the lengths of the first samples, and so has the second half,
    so that the two can be compared with each other. ``training`` holds several texts for each
    sample if there are enough of them.

    Attributes:
        data: The data of the run.
        unseen: Rows that the model has never seen.
    """

    data: TextData
    unseen: Rows


def require_enough(model: Model[Any], real: Real[Any]) -> None:
    """Refuse a run with hardly any training items, before minutes are spent on samples.

    Raises:
        DataError: There are fewer than three training items, to which no distance can be measured.
    """
    if real.split.training < LEAST:
        raise DataError(
            f"The run '{model.directory.name}' cannot be evaluated.",
            why=f"it was trained on {real.split.training} items, and at least {LEAST} are needed "
            "to compare samples with",
            hint="train on more items; some hundred are needed for meaningful figures.",
        )


def real_numbers(
    model: NumberModel, source: str | None
) -> Generator[Progress, None, Real[NDArray[Any]]]:
    """The real items of a run on a medium of numbers; yields progress.

    Args:
        model: Model of the run.
        source: A folder, or a name in the catalogue, whose items take the place of the held-out
            items. If it holds the data of the run itself, the held-out items are those of the run.

    Raises:
        DataError: The data are gone, or contain nothing that can be used.
        RunError: The data are not those that the run was started with.
    """
    data = yield from reopened(model.directory, model.spec, NumberData, source, known_first=True)
    own = items_of(data)
    if source is None or found_at(data.facts, source):
        return own
    other = yield from elsewhere(model.directory, model.spec, source, NumberData)
    _require_shape(model, other, source)
    chosen = _limited(np.arange(len(other.dataset), dtype=np.int64))
    items, labels = other.dataset.gather(chosen)
    # A group of the other data has nothing to do with one of the same name in the run's data.
    names = tuple(f"{source}/{name}" for name in _groups(other, chosen))
    return replace(
        own,
        held_out=items,
        held_out_labels=_renumbered(labels, other.dataset.classes, data.dataset.classes),
        held_out_values=_values(other, chosen),
        groups=(*own.groups[: len(own.training)], *names),
        split=replace(own.split, held_out=len(items), held_out_source=last_part(source)),
    )


def items_of(data: NumberData) -> Real[NDArray[Any]]:
    """The real items of data: at most ``MOST`` training items and as many held-out items."""
    training, held_out = _limited(data.training), _limited(data.held_out)
    known, known_labels = data.dataset.gather(training)
    unseen, unseen_labels = data.dataset.gather(held_out)
    return Real(
        known,
        unseen,
        None if known_labels is None else torch.from_numpy(known_labels),
        None if unseen_labels is None else torch.from_numpy(unseen_labels),
        (*_groups(data, training), *_groups(data, held_out)),
        Split(data.facts.name, len(known), len(unseen), None, data.facts.fingerprint),
        len(data.training) - len(known),
        training_values=_values(data, training),
        held_out_values=_values(data, held_out),
    )


def _values(data: NumberData, ids: NDArray[np.int64]) -> tuple[Values, ...]:
    if not data.conditions:
        return ()
    return tuple(values_of(data.conditions, data.dataset.items[int(number)]) for number in ids)


def real_texts(
    model: TokenModel, source: str | None, lengths: Sequence[int]
) -> Generator[Progress, None, RealTexts]:
    """Real texts that are as long as the samples; yields progress.

    Args:
        model: Model of the run.
        source: A folder, a file, or a name in the catalogue, whose texts take the place of the
            held-out texts. If it holds the data of the run itself, they are those of the run.
        lengths: Number of tokens of each sample.

    Raises:
        DataError: The data are gone, or contain nothing that can be used.
        RunError: The data are not those that the run was started with.
    """
    data = yield from reopened(model.directory, model.spec, TextData, source, known_first=True)
    if source is not None and found_at(data.facts, source):
        source = None
    unseen = data.held_out
    if source is not None:
        unseen = (yield from elsewhere(model.directory, model.spec, source, TextData)).training
    # A window of a text may cut characters, which samples never do.
    count, decode = len(lengths), data.tokenizer.text
    pieces = pieces_of(unseen.fixed(2 * count)) if len(unseen) else []
    wanted = list(lengths[: len(pieces) // 2])
    held_out = [decode(piece) for piece in matched(pieces, wanted * 2)]
    known = pieces_of(data.training.fixed(_TRAINING_TEXTS * count))
    times = min(_TRAINING_TEXTS, len(known) // count)
    # If there are fewer training texts than samples, all of them are used as they are.
    chosen = matched(known, list(lengths) * times) if times else known
    training = [decode(piece) for piece in chosen]
    groups = tuple(str(number) for number in range(len(training) + len(held_out)))
    facts = data.facts
    elsewhere_from = None if source is None else last_part(source)
    split = Split(facts.name, len(data.training), len(unseen), elsewhere_from, facts.fingerprint)
    return RealTexts(training, held_out, None, None, groups, split, 0, data, unseen)


def pieces_of(rows: RowBatch) -> list[Tokens]:
    """The texts in some rows, each as its tokens."""
    return [
        tokens[segments == number]
        for tokens, segments in zip(rows.tokens, rows.segments, strict=True)
        for number in range(segments.max() + 1)
    ]


def matched(pieces: Sequence[Tokens], lengths: Sequence[int]) -> list[Tokens]:
    """For each length a different piece, cut to that length.

    The largest length is served first. It gets the shortest piece that is long enough, or else the
    longest piece that is left.

    Args:
        pieces: At least as many pieces as there are lengths.
        lengths: Lengths in tokens.
    """
    left = sorted(pieces, key=len)
    sizes = [len(piece) for piece in left]
    found: dict[int, Tokens] = {}
    for place in sorted(range(len(lengths)), key=lambda place: -lengths[place]):
        at = min(bisect_left(sizes, lengths[place]), len(left) - 1)
        found[place] = left.pop(at)[: lengths[place]]
        del sizes[at]
    return [found[place] for place in range(len(lengths))]


def corpus(library: Library, overlap: int) -> Iterator[str]:
    """All training text, document by document.

    Args:
        library: The documents.
        overlap: Long documents come in pieces that share at least this number of characters, so
            that no passage of at most this length is cut in two.
    """
    training, _ = library.split()
    # A character has at most four tokens.
    common = 4 * overlap
    for number in training.tolist():
        tokens: NDArray[Any] = library.document(number)
        for begin in range(0, max(len(tokens) - common, 1), _PIECE):
            yield library.tokenizer.decode(tokens[begin : begin + _PIECE + common])


def _require_shape(model: NumberModel, other: NumberData, source: str) -> None:
    if other.medium.signal_shape != model.medium.signal_shape:
        raise DataError(
            f"The items of '{source}' do not have the shape of the run's samples.",
            why=f"they have the shape {other.medium.signal_shape}, and the samples "
            f"{model.medium.signal_shape}",
        )


def _limited(ids: NDArray[np.int64]) -> NDArray[np.int64]:
    """At most ``MOST`` of the indices, evenly spaced."""
    chosen: NDArray[np.int64] = ids[evenly_spaced(len(ids), MOST).numpy()]
    return chosen


def _groups(data: NumberData, ids: NDArray[np.int64]) -> tuple[str, ...]:
    items = data.dataset.items
    return tuple(items[number].group or items[number].name for number in ids.tolist())


def _renumbered(
    labels: NDArray[np.int64] | None, theirs: tuple[str, ...], ours: tuple[str, ...]
) -> Tensor | None:
    """Class numbers of other data in the order of the run; None if the run lacks one of them."""
    if labels is None or not set(theirs) <= set(ours):
        return None
    # The last place is that of items without a label, whose number is -1.
    numbers = torch.tensor([*(ours.index(name) for name in theirs), -1], dtype=torch.int64)
    return numbers[torch.from_numpy(labels)]
