"""Mixing of neighbours: the forms in which it is computed agree."""

from __future__ import annotations

import pytest
import torch

from sfumato.nets.mixing import NEIGHBOURS, LocalMixing

SEGMENTS = torch.tensor([[0] * 9 + [1] * 5 + [2] * 4 + [-1] * 2, [0] * 20, list(range(20))])


@pytest.mark.parametrize("segments", [None, SEGMENTS], ids=["one", "several"])
@pytest.mark.parametrize("offsets", [NEIGHBOURS, (-2, -1, 0)], ids=["both", "before"])
def test_the_form_for_compilers_is_the_same_function(
    segments: torch.Tensor | None, offsets: tuple[int, ...]
) -> None:
    torch.manual_seed(0)
    mixing = LocalMixing(6, offsets).double()
    x = torch.randn(3, 20, 6, dtype=torch.float64, requires_grad=True)
    moved = mixing(x, segments) - x
    summed = mixing._summed(x, segments)
    torch.testing.assert_close(summed, moved)
    toward = torch.randn_like(moved)
    weights = (x, mixing.weight)
    torch.testing.assert_close(
        torch.autograd.grad(summed, weights, toward), torch.autograd.grad(moved, weights, toward)
    )
