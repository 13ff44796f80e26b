"""Ranks, standards and errors, against what they are by definition."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

from sfumato.evaluation.of.view import SetAside
from sfumato.evaluation.score import Reference, Scores, mean_of, ranked

DRAW = np.random.default_rng(0)


def test_the_least_likely_comes_first_and_equals_by_name() -> None:
    given = {"b": np.array([2.0, 2.0]), "c": np.array([1.0, 9.0]), "a": np.array([2.0, 2.0])}
    assert [score.name for score in ranked(given, None)] == ["c", "a", "b"]


def test_an_item_beside_held_out_ones() -> None:
    reference = Reference(np.array([1.0, 2.0, 3.0, 4.0]))
    first, last = ranked({"x": np.array([3.0, 3.0]), "y": np.array([0.0, 1.0])}, reference)
    assert (first.less_likely, last.less_likely) == (2, 4)
    assert first.z == pytest.approx((3.0 - 2.5) / math.sqrt(5 / 3))
    assert last.z == pytest.approx((0.5 - 2.5) / math.sqrt(5 / 3))
    assert first.error == 0
    assert last.error == pytest.approx(0.5)


@pytest.mark.parametrize("bits", [[1.0], [1.0, 1.0]])
def test_held_out_items_that_do_not_differ_are_no_standard(bits: list[float]) -> None:
    [score] = ranked({"x": np.array([3.0])}, Reference(np.array(bits)))
    assert (score.less_likely, score.z, score.error) == (0, None, None)


def test_alone_there_is_nothing_to_stand_beside() -> None:
    [score] = ranked({"x": np.array([3.0, 4.0])}, None)
    assert (score.less_likely, score.z) == (None, None)


@pytest.mark.parametrize("items", [1, 12])
def test_the_mean_s_error_allows_for_items_and_for_the_noise_they_share(items: int) -> None:
    """By drawing both again and again."""
    draws, means, errors = 6, [], []
    for _ in range(3000):
        own = DRAW.normal(2.0, 0.5, (items, 1)) if items > 1 else np.array([[2.0]])
        values = own + DRAW.normal(0, 0.8, draws) + DRAW.normal(0, 0.3, (items, draws))
        mean, error = mean_of(list(values))
        assert error is not None
        means.append(mean)
        errors.append(error)
    assert np.mean(means) == pytest.approx(2.0, abs=0.05)
    # What items do to a draw is in both parts, and counted twice: too much rather than too little.
    assert np.std(means) * 0.95 < math.sqrt(np.mean(np.square(errors))) < np.std(means) * 1.15


def test_a_single_draw_does_not_know_its_error() -> None:
    assert mean_of([np.array([1.0]), np.array([2.0])]) == (1.5, None)


def test_json_is_the_whole_of_it() -> None:
    estimates = {"x": np.array([3.0, 4.0]), "y": np.array([1.0, 1.0])}
    reference = Reference(np.array([1.0, 2.0]))
    mean, error = mean_of(list(estimates.values()))
    found = Scores(
        "bits per dimension", ranked(estimates, reference), mean, error, reference,
        (SetAside("z.png", "damaged"),), ("a note",), {"run": "r", "method": "bound"},
    )  # fmt: skip
    plain = json.loads(json.dumps(found.to_json(), allow_nan=False))
    assert [(item["rank"], item["name"], item["bits"]) for item in plain["items"]] == [
        (1, "x", 3.5), (2, "y", 1.0),
    ]  # fmt: skip
    assert plain["items"][0]["held_out_less_likely"] == 0
    assert plain["items"][0]["standard_error"] == pytest.approx(0.5)
    assert plain["mean"]["bits"] == 2.25
    assert plain["held_out"] == {"count": 2, "mean": 1.5, "deviation": pytest.approx(0.5**0.5)}
    assert plain["set_aside"] == [{"name": "z.png", "reason": "damaged"}]
    assert (plain["run"], plain["notes"]) == ("r", ["a note"])
