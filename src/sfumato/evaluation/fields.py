"""Whether samples show the labels that were requested as conditions, such as species and colour."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from sfumato.conditioning.condition import Value
from sfumato.conditioning.label import Label
from sfumato.evaluation.captions import others
from sfumato.evaluation.features import Features, evenly_spaced
from sfumato.evaluation.of.view import Samples, View
from sfumato.evaluation.real import Real
from sfumato.evaluation.result import Figure, Section
from sfumato.metrics.classes import Classifier
from sfumato.metrics.extractor import Extractor
from sfumato.metrics.interval import share_interval
from sfumato.runs.progress import Progress

_MOST_COMBINATIONS, _MOST_SAMPLES = 16, 256
_ABOUT = (
    "Share of samples in which a classifier, trained on the features of the training items, "
    "recognises the label that was requested. The column 'real' is the same for held-out items, so "
    "it shows how reliable the classifier is. A combination is unseen if no training item has its "
    "labels together, though some have each of them. With the labels of other samples it is the "
    "share that agrees by chance. Conditions that are numbers are not measured."
)
Values = Mapping[str, Value]


class Shown(NamedTuple):
    """Items, and the labels that they should show.

    Attributes:
        features: Shape (n, d).
        values: The values of the conditions of each.
    """

    features: Tensor
    values: Sequence[Values]


def field_sections(
    view: View,
    extract: Extractor[Any],
    features: Features,
    samples: Samples,
    real: Real[Any],
) -> Generator[Progress, None, list[Section]]:
    """Measure the labels among the conditions of a run; yields progress.

    Args:
        view: The view of a model.
        extract: Extractor of the features.
        features: Features of samples and of real items.
        samples: Samples, with the values that were requested in their provenance.
        real: The real items, with the values of their conditions.

    Returns:
        A section; none for a run without such conditions.
    """
    labels = {
        name: each for name, each in view.model.spec.conditions.items() if isinstance(each, Label)
    }
    if not labels:
        return []
    known = Shown(features.training, real.training_values)
    held_out = Shown(features.held_out, real.held_out_values)
    made = Shown(features.samples, [origin.conditions or {} for origin in samples.provenance])
    unseen = unseen_combinations([*labels], known.values, held_out.values)
    new = yield from _of_combinations(view, extract, unseen)
    figures: list[Figure] = []
    for name, label in labels.items():
        numbers = label.rows([one.get(name) for one in known.values])
        if len(numbers[numbers > 0].unique()) > 1:  # type: ignore[no-untyped-call]
            judge = Classifier.fit(known.features[numbers > 0], numbers[numbers > 0])
            found = _Field(name, label, judge, view.options.seed)
            figures += found.figures(made, held_out, new, unseen)
    if not figures:
        return []
    return [Section("fields", "labels", _ABOUT, tuple(figures), features.identity)]


def unseen_combinations(
    names: Sequence[str], known: Sequence[Values], held_out: Sequence[Values]
) -> list[Values]:
    """Combinations of labels that only held-out items have, in order, each once.

    Args:
        names: The labels; one alone makes no combination.
        known: Values of the training items.
        held_out: Values of the held-out items.
    """
    if len(names) < 2:
        return []
    seen = {tuple(str(one.get(name)) for name in names) for one in known}
    each = [{str(one.get(name)) for one in known} for name in names]
    found: dict[tuple[str, ...], Values] = {}
    for one in held_out:
        key = tuple(str(one.get(name)) for name in names)
        familiar = all(value in values for value, values in zip(key, each, strict=True))
        if key not in seen and familiar and all(name in one for name in names):
            found.setdefault(key, {name: one[name] for name in names})
    return list(found.values())


class _Field(NamedTuple):
    """A label with a classifier of it."""

    name: str
    label: Label
    judge: Classifier
    seed: int

    def figures(
        self, made: Shown, held_out: Shown, new: Shown, unseen: Sequence[Values]
    ) -> Iterator[Figure]:
        """Figures of samples, of samples with unseen combinations, and of wrong labels."""
        yield self._figure(self.name, self.name, made, held_out)
        if unseen:
            names = [*unseen[0]]
            keys = {tuple(one[name] for name in names) for one in unseen}
            rows = [
                row
                for row, one in enumerate(held_out.values)
                if tuple(one.get(name) for name in names) in keys
            ]
            theirs = Shown(held_out.features[rows], [held_out.values[row] for row in rows])
            key, title = f"{self.name}/unseen", f"{self.name}, unseen combinations"
            yield self._figure(key, title, new, theirs)
        key, title = f"{self.name}/shuffled", f"{self.name} of other samples"
        yield self._figure(key, title, self._wrong(made), self._wrong(held_out))

    def _figure(self, key: str, title: str, shown: Shown, beside: Shown) -> Figure:
        right, n = self._recognised(shown)
        real_right, real_n = self._recognised(beside)
        real = real_right / real_n if real_n else None
        if not n:
            return Figure(key, title, None, real=real, n=(n,), flag="no sample was requested")
        return Figure(key, title, *share_interval(right, n), real, (n,), ".1%")

    def _recognised(self, shown: Shown) -> tuple[int, int]:
        """In how many items the label is recognised, and how many have one."""
        numbers = self.label.rows([one.get(self.name) for one in shown.values])
        has = numbers > 0
        right = self.judge(shown.features[has]) == numbers[has]
        return int(right.sum()), int(has.sum())

    def _wrong(self, shown: Shown) -> Shown:
        """The items that have a label, each with that of another one, which may be equal."""
        rows = [row for row, one in enumerate(shown.values) if self.name in one]
        values = [shown.values[rows[other]] for other in others(len(rows), self.seed).tolist()]
        return Shown(shown.features[rows], values)


def _of_combinations(
    view: View, extract: Extractor[Any], unseen: Sequence[Values]
) -> Generator[Progress, None, Shown]:
    """Samples with some unseen combinations, evenly spaced, as many of each."""
    chosen = [unseen[at] for at in evenly_spaced(len(unseen), _MOST_COMBINATIONS).tolist()]
    each = max(1, min(view.request.n, _MOST_SAMPLES) // max(len(chosen), 1))
    parts, values = [torch.empty(0)], []
    for number, one in enumerate(chosen):
        request = view.request_of(each, label=None, conditions=dict(one), first=number * each)
        what = f"sampling with unseen labels {number + 1} of {len(chosen)}"
        samples = yield from view.sample(request, what)
        parts.append(extract(view.prepare(samples.items)))
        values += [one] * each
    return Shown(torch.cat(parts[1:] or parts), values)
