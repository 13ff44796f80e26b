"""The small parts that backbones share."""

from __future__ import annotations

import pytest
import torch

from sfumato.nets.layers import ACTIVATIONS, Mlp
from sfumato.nets.specs import TransformerSpec


def test_the_squared_relu_is_zero_below_and_a_square_above() -> None:
    x = torch.tensor([-2.0, -0.0, 0.5, 3.0])
    assert ACTIVATIONS["squared-relu"](x).tolist() == [0.0, 0.0, 0.25, 9.0]


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_a_spec_chooses_the_activation_of_every_block(name: str) -> None:
    spec = TransformerSpec(patch=4, dim=16, depth=2, heads=1, activation=name)
    mlps = [part for part in spec.build(3, (8, 8)).modules() if isinstance(part, Mlp)]
    assert [mlp.activation for mlp in mlps] == [ACTIVATIONS[name]] * 2
