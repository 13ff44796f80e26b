from __future__ import annotations

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from sfumato.model.blend import Blend
from sfumato.restoration.mask import Mask


def test_weights_of_a_series_grow_evenly_from_the_first_sample() -> None:
    blend = Blend(conditions={"words": "b"}, first=10, count=5)
    weights = blend.weights(range(10, 15), (8, 8))
    assert weights.dtype == torch.float32
    assert weights.tolist() == [0, 0.25, 0.5, 0.75, 1]
    assert blend.weights([12], (8, 8)).tolist() == [0.5]
    assert blend.weights([3, 99], (8, 8)).tolist() == [0, 1]


def test_a_series_has_one_noise() -> None:
    assert list(Blend(conditions={}, first=10, count=5).noise(range(11, 14))) == [10, 10, 10]


def test_a_region_has_the_second_set() -> None:
    pixels = np.zeros((4, 6), np.bool_)
    pixels[1:3, 2:5] = True
    blend = Blend(conditions={"words": "b"}, region=Mask.of(torch.from_numpy(pixels)))
    weights = blend.weights([7, 8, 9], (4, 6))
    assert weights.shape == (3, 1, 4, 6)
    assert torch.equal(weights[1, 0].bool(), torch.from_numpy(pixels))
    assert list(blend.noise([7, 8, 9])) == [7, 8, 9]


def test_it_is_read_back_from_plain_data() -> None:
    blend = Blend(conditions={"words": "b", "price": 3.0}, first=1, count=3)
    assert Blend.model_validate_json(blend.model_dump_json()) == blend


@pytest.mark.parametrize("change", [{"count": 1}, {"first": -1}, {"count": 10**9}])
def test_forged_figures_are_refused(change: dict[str, int]) -> None:
    with pytest.raises(ValidationError):
        Blend(conditions={}, **change)  # type: ignore[arg-type]
