"""Grey from colour is the mode ``L`` of Pillow."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image
from pydantic import ValidationError

from sfumato.restoration import Grey


def test_it_is_the_grey_of_pillow_to_the_rounding():
    pixels = np.random.default_rng(0).integers(0, 256, (64, 64, 3)).astype(np.uint8)
    grey = np.array(Image.fromarray(pixels).convert("L"))
    x0 = torch.from_numpy(pixels.astype(np.float64)).permute(2, 0, 1)[None] / 127.5 - 1
    found = (Grey().forward(x0)[0, 0] + 1) * 127.5
    assert (found - torch.from_numpy(grey)).abs().max() < 0.51


def test_two_channels_of_a_sound_become_their_mean():
    x0 = torch.tensor([[[1.0, 2.0], [3.0, -2.0]]])
    assert Grey(weights=(0.5, 0.5)).forward(x0).tolist() == [[[2.0, 0.0]]]


@pytest.mark.parametrize("weights", [(), (0.5, 0.4), (float("nan"), 1.0)])
def test_weights_sum_to_one(weights):
    with pytest.raises(ValidationError):
        Grey(weights=weights)
