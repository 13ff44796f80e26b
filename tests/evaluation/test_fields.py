from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from sfumato.conditioning.label import Label
from sfumato.evaluation.fields import Shown, _Field, unseen_combinations
from sfumato.metrics.classes import Classifier

KINDS = ("bird", "cat", "kite")


def features(numbers: Tensor, seed: int) -> Tensor:
    """Clouds far apart along the first axis."""
    found = torch.randn(len(numbers), 6, generator=torch.Generator().manual_seed(seed))
    found[:, 0] += 8 * numbers
    return found


def shown(numbers: Tensor, seed: int, asked: Tensor | None = None) -> Shown:
    values: list[Any] = [{"species": KINDS[at]} for at in (numbers if asked is None else asked)]
    return Shown(features(numbers, seed), values)


@pytest.fixture
def field() -> _Field:
    label = Label(classes=KINDS)
    training = torch.arange(150) % 3
    return _Field("species", label, Classifier.fit(features(training, 1), training + 1), 0)


def test_samples_that_obey_reach_real_items(field: _Field) -> None:
    numbers = torch.arange(90) % 3
    right, wrong = field.figures(shown(numbers, 2), shown(numbers, 3), shown(numbers[:0], 4), [])
    assert (right.key, right.value, right.real, right.n) == ("species", 1, 1, (90,))
    assert right.low is not None
    assert right.low < 1
    assert wrong.key == "species/shuffled"
    assert wrong.low < 1 / 3 < wrong.high  # type: ignore[operator]


def test_samples_that_do_not_obey_reach_chance(field: _Field) -> None:
    asked = torch.arange(300) % 3
    random = torch.randint(3, (300,), generator=torch.Generator().manual_seed(5))
    right, _ = field.figures(shown(random, 2, asked), shown(asked, 3), shown(asked[:0], 4), [])
    assert right.low < 1 / 3 < right.high  # type: ignore[operator]
    assert right.real == 1


def test_samples_without_the_label_do_not_count(field: _Field) -> None:
    numbers = torch.arange(9) % 3
    some = Shown(features(numbers, 2), [{}] * 6 + [{"species": KINDS[at]} for at in numbers[6:]])
    right, _ = field.figures(some, some, shown(numbers[:0], 4), [])
    assert (right.value, right.n) == (1, (3,))
    nothing = Shown(features(numbers, 2), [{}] * 9)
    right, _ = field.figures(nothing, some, shown(numbers[:0], 4), [])
    assert right.value is None
    assert right.flag is not None


def test_unseen_combinations_stand_beside_real_items_with_them(field: _Field) -> None:
    numbers = torch.tensor([0, 1, 2, 2])
    held_out = Shown(
        features(torch.tensor([0, 1, 0, 2]), 3),
        [{"species": KINDS[at], "colour": "red"} for at in numbers],
    )
    new = shown(torch.tensor([2, 2, 2, 0]), 6, torch.tensor([2, 2, 2, 2]))
    unseen = [{"species": "kite", "colour": "red"}]
    _, right, _ = field.figures(shown(numbers, 2), held_out, new, unseen)
    assert (right.key, right.value, right.real) == ("species/unseen", 0.75, 0.5)


def test_combinations_that_only_held_out_items_have() -> None:
    names = ("species", "colour")
    known = [
        {"species": "cat", "colour": "red"},
        {"species": "bird", "colour": "blue"},
        {"species": "kite"},
    ]
    held_out = [
        {"species": "cat", "colour": "red"},
        {"species": "cat", "colour": "blue"},
        {"species": "cat", "colour": "blue"},
        {"species": "fish", "colour": "red"},  # Never learnt.
        {"species": "bird"},
    ]
    expected = [{"species": "cat", "colour": "blue"}]
    assert unseen_combinations(names, known, held_out) == expected
    assert unseen_combinations(names[:1], known, held_out) == []
