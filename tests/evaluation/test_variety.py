from __future__ import annotations

from sfumato.evaluation.features import Features
from sfumato.evaluation.result import Figure
from sfumato.evaluation.variety import RealSplit, variety_section
from sfumato.metrics.diversity import manifold, repeated_share
from tests.evaluation.clouds import cloud, features_of

GROUPS = list(map(str, range(180)))


def figures(features: Features, groups: list[str] = GROUPS) -> dict[str, Figure]:
    rivals = RealSplit.of(groups, len(features.samples), 0)
    return {figure.key: figure for figure in variety_section(features, rivals).figures}


def value(figure: Figure) -> float:
    assert figure.value is not None
    return figure.value


def beside(figure: Figure) -> float:
    assert figure.real is not None
    return figure.real


def test_samples_of_the_same_law_read_like_real_items() -> None:
    found = figures(features_of(cloud(90, 1)))
    assert set(found) == {"precision", "recall", "density", "coverage", "vendi", "repeated"}
    for key in ("precision", "recall", "coverage"):
        assert abs(value(found[key]) - beside(found[key])) < 0.15
    assert abs(value(found["vendi"]) / beside(found["vendi"]) - 1) < 0.3
    assert found["precision"].n == (90, 90)


def test_a_collapsed_model_is_precise_and_recalls_little() -> None:
    found = figures(features_of(0.05 * cloud(90, 1)))
    assert value(found["precision"]) == 1
    assert value(found["recall"]) < 0.1
    assert value(found["coverage"]) < 0.5 * beside(found["coverage"])
    assert value(found["vendi"]) < 0.5 * beside(found["vendi"])
    assert value(found["repeated"]) > 0.9
    assert beside(found["repeated"]) < 0.05


def test_noise_is_not_precise() -> None:
    found = figures(features_of(10 * cloud(90, 1)))
    assert value(found["precision"]) < 0.05
    assert value(found["density"]) < 0.05


def test_both_are_held_against_the_same_others() -> None:
    features = features_of(cloud(40, 1))
    rivals = RealSplit.of(GROUPS, 40, 0)
    beside_both = features.real[rivals.reference]
    theirs = features.real[rivals.stand_ins]
    found = figures(features)
    assert found["precision"].value == manifold(features.samples, beside_both).precision.mean
    assert found["precision"].real == manifold(theirs, beside_both).precision.mean
    assert found["repeated"].value == repeated_share(features.samples, theirs).mean


def test_more_samples_than_rivals_are_cut_to_as_many() -> None:
    found = figures(features_of(cloud(150, 1)))
    assert found["precision"].n == (90, 90)
    assert found["vendi"].n == (90,)


def test_few_are_flagged_and_fewer_refused() -> None:
    found = figures(features_of(cloud(30, 1)))
    assert found["recall"].flag == "one of the sets has only 30 items: the estimate is coarse"
    found = figures(features_of(cloud(9, 1)))
    assert set(found) == {"precision"}
    assert found["precision"].value is None
    assert found["precision"].flag == "9 samples and 171 real items: at least 10 of both are needed"


def test_one_group_is_no_two_sides() -> None:
    found = figures(features_of(cloud(90, 1)), ["one"] * 180)
    assert found["precision"].value is None


def test_rivals_divide_no_group() -> None:
    groups = [str(number // 3) for number in range(60)]
    found = RealSplit.of(groups, 20, seed=0)
    assert len(found.stand_ins) == 20
    ours = {groups[number] for number in found.stand_ins.tolist()}
    theirs = {groups[number] for number in found.reference.tolist()}
    assert not ours & theirs
    # The group that the cut went through belongs to neither.
    assert len(found.reference) in (38, 39, 40)


def test_rivals_are_at_most_half_of_the_real_items_and_as_many_as_the_samples() -> None:
    groups = list(map(str, range(30)))
    assert len(RealSplit.of(groups, 100, seed=0).stand_ins) == 15
    assert len(RealSplit.of(groups, 4, seed=0).stand_ins) == 4
    assert len(RealSplit.of(groups, 4, seed=0).reference) == 26


def test_rivals_follow_the_seed() -> None:
    groups = list(map(str, range(30)))
    first, again, other = (RealSplit.of(groups, 10, seed).stand_ins.tolist() for seed in (0, 0, 1))
    assert first == again != other


def test_one_group_leaves_nothing_to_compare_with() -> None:
    found = RealSplit.of(["one"] * 10, 10, seed=0)
    assert len(found.reference) == 0


def test_without_real_items_there_are_no_rivals() -> None:
    found = RealSplit.of([], 10, seed=0)
    assert (len(found.stand_ins), len(found.reference)) == (0, 0)
