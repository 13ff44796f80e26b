from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from sfumato.errors import DataError
from sfumato.metrics.image_input import check, extract_features, resized, rgb


def test_rgb_of_each_kind() -> None:
    grey = torch.tensor([0, 100, 255], dtype=torch.uint8).reshape(1, 1, 1, 3)
    assert rgb(grey).equal(grey.float().repeat(1, 3, 1, 1))
    colour = torch.arange(12, dtype=torch.uint8).reshape(1, 3, 2, 2)
    assert rgb(colour).equal(colour.float())
    # Clear, whole, and one fifth.
    cover = torch.tensor([0, 255, 51], dtype=torch.uint8).reshape(1, 1, 1, 3)
    black = torch.cat([torch.zeros(1, 3, 1, 3, dtype=torch.uint8), cover], 1)
    assert rgb(black)[0, 1, 0].tolist() == pytest.approx([255, 0, 204])


def test_resizing_keeps_flat_areas_and_range() -> None:
    half = torch.zeros(1, 1, 8, 8)
    half[..., 4:] = 255
    large = resized(half, 40, 40)
    assert large.min() == 0
    assert large.max() == 255
    assert large[..., :10].max() < 30
    assert resized(half, 8, 8) is half
    # Free of aliasing: stripes one pixel wide become their mean.
    stripes = torch.tensor([0.0, 255.0]).repeat(64).expand(1, 1, 128, 128)
    assert resized(stripes, 16, 16)[..., 2:-2].numpy() == pytest.approx(127.5, abs=3)


def test_pieces_are_put_together() -> None:
    pictures = np.arange(5 * 64, dtype=np.uint8).reshape(5, 1, 8, 8)
    pictures.setflags(write=False)
    sizes = []

    def extract(part: Tensor) -> Tensor:
        sizes.append(len(part))
        return part.double().mean((2, 3))

    found = extract_features(pictures, extract, 1, 2)
    assert sizes == [2, 2, 1]
    assert found.dtype == torch.float32
    assert found[:, 0].tolist() == pictures.mean((1, 2, 3)).tolist()
    found.requires_grad_()  # Inference tensors refuse.
    assert extract_features(pictures[:0], extract, 1, 2).shape == (0, 1)


@pytest.mark.parametrize(
    ("shape", "dtype"),
    [
        ((2, 3, 8, 8), np.float32),
        ((2, 2, 8, 8), np.uint8),
        ((2, 8, 8, 3), np.uint8),
        ((3, 8, 8), np.uint8),
        ((2, 3, 7, 8), np.uint8),
        ((2, 3, 8, 7), np.uint8),
    ],
)
def test_no_pictures(shape: tuple[int, ...], dtype: type) -> None:
    with pytest.raises(DataError, match="not hold images"):
        check(np.zeros(shape, dtype))
