"""JPEG compression as an operator: its transform, and data moved into the cells of a file."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from sfumato.errors import SettingError
from sfumato.restoration import JPEG, jpeg_of

F64 = torch.float64
ONES = (1,) * 64


def data(shape: tuple[int, ...], seed: int) -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(seed).normal(0, 0.4, shape)).clamp(-1, 1)


def test_a_constant_block_has_a_mean_and_nothing_else():
    values = JPEG(tables=(ONES,), sides=(8, 8)).forward(torch.full((1, 1, 8, 8), 0.5))
    wanted = torch.zeros(1, 64)
    wanted[0, 0] = 8 * 127.5 * 0.5
    torch.testing.assert_close(values, wanted, rtol=0, atol=1e-3)


def test_the_transform_keeps_lengths_and_grey_has_no_chroma():
    x0 = data((2, 1, 16, 24), 0)
    values = JPEG(tables=(ONES,), sides=(16, 24)).forward(x0)
    torch.testing.assert_close(
        values.square().sum(1), (127.5 * x0).square().sum((1, 2, 3)), rtol=1e-12, atol=0
    )
    colour = JPEG(tables=(ONES,) * 3, sides=(16, 24), subsampling=(2, 2))
    grey = colour.forward(x0.expand(-1, 3, -1, -1))
    torch.testing.assert_close(grey[:, : 16 * 24], values)
    torch.testing.assert_close(grey[:, 16 * 24 :], torch.zeros(2, 2 * 8 * 16, dtype=F64))


@pytest.mark.parametrize(("sides", "rest"), [((32, 48), 1e-9), ((24, 40), 0.03), ((29, 43), 0.03)])
def test_data_are_moved_into_the_cells(sides, rest):
    operator = jpeg_of(60, sides)
    x0 = data((1, 3, *sides), 1)
    values = operator.observed(x0)
    assert operator.excess(x0, values).abs().max() < 1e-9
    guess = x0 + 0.1 * data((2, 3, *sides), 2)
    before = operator.excess(guess, values).abs().amax(1)
    moved = operator.projected(guess, values)
    assert (operator.excess(moved, values).abs().amax(1) <= rest * before).all()
    assert (before > 5).all()
    # It comes nearer to the data that were observed.
    assert ((moved - x0).square().sum((1, 2, 3)) < (guess - x0).square().sum((1, 2, 3))).all()
    assert torch.equal(operator.projected(x0, values), x0)


@pytest.mark.parametrize(
    ("shape", "words"),
    [((1, 16, 16), "colour picture of 24 x 16"), ((3, 24, 16), "24 x 16"), ((3, 16), "24 x 16")],
)
def test_data_of_another_shape_are_refused(shape, words):
    with pytest.raises(SettingError, match=words):
        jpeg_of(50, (16, 24)).require(shape)


def test_a_grey_file_of_a_colour_picture_names_the_operator_to_use():
    with pytest.raises(SettingError, match="put the operator Grey before it"):
        jpeg_of(50, (16, 24), channels=1).require((3, 16, 24))


@pytest.mark.parametrize(
    "settings",
    [
        {"tables": (ONES, ONES), "sides": (8, 8)},
        {"tables": (ONES[:-1],), "sides": (8, 8)},
        {"tables": ((0,) * 64,), "sides": (8, 8)},
        {"tables": (ONES,), "sides": (8, 8), "subsampling": (2, 2)},
        {"tables": (ONES,), "sides": (8, 5000)},
        {"tables": (ONES,) * 3, "sides": (8, 8), "subsampling": (3, 1)},
    ],
)
def test_settings_that_no_file_has_are_refused(settings):
    with pytest.raises(ValidationError):
        JPEG(**settings)
