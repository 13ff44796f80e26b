from __future__ import annotations

import pytest
import torch
from torch import Tensor

from sfumato.errors import DataError
from sfumato.metrics.manifold import manifold, radii


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
