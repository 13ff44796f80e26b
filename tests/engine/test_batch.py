from __future__ import annotations

from dataclasses import dataclass

import pytest
import torch
from torch import Tensor

from sfumato.engine.batch import size, split, tensors_of, to_device


@dataclass(frozen=True)
class Example:
    x0: Tensor
    cond: dict[str, Tensor]
    step: int


def example(n: int) -> Example:
    return Example(torch.arange(n), {"label": torch.arange(n) * 10}, step=5)


def test_parts_put_together_are_the_batch() -> None:
    parts = split(example(10), 4)
    assert [size(part) for part in parts] == [3, 3, 3, 1]
    assert torch.equal(torch.cat([part.x0 for part in parts]), torch.arange(10))
    assert torch.equal(torch.cat([p.cond["label"] for p in parts]), torch.arange(10) * 10)
    assert {part.step for part in parts} == {5}


def test_more_parts_than_samples_is_one_each() -> None:
    assert [size(part) for part in split(example(2), 5)] == [1, 1]


def test_trees_keep_their_types_when_moved() -> None:
    tree = [(torch.ones(2), None), {"a": "name"}]
    moved = to_device(tree, torch.device("meta"))
    assert isinstance(moved[0], tuple)
    assert moved[1] == {"a": "name"}
    assert [t.device.type for t in tensors_of(moved)] == ["meta"]


@pytest.mark.parametrize("tree", [(), {"n": 3}, (torch.ones(2), torch.ones(3))])
def test_a_batch_without_one_size_is_refused(tree: object) -> None:
    with pytest.raises(ValueError, match="agree on one size"):
        size(tree)
