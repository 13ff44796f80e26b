from __future__ import annotations

import torch

from sfumato.evaluation.seen import Rivals, Seen, Sets, see, spaced


class Sums:
    name, identity, dimension = "sums", "1" * 16, 1

    def __call__(self, items: torch.Tensor) -> torch.Tensor:
        return items.sum(1, keepdim=True)


def test_three_sets_are_looked_at_alike() -> None:
    sets = [torch.full((count, 2), float(count)) for count in (2, 3, 4)]
    found = see(Sums(), Sets(*sets), lambda items: items + 1)
    assert (found.name, found.identity) == ("sums", "1" * 16)
    assert found.samples.flatten().tolist() == [6.0] * 2
    assert found.real.flatten().tolist() == [8.0] * 3 + [10.0] * 4


def test_rivals_divide_no_group() -> None:
    groups = [str(number // 3) for number in range(60)]
    found = Rivals.of(groups, 20, seed=0)
    assert len(found.instead) == 20
    ours = {groups[number] for number in found.instead.tolist()}
    theirs = {groups[number] for number in found.beside.tolist()}
    assert not ours & theirs
    # The group that the cut went through belongs to neither.
    assert len(found.beside) in (38, 39, 40)


def test_rivals_are_at_most_half_of_the_real_items_and_as_many_as_the_samples() -> None:
    groups = list(map(str, range(30)))
    assert len(Rivals.of(groups, 100, seed=0).instead) == 15
    assert len(Rivals.of(groups, 4, seed=0).instead) == 4
    assert len(Rivals.of(groups, 4, seed=0).beside) == 26


def test_rivals_follow_the_seed() -> None:
    groups = list(map(str, range(30)))
    first, again, other = (Rivals.of(groups, 10, seed).instead.tolist() for seed in (0, 0, 1))
    assert first == again != other


def test_one_group_leaves_nothing_to_compare_with() -> None:
    found = Rivals.of(["one"] * 10, 10, seed=0)
    assert len(found.beside) == 0


def test_without_real_items_there_are_no_rivals() -> None:
    found = Rivals.of([], 10, seed=0)
    assert (len(found.instead), len(found.beside)) == (0, 0)


def test_all_real_items_are_training_items_first() -> None:
    found = Seen("x", "0" * 16, torch.zeros(1, 1), torch.ones(2, 1), torch.full((1, 1), 2.0))
    assert found.real.flatten().tolist() == [1.0, 1.0, 2.0]


def test_indices_are_evenly_spaced() -> None:
    assert spaced(10, 5).tolist() == [0, 2, 4, 6, 8]
    assert spaced(3, 5).tolist() == [0, 1, 2]
    assert spaced(0, 5).tolist() == []
