"""Block means and resampling, against Pillow and against means by hand."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image

from sfumato.errors import SettingError
from sfumato.restoration import Mean, Resample

FILTERS = {
    "box": Image.Resampling.BOX,
    "bilinear": Image.Resampling.BILINEAR,
    "hamming": Image.Resampling.HAMMING,
    "bicubic": Image.Resampling.BICUBIC,
    "lanczos": Image.Resampling.LANCZOS,
}
SIZES = [(16, 24), (10, 7), (5, 31), (1, 1), (40, 45), (33, 24)]


@pytest.mark.parametrize("name", FILTERS)
@pytest.mark.parametrize("size", SIZES, ids=str)
def test_it_is_what_pillow_does_without_rounding(name, size):
    values = np.random.default_rng(0).normal(size=(32, 48)).astype(np.float32)
    wanted = Image.fromarray(values, "F").resize(size[::-1], FILTERS[name])
    found = Resample(sides=size, filter=name).forward(torch.from_numpy(values)[None, None])
    torch.testing.assert_close(found[0, 0], torch.tensor(np.asarray(wanted)), rtol=0, atol=2e-6)


@pytest.mark.parametrize("name", FILTERS)
def test_a_picture_that_was_shrunk_is_explained_to_the_rounding(name):
    pixels = np.random.default_rng(1).integers(60, 190, (48, 40, 3)).astype(np.uint8)
    small = np.array(Image.fromarray(pixels).resize((13, 12), FILTERS[name]))
    x0 = torch.from_numpy(pixels).permute(2, 0, 1)[None] / 127.5 - 1
    found = (Resample(sides=(12, 13), filter=name).forward(x0) + 1) * 127.5
    # Pillow rounds to eight bits after the columns and after the rows.
    wrong = (found[0] - torch.from_numpy(small).permute(2, 0, 1)).abs()
    assert wrong.max() < 1.3 and wrong.mean() < 0.4


def test_the_size_for_a_factor_is_the_nearest():
    assert Resample.by(4, (64, 64)).sides == (16, 16)
    assert Resample.by(3, (64, 50), "lanczos").sides == (21, 17)
    assert Resample.by(100, (64,)).sides == (1,)
    with pytest.raises(SettingError):
        Resample.by(0, (64,))


def test_a_block_is_replaced_by_its_mean():
    x0 = torch.arange(24.0).reshape(1, 1, 4, 6)
    assert Mean(factor=2).forward(x0)[0, 0].tolist() == [[3.5, 5.5, 7.5], [15.5, 17.5, 19.5]]
    assert Mean(factor=3).forward(torch.arange(6.0)[None, None]).tolist() == [[[1.0, 4.0]]]


def test_a_block_mean_is_the_box_filter_of_a_whole_factor():
    x0 = torch.randn(2, 3, 12, 18, dtype=torch.float64, generator=torch.Generator().manual_seed(2))
    same = Resample(sides=(4, 6), filter="box").forward(x0)
    torch.testing.assert_close(Mean(factor=3).forward(x0), same)
