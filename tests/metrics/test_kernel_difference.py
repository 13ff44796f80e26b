from __future__ import annotations

import pytest
import torch
from torch import Tensor

from sfumato.errors import DataError
from sfumato.metrics import kernel_distance as sums
from sfumato.metrics.kernel_difference import kernel_difference
from sfumato.metrics.kernel_distance import (
    GaussianKernel,
    Kernel,
    PolynomialKernel,
    kernel_distance,
)


def sets(n: int, m: int, d: int = 3) -> tuple[Tensor, Tensor, Tensor]:
    rng = torch.Generator().manual_seed(1)
    a, c, real = (torch.randn(k, d, generator=rng) for k in (n, n, m))
    return a + 0.5, c, real


@pytest.mark.parametrize("kernel", [PolynomialKernel(), GaussianKernel(1.5)])
@pytest.mark.parametrize("less", [0, 7])
def test_it_is_the_difference_of_the_distances(kernel: Kernel, less: int) -> None:
    a, c, real = sets(40, 30)
    a = a[less:]
    expected = kernel_distance(a, real, kernel).value - kernel_distance(c, real, kernel).value
    found = kernel_difference(a, c, real, kernel)
    assert found.value == pytest.approx(expected, abs=1e-12)
    assert found.low < found.value < found.high
    back = kernel_difference(c, a, real, kernel)
    assert back == pytest.approx((-found.value, -found.high, -found.low), abs=1e-12)


def test_what_pairs_share_cancels() -> None:
    a, c, real = sets(100, 80)
    kernel = GaussianKernel(2.0)
    near = a + 0.01 * c
    paired = kernel_difference(a, near, real, kernel)
    # One item more, and the pairs are not told.
    alone = kernel_difference(a, torch.cat([near, near[:1]]), real, kernel)
    assert paired.high - paired.low < 0.05 * (alone.high - alone.low)
    assert kernel_difference(a, a, real, kernel) == (0, 0, 0)


def test_pairs_and_order() -> None:
    a, c, real = sets(30, 20)
    kernel = GaussianKernel(2.0)
    found = kernel_difference(a, c, real, kernel)
    order = torch.randperm(30, generator=torch.Generator().manual_seed(2))
    mixed = kernel_difference(a[order], c[order], real.flip(0), kernel)
    assert mixed == pytest.approx(found)
    parted = kernel_difference(a[order], c, real, kernel)
    assert parted.value == pytest.approx(found.value)
    assert parted.high != pytest.approx(found.high, rel=1e-6)


def test_more_confidence_is_wider() -> None:
    a, c, real = sets(30, 20)
    found = [kernel_difference(a, c, real, GaussianKernel(2.0), p) for p in (0.5, 0.95, 0.99)]
    widths = [each.high - each.low for each in found]
    # Quantiles of the normal law.
    assert widths[1] / widths[0] == pytest.approx(1.95996 / 0.67449, rel=1e-4)
    assert widths[2] / widths[1] == pytest.approx(2.57583 / 1.95996, rel=1e-4)


@pytest.mark.parametrize("entries", [1, 50, 1000])
def test_pieces_do_not_matter(entries: int, monkeypatch: pytest.MonkeyPatch) -> None:
    a, c, real = sets(13, 31)
    kernel = GaussianKernel(2.0)
    whole = [kernel_difference(a, part, real, kernel) for part in (c, c[2:])]
    monkeypatch.setattr(sums, "_ENTRIES", entries)
    cut = [kernel_difference(a, part, real, kernel) for part in (c, c[2:])]
    for one, other in zip(whole, cut, strict=True):
        assert other == pytest.approx(one, rel=1e-11)


def test_bad_features() -> None:
    good = torch.randn(5, 2)
    with pytest.raises(DataError, match="three items"):
        kernel_difference(good[:2], good[:2], good, PolynomialKernel())
    with pytest.raises(DataError, match="not finite"):
        kernel_difference(good, good, good * torch.nan, PolynomialKernel())
