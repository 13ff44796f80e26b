from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from sfumato.evaluation.classes import Classification, classify
from sfumato.evaluation.features import Features
from sfumato.evaluation.real import Real
from sfumato.evaluation.result import Figure, Split
from tests.evaluation.clouds import cloud

NAMES = ("left", "middle", "right")


def of_classes(labels: Tensor, seed: int) -> Tensor:
    """Clouds far apart along the first axis."""
    features = cloud(len(labels), seed)
    features[:, 0] += 8 * labels
    return features


def real(training: Tensor | None, held_out: Tensor | None) -> Real:
    split = Split("made up", 0, 0, None, "0" * 16)
    nothing = np.empty(0)
    return Real(nothing, nothing, training, held_out, (), split, 0)


def verdicts(
    samples: Tensor, asked: Tensor | None, known: Tensor | None = None, unseen: int = 60
) -> Classification:
    training = torch.arange(120) % 3 if known is None else known
    held_out = torch.arange(unseen) % 3
    features = Features(
        "made up", "0" * 16, samples, of_classes(training, 100), of_classes(held_out, 101)
    )
    return classify(features, asked, real(training, held_out), NAMES)


def figures(found: Classification) -> dict[str, Figure]:
    (section,) = found.sections
    return {figure.key: figure for figure in section.figures}


def counted(numbers: Sequence[int]) -> Tensor:
    return torch.cat([torch.full((count,), label) for label, count in enumerate(numbers)])


def test_samples_of_their_classes() -> None:
    asked = torch.arange(90) % 3
    found = verdicts(of_classes(asked, 1), asked)
    rows = figures(found)
    assert rows["in_class"].value == 1
    assert rows["in_class"].low is not None
    assert rows["in_class"].low < 1
    assert rows["in_class"].real == 1
    assert rows["balance"].value == 0
    assert found.correct is not None
    assert found.correct.all()
    assert [rows[f"class/{name}"].value for name in NAMES] == [1, 1, 1]
    assert [rows[f"class/{name}"].real for name in NAMES] == [1, 1, 1]
    assert [rows[f"class/{name}"].n for name in NAMES] == [(30,)] * 3


def test_samples_of_an_unknown_class_are_left_out() -> None:
    asked = torch.arange(90) % 3
    partly = torch.where(torch.arange(90) < 30, -1, asked)
    found = verdicts(of_classes(asked, 1), partly)
    rows = figures(found)
    assert rows["in_class"].value == 1
    assert rows["in_class"].n == (60,)
    assert rows["balance"].value == 0
    assert verdicts(of_classes(asked, 1), torch.full((90,), -1)) == Classification((), None)


def test_one_class_that_comes_out_as_another() -> None:
    asked = counted([30, 30, 40])
    made = torch.where(asked == 1, 0, asked)
    found = verdicts(of_classes(made, 1), asked)
    rows = figures(found)
    assert rows["in_class"].value == 0.7
    # Thirty of a hundred would have to be of another class.
    assert rows["balance"].value is not None
    assert abs(rows["balance"].value - 0.3) < 1e-9
    assert [rows[f"class/{name}"].value for name in NAMES] == [1, 0, 1]
    assert found.correct is not None
    assert found.correct.equal(asked != 1)


def test_without_classes_nothing_is_classified() -> None:
    assert verdicts(cloud(5, 1), None) == Classification((), None)


def test_of_one_class_there_is_nothing_to_tell_apart() -> None:
    """The others can be held out as a whole."""
    asked = torch.zeros(5, dtype=torch.int64)
    assert verdicts(cloud(5, 1), asked, torch.zeros(9, dtype=torch.int64)) == Classification(
        (), None
    )


def test_without_held_out_items_no_judge_is_judged() -> None:
    asked = torch.arange(9) % 3
    rows = figures(verdicts(of_classes(asked, 1), asked, unseen=0))
    assert rows["in_class"].value == 1
    assert rows["in_class"].real is None
    assert rows["class/left"].real is None


def test_a_class_that_was_not_asked_for_has_no_row() -> None:
    asked = torch.zeros(9, dtype=torch.int64)
    rows = figures(verdicts(of_classes(asked, 1), asked))
    assert {key for key in rows if key.startswith("class/")} == {"class/left"}
