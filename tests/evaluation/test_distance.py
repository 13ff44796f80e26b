from __future__ import annotations

import pytest

from sfumato.evaluation import distance as distance_module
from sfumato.evaluation import features as features_module
from sfumato.evaluation.distance import distance_section
from sfumato.evaluation.result import Figure, Section
from sfumato.metrics.kernel_distance import GaussianKernel, kernel_distance
from tests.evaluation.clouds import cloud, features_of

GROUPS = tuple(map(str, range(180)))


def figures(section: Section) -> dict[str, Figure]:
    return {figure.key: figure for figure in section.figures}


def test_samples_of_the_same_law_are_as_near_as_real_items() -> None:
    found = figures(distance_section(features_of(cloud(150, 1)), GROUPS, 0))
    assert set(found) == {"held_out", "training", "real", "halves", "halves_95", "frechet"}
    held_out, halves = found["held_out"], found["halves_95"]
    assert held_out.value is not None
    assert held_out.low is not None
    assert held_out.high is not None
    assert halves.value is not None
    assert held_out.low < 0 < held_out.high
    assert held_out.value < 3 * halves.value
    assert held_out.n == (150, 60)
    assert held_out.flag is None


def test_samples_of_another_law_are_far() -> None:
    found = figures(distance_section(features_of(cloud(150, 1, centre=1.0)), GROUPS, 0))
    assert found["held_out"].low is not None
    assert found["halves_95"].value is not None
    assert found["held_out"].low > 5 * found["halves_95"].value
    assert found["frechet"].low is not None
    # The squared distance of the means is 6, and no covariance differs.
    assert found["frechet"].value == pytest.approx(6, abs=1)
    assert found["frechet"].flag is not None
    assert "extrapolated" in found["frechet"].flag


def test_they_are_kernel_distances_times_a_hundred() -> None:
    features = features_of(cloud(40, 1))
    kernel = GaussianKernel.of(features.training)
    found = figures(distance_section(features, GROUPS, 0))
    for key, real in (("held_out", features.held_out), ("training", features.training)):
        expected = kernel_distance(features.samples, real, kernel)
        assert found[key].value == pytest.approx(100 * expected.value)
        assert found[key].high == pytest.approx(100 * expected.high)
    expected = kernel_distance(features.held_out, features.training, kernel)
    assert found["held_out"].real == found["real"].value == pytest.approx(100 * expected.value)


def test_halves_divide_no_group() -> None:
    """Of two groups every division is the same one."""
    features = features_of(cloud(40, 1))
    found = figures(distance_section(features, [str(number % 2) for number in range(180)], 0))
    kernel = GaussianKernel.of(features.training)
    expected = 100 * kernel_distance(features.real[0::2], features.real[1::2], kernel).value
    assert found["halves"].value == pytest.approx(expected)
    assert found["halves_95"].value == pytest.approx(expected)


def test_of_one_group_there_are_no_halves() -> None:
    assert "halves" not in figures(distance_section(features_of(cloud(40, 1)), ["one"] * 180, 0))


def test_halves_follow_the_seed_and_nothing_else_does() -> None:
    features = features_of(cloud(40, 1))
    first, again, other = (figures(distance_section(features, GROUPS, seed)) for seed in (0, 0, 1))
    assert first == again
    assert first["halves"] != other["halves"]
    assert first["held_out"] == other["held_out"]


def test_two_held_out_items_are_too_few_for_a_distance() -> None:
    found = figures(distance_section(features_of(cloud(40, 1), held_out=2), GROUPS[:122], 0))
    assert found["held_out"].value is None
    assert found["held_out"].flag == "2 held-out items are too few to measure a distance to"
    assert "real" not in found
    assert found["training"].value is not None


def test_few_items_are_flagged() -> None:
    found = figures(distance_section(features_of(cloud(20, 1)), GROUPS, 0))
    assert found["held_out"].flag == "one of the sets has only 20 items: the interval is wide"


def test_a_frechet_distance_of_too_few_is_refused() -> None:
    found = figures(distance_section(features_of(cloud(5, 1)), GROUPS, 0))
    assert found["frechet"].value is None
    assert found["frechet"].flag


def test_of_many_real_items_evenly_spaced_ones_count(monkeypatch: pytest.MonkeyPatch) -> None:
    features = features_of(cloud(40, 1))
    whole = figures(distance_section(features, GROUPS, 0))
    for module in (distance_module, features_module):
        monkeypatch.setattr(module, "MOST_PAIRED", 60)
    features = features_of(cloud(40, 1))
    found = figures(distance_section(features, GROUPS, 0))
    assert found["training"].n == (40, 60)
    assert found["halves"].n == (30, 30)
    # What is held out is never thinned, and the kernel is another one.
    assert found["held_out"].n == whole["held_out"].n
