from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from sfumato.errors import DataError
from sfumato.metrics import kernel_distance as module
from sfumato.metrics.kernel_distance import (
    GaussianKernel,
    Kernel,
    KernelDistance,
    PolynomialKernel,
    kernel_distance,
)

DRAWS = 400


def draws(
    kernel: Kernel,
    shift: float,
    scale: float,
    dimension: int,
    n: int,
    m: int,
    times: int = DRAWS,
) -> list[KernelDistance]:
    """Between N(0, 1) and N((shift, 0, 0, ...), scale^2), again and again."""
    rng = torch.Generator().manual_seed(7)
    found = []
    for _ in range(times):
        a = torch.randn(n, dimension, generator=rng)
        b = scale * torch.randn(m, dimension, generator=rng)
        b[:, 0] += shift
        found.append(kernel_distance(a, b, kernel))
    return found


def true_gaussian(width: float, shift: float, scale: float, dimension: int) -> float:
    """A Gaussian convolved with Gaussians is one."""

    def mean(variance: float, distance: float) -> float:
        total = width**2 + variance
        return (width**2 / total) ** (dimension / 2) * math.exp(-(distance**2) / (2 * total))

    return mean(2, 0) + mean(2 * scale**2, 0) - 2 * mean(1 + scale**2, shift)


def true_polynomial(shift: float, scale: float, dimension: int) -> float:
    """The squared differences of all moments up to the third."""
    d = dimension
    first = shift**2
    # Of the shifted coordinate, and of each other one.
    second = (scale**2 + shift**2 - 1) ** 2 + (d - 1) * (scale**2 - 1) ** 2
    # E[b b b] of the shifted one, and three times shift * scale^2 with each other one.
    third = (shift**3 + 3 * shift * scale**2) ** 2 + 3 * (d - 1) * (shift * scale**2) ** 2
    return 3 * first / d + 3 * second / d**2 + third / d**3


CASES = [
    pytest.param(PolynomialKernel(), 0.0, 1.0, 6, 0.0, id="polynomial, equal"),
    pytest.param(PolynomialKernel(), 0.8, 1.2, 6, true_polynomial(0.8, 1.2, 6), id="polynomial"),
    pytest.param(GaussianKernel(1.4), 0.0, 1.0, 1, 0.0, id="Gaussian, equal"),
    pytest.param(GaussianKernel(2.0), 0.0, 1.0, 4, 0.0, id="Gaussian, equal, 4"),
    pytest.param(
        GaussianKernel(2.0), 0.3, 1.0, 4, true_gaussian(2.0, 0.3, 1.0, 4), id="Gaussian, near"
    ),
    pytest.param(
        GaussianKernel(8.0), 0.3, 1.2, 32, true_gaussian(8.0, 0.3, 1.2, 32), id="Gaussian, far"
    ),
]


@pytest.mark.parametrize(("kernel", "shift", "scale", "dimension", "true"), CASES)
def test_the_estimate_is_unbiased_and_the_interval_covers(
    kernel: Kernel, shift: float, scale: float, dimension: int, true: float
) -> None:
    found = draws(kernel, shift, scale, dimension, 100, 70)
    values = torch.tensor([each.value for each in found], dtype=torch.float64)
    error = values.std().item() / math.sqrt(DRAWS)
    assert values.mean().item() == pytest.approx(true, abs=4 * error)
    assert any(each.value < true for each in found)
    covered = sum(each.low <= true <= each.high for each in found) / DRAWS
    assert covered >= 0.93
    # The half of the misses that would call equal sets different.
    assert sum(each.low > true for each in found) / DRAWS <= 0.045
    # An interval that always covers is no use: here it is not three times as wide as it has to be.
    width = sum(each.high - each.low for each in found) / DRAWS
    assert width < 3 * 2 * 1.96 * values.std().item()


@pytest.mark.parametrize("confidence", [0.5, 0.8, 0.99])
def test_far_sets_have_a_normal_interval(confidence: float) -> None:
    rng = torch.Generator().manual_seed(1)
    a, b = torch.randn(500, 8, generator=rng), torch.randn(500, 8, generator=rng) + 1
    found = kernel_distance(a, b, GaussianKernel(4.0), confidence)
    again = kernel_distance(a, b, GaussianKernel(4.0), 0.95)
    assert found.value == again.value
    wider = (found.high - found.low) / (again.high - again.low)
    normal = torch.special.ndtri(torch.tensor((1 + confidence) / 2)).item() / 1.96
    assert wider == pytest.approx(normal, rel=0.15)


def test_any_confidence_surrounds_the_estimate() -> None:
    for found in draws(GaussianKernel(1.4), 0.1, 1.0, 1, 20, 30, times=20):
        assert found.low < found.value < found.high
    a, b = torch.randn(20, 1), torch.randn(30, 1)
    least = kernel_distance(a, b, GaussianKernel(1.4), 0.01)
    assert least.low < least.value < least.high


def test_more_items_make_it_surer() -> None:
    few, many = (draws(GaussianKernel(2.0), 1.5, 1.0, 4, n, n, times=1)[0] for n in (100, 400))
    # Four times as many: half the error.
    ratio = (many.high - many.low) / (few.high - few.low)
    assert ratio == pytest.approx(0.5, rel=0.2)


@pytest.mark.parametrize("kernel", [PolynomialKernel(), GaussianKernel(1.5)])
def test_order_does_not_matter(kernel: Kernel) -> None:
    rng = torch.Generator().manual_seed(2)
    a, b = torch.randn(30, 3, generator=rng), torch.randn(20, 3, generator=rng) * 2
    found = kernel_distance(a, b, kernel)
    assert kernel_distance(b, a, kernel) == pytest.approx(found)
    mixed = kernel_distance(
        a[torch.randperm(30, generator=rng)], b[torch.randperm(20, generator=rng)], kernel
    )
    assert mixed == pytest.approx(found)


@pytest.mark.parametrize("entries", [1, 50, 70, 1000])
def test_pieces_do_not_matter(entries: int, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = torch.Generator().manual_seed(3)
    a, b = torch.randn(13, 3, generator=rng), torch.randn(31, 3, generator=rng) + 1
    whole = kernel_distance(a, b, GaussianKernel(2.0))
    monkeypatch.setattr(module, "_ENTRIES", entries)
    assert kernel_distance(a, b, GaussianKernel(2.0)) == pytest.approx(whole, rel=1e-12)


def test_three_items_by_hand() -> None:
    # The kernel counts pairs of equal items: 1/3 of those within a, all in b, 2/3 across.
    def same(x: Tensor, y: Tensor) -> Tensor:
        return (x == y.T).double()

    a, b = torch.tensor([[1.0], [1.0], [0.0]]), torch.ones(3, 1)
    assert kernel_distance(a, b, same).value == pytest.approx(1 / 3 + 1 - 4 / 3)


def test_a_set_and_itself() -> None:
    a = torch.randn(50, 4, generator=torch.Generator().manual_seed(4))
    found = kernel_distance(a, a, GaussianKernel(2.0))
    assert found.low < found.value < 0
    still = torch.ones(5, 2)
    assert kernel_distance(still, still, PolynomialKernel()) == (0, 0, 0)


def test_a_far_offset_loses_nothing() -> None:
    rng = torch.Generator().manual_seed(5)
    a, b = torch.randn(40, 3, generator=rng).double(), torch.randn(40, 3, generator=rng).double()
    found = kernel_distance(a, b + 0.5, GaussianKernel(2.0))
    assert kernel_distance(a + 1e6, b + 1e6 + 0.5, GaussianKernel(2.0)) == pytest.approx(
        found, rel=1e-6
    )


def test_the_bandwidth_is_the_median_distance() -> None:
    corners = torch.tensor([[0.0, 0.0], [3.0, 0.0], [0.0, 4.0]])
    assert GaussianKernel.of(corners).bandwidth == 4
    rng = torch.Generator().manual_seed(6)
    many = torch.randn(5000, 2, generator=rng)
    # The distance of two normal points is sqrt(2) times one of Rayleigh's law.
    expected = 2 * math.sqrt(math.log(2))
    assert GaussianKernel.of(many).bandwidth == pytest.approx(expected, rel=0.03)


@pytest.mark.parametrize(
    "reference",
    [torch.zeros(10, 2), torch.zeros(1, 2), torch.zeros(0, 2), torch.full((4, 2), math.inf)],
)
def test_what_has_no_bandwidth(reference: Tensor) -> None:
    with pytest.raises(DataError, match="no bandwidth"):
        GaussianKernel.of(reference)


@pytest.mark.parametrize("bandwidth", [0.0, -1.0, math.inf, math.nan])
def test_a_bandwidth_is_positive(bandwidth: float) -> None:
    with pytest.raises(ValueError, match="positive"):
        GaussianKernel(bandwidth)


def test_bad_features() -> None:
    good = torch.randn(5, 2)
    with pytest.raises(DataError, match="three items"):
        kernel_distance(good, good[:2], PolynomialKernel())
    with pytest.raises(DataError, match="not finite"):
        kernel_distance(good * math.nan, good, PolynomialKernel())


def test_equals_torch_fidelity() -> None:
    """Its kernel distance of two sets of equal size, as in published figures."""
    fidelity = pytest.importorskip("torch_fidelity.metric_kid")
    rng = torch.Generator().manual_seed(0)
    a, b = (
        torch.randn(200, 16, generator=rng, dtype=torch.float64) * scale for scale in (1.0, 1.2)
    )
    theirs = fidelity.kernel_mmd(a.numpy(), b.numpy())
    assert kernel_distance(a, b, PolynomialKernel()).value == pytest.approx(theirs, rel=1e-6)
