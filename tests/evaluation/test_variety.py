from __future__ import annotations

from sfumato.evaluation.report import Figure
from sfumato.evaluation.seen import Rivals, Seen
from sfumato.evaluation.variety import variety
from sfumato.metrics.diversity import manifold, repeated_share
from tests.evaluation.clouds import cloud, seen

GROUPS = list(map(str, range(180)))


def figures(features: Seen, groups: list[str] = GROUPS) -> dict[str, Figure]:
    rivals = Rivals.of(groups, len(features.samples), 0)
    return {figure.key: figure for figure in variety(features, rivals).figures}


def value(figure: Figure) -> float:
    assert figure.value is not None
    return figure.value


def beside(figure: Figure) -> float:
    assert figure.real is not None
    return figure.real


def test_samples_of_the_same_law_read_like_real_items() -> None:
    found = figures(seen(cloud(90, 1)))
    assert set(found) == {"precision", "recall", "density", "coverage", "vendi", "repeated"}
    for key in ("precision", "recall", "coverage"):
        assert abs(value(found[key]) - beside(found[key])) < 0.15
    assert abs(value(found["vendi"]) / beside(found["vendi"]) - 1) < 0.3
    assert found["precision"].n == (90, 90)


def test_a_collapsed_model_is_precise_and_recalls_little() -> None:
    found = figures(seen(0.05 * cloud(90, 1)))
    assert value(found["precision"]) == 1
    assert value(found["recall"]) < 0.1
    assert value(found["coverage"]) < 0.5 * beside(found["coverage"])
    assert value(found["vendi"]) < 0.5 * beside(found["vendi"])
    assert value(found["repeated"]) > 0.9
    assert beside(found["repeated"]) < 0.05


def test_noise_is_not_precise() -> None:
    found = figures(seen(10 * cloud(90, 1)))
    assert value(found["precision"]) < 0.05
    assert value(found["density"]) < 0.05


def test_both_are_held_against_the_same_others() -> None:
    features = seen(cloud(40, 1))
    rivals = Rivals.of(GROUPS, 40, 0)
    beside_both = features.real[rivals.beside]
    theirs = features.real[rivals.instead]
    found = figures(features)
    assert found["precision"].value == manifold(features.samples, beside_both).precision.mean
    assert found["precision"].real == manifold(theirs, beside_both).precision.mean
    assert found["repeated"].value == repeated_share(features.samples, theirs).mean


def test_more_samples_than_rivals_are_cut_to_as_many() -> None:
    found = figures(seen(cloud(150, 1)))
    assert found["precision"].n == (90, 90)
    assert found["vendi"].n == (90,)


def test_few_are_flagged_and_fewer_refused() -> None:
    found = figures(seen(cloud(30, 1)))
    assert found["recall"].flag == "only 30 on one side: the balls are coarse"
    found = figures(seen(cloud(9, 1)))
    assert set(found) == {"precision"}
    assert found["precision"].value is None
    assert found["precision"].flag == "9 samples against 171 real items: both need 10"


def test_one_group_is_no_two_sides() -> None:
    found = figures(seen(cloud(90, 1)), ["one"] * 180)
    assert found["precision"].value is None
