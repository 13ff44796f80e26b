"""Random projections: addressed by their seed, with directions of about the length 1."""

from __future__ import annotations

import pytest
import torch

from sfumato.errors import SettingError
from sfumato.restoration import Projection


def test_a_direction_depends_on_the_seed_and_its_number_alone():
    x0 = torch.randn(2, 3, 4, 5, generator=torch.Generator().manual_seed(0))
    few, many = (Projection(rows=n, seed=7).forward(x0) for n in (3, 20))
    torch.testing.assert_close(few, many[:, :3])
    assert len(set(many[0].tolist())) == 20
    assert not torch.allclose(few, Projection(rows=3, seed=8).forward(x0))


def test_directions_are_independent_and_keep_the_length_of_data():
    units = torch.eye(900, dtype=torch.float64).reshape(900, 1, 30, 30)
    rows = Projection(rows=300, seed=1).forward(units).mT
    products = rows @ rows.mT
    assert (products.diagonal() - 1).abs().max() < 0.25  # About five of its deviations.
    assert abs(products.diagonal().mean() - 1) < 0.01
    apart = products - products.diagonal().diag()
    assert abs(apart.square().sum() / (300 * 299) * 900 - 1) < 0.02


def test_what_does_not_fit_into_memory_is_refused_before_it_is_made():
    with pytest.raises(SettingError, match="too large"):
        Projection(rows=2**26).forward(torch.zeros(1, 1, 64, 64))
