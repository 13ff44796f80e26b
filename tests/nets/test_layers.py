"""The small parts that backbones share; the forms of mixing neighbours agree."""

from __future__ import annotations

import pytest
import torch

from sfumato.nets.layers import ACTIVATIONS, NEIGHBOURS, LocalMixing, Mlp
from sfumato.nets.specs import TransformerSpec


def test_the_squared_relu_is_zero_below_and_a_square_above() -> None:
    x = torch.tensor([-2.0, -0.0, 0.5, 3.0])
    assert ACTIVATIONS["squared-relu"](x).tolist() == [0.0, 0.0, 0.25, 9.0]


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_a_spec_chooses_the_activation_of_every_block(name: str) -> None:
    spec = TransformerSpec(patch=4, dim=16, depth=2, heads=1, activation=name)
    mlps = [part for part in spec.build(3, (8, 8)).modules() if isinstance(part, Mlp)]
    assert [mlp.activation for mlp in mlps] == [ACTIVATIONS[name]] * 2


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
    summed = mixing._sum(x, segments)
    torch.testing.assert_close(summed, moved)
    toward = torch.randn_like(moved)
    weights = (x, mixing.weight)
    torch.testing.assert_close(
        torch.autograd.grad(summed, weights, toward), torch.autograd.grad(moved, weights, toward)
    )
