from __future__ import annotations

import pytest
import torch
from torch import Tensor

from sfumato.errors import DataError
from sfumato.metrics.diversity import manifold, radii, repeated_share, vendi_score
from sfumato.metrics.kernel_distance import GaussianKernel, PolynomialKernel


def drawn(seed: int, n: int, d: int, shift: float = 0.0) -> Tensor:
    return shift + torch.randn(n, d, generator=torch.Generator().manual_seed(seed))


def test_by_hand_on_a_line() -> None:
    real = torch.tensor([[0.0], [1.0], [3.0]])  # Radii with k = 1: 1, 1, 2.
    samples = torch.tensor([[0.5], [4.5], [100.0]])  # Radii: 4, 4, 95.5.
    found = manifold(samples, real, k=1)
    assert radii(real, 1).tolist() == [1.0, 1.0, 2.0]
    assert found.precision.mean == pytest.approx(2 / 3)  # 100 is in no ball.
    assert found.density.mean == pytest.approx((2 + 1 + 0) / 3)
    assert found.recall.mean == 1.0
    assert found.coverage.mean == 1.0


def test_a_set_against_itself_is_covered() -> None:
    x = drawn(0, 100, 4)
    found = manifold(x, x)
    assert found.precision.mean == found.recall.mean == found.coverage.mean == 1


def test_sets_far_apart_have_nothing_in_common() -> None:
    found = manifold(drawn(0, 100, 4), drawn(1, 100, 4, 1000.0))
    assert (found.precision.mean, found.density.mean, found.coverage.mean) == (0, 0, 0)


def test_a_missing_kind_lowers_recall_and_coverage_and_not_precision() -> None:
    kinds = torch.cat([drawn(0, 200, 4), drawn(1, 200, 4, 50.0)])
    whole = manifold(torch.cat([drawn(2, 200, 4), drawn(3, 200, 4, 50.0)]), kinds)
    half = manifold(drawn(4, 400, 4), kinds)
    assert half.recall.mean < whole.recall.mean - 0.3
    assert half.coverage.mean < whole.coverage.mean - 0.3
    assert half.precision.mean > whole.precision.mean - 0.1


def test_equals_prdc() -> None:
    prdc = pytest.importorskip("prdc")
    a, b = drawn(0, 300, 8), drawn(1, 200, 8, 0.3)
    theirs = prdc.compute_prdc(b.double().numpy(), a.double().numpy(), 5)
    found = manifold(a, b, 5)
    for name, value in theirs.items():
        assert getattr(found, name).mean == pytest.approx(value, rel=1e-6)


@pytest.mark.parametrize("few", [torch.zeros(5, 2), torch.full((9, 2), torch.inf)])
def test_refuses_too_few_and_what_is_not_finite(few: Tensor) -> None:
    with pytest.raises(DataError):
        manifold(few, drawn(0, 20, 2))


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
    with pytest.raises(ValueError, match="cannot be compared with"):
        repeated_share(torch.zeros(3, 2), torch.zeros(4, 2))
