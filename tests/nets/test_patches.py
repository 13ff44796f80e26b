"""Patches: an exact inverse pair, and a clear refusal of odd sizes."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from sfumato.errors import SettingError
from sfumato.nets.layers import gather_patches, grid, scatter_patches


@pytest.mark.parametrize("sides", [(8,), (4, 8), (4, 8, 12)])
@pytest.mark.parametrize("patch", [1, 2, 4])
def test_scatter_undoes_gather(sides: tuple[int, ...], patch: int) -> None:
    x = torch.randn(2, 3, *sides)
    patches = gather_patches(x, patch)
    assert patches.shape == (2, 3 * patch ** len(sides), *(side // patch for side in sides))
    assert torch.equal(scatter_patches(patches, patch), x)


def test_in_two_axes_it_is_the_pixel_unshuffle() -> None:
    x = torch.randn(2, 3, 8, 6)
    assert torch.equal(gather_patches(x, 2), F.pixel_unshuffle(x, 2))


def test_a_patch_keeps_its_cells_together() -> None:
    signal = torch.arange(6.0).reshape(1, 1, 6)
    assert gather_patches(signal, 3).squeeze(0).T.tolist() == [[0, 1, 2], [3, 4, 5]]


def test_an_odd_side_is_named() -> None:
    with pytest.raises(SettingError, match="size 8×7") as caught:
        gather_patches(torch.zeros(1, 1, 8, 7), 2)
    assert "multiples of 2" in caught.value.hint


def test_the_grid_is_row_major() -> None:
    assert grid((2, 3)).tolist() == [[0, 0], [0, 1], [0, 2], [1, 0], [1, 1], [1, 2]]
