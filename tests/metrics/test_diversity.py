from __future__ import annotations

import pytest
import torch

from sfumato.errors import DataError
from sfumato.metrics.diversity import repeated_share, vendi_score
from sfumato.metrics.kernel_distance import GaussianKernel, PolynomialKernel


def test_counts_kinds_that_do_not_resemble_each_other() -> None:
    kinds = 1000.0 * torch.eye(4).repeat(5, 1)
    assert vendi_score(kinds, GaussianKernel(1.0)) == pytest.approx(4.0, rel=1e-9)


def test_uneven_kinds_count_for_less() -> None:
    # Shares 3/4 and 1/4: the exponential of their entropy.
    kinds = 1000.0 * torch.eye(2)[[0, 0, 0, 1]]
    expected = (0.75**-0.75) * (0.25**-0.25)
    assert vendi_score(kinds, GaussianKernel(1.0)) == pytest.approx(expected, rel=1e-9)


def test_refuses_a_kernel_that_is_not_one_on_the_diagonal() -> None:
    with pytest.raises(ValueError, match="has to be 1"):
        vendi_score(torch.randn(5, 3), PolynomialKernel())
    with pytest.raises(DataError):
        vendi_score(torch.zeros(0, 3), GaussianKernel(1.0))


def test_real_items_repeat_as_they_do_and_collapsed_ones_throughout() -> None:
    generator = torch.Generator().manual_seed(0)
    real, others = torch.randn(2, 500, 8, generator=generator)
    assert repeated_share(real, real).mean == pytest.approx(0.01, abs=0.002)
    assert repeated_share(others, real).high < 0.06
    assert repeated_share(others[:50].repeat(10, 1), real).mean == 1.0


def test_repeats_are_compared_between_sets_of_one_size() -> None:
    with pytest.raises(ValueError, match="held against"):
        repeated_share(torch.zeros(3, 2), torch.zeros(4, 2))
