from __future__ import annotations

import pytest
import torch
from torch import Tensor

from sfumato.errors import DataError
from sfumato.metrics.frechet import enough_for_frechet, extrapolated_frechet, frechet_distance


def drawn(seed: int, n: int, d: int, shift: float = 0.0, width: float = 1.0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return shift + width * torch.randn(n, d, generator=generator, dtype=torch.float64)


def test_of_sets_with_known_moments_is_that_of_their_gaussians() -> None:
    # Sample variances 2 and 8 with n - 1, means 1 and 4: 3^2 + (sqrt 8 - sqrt 2)^2 = 11.
    a = torch.tensor([[0.0], [2.0]])
    b = torch.tensor([[2.0], [6.0]])
    assert frechet_distance(a, b) == pytest.approx(11.0, rel=1e-12)


def test_covariances_that_do_not_commute() -> None:
    # tr (S T)^(1/2) by the eigenvalues of S T, which is not symmetric.
    a, b = (
        drawn(0, 50, 3),
        drawn(1, 60, 3) @ torch.tensor([[1.0, 2, 0], [0, 1, 1], [3, 0, 1]]).double(),
    )
    product = torch.cov(a.T) @ torch.cov(b.T)
    both = torch.linalg.eigvals(product).real.sqrt().sum()
    apart = (a.mean(0) - b.mean(0)).square().sum()
    expected = apart + torch.cov(a.T).trace() + torch.cov(b.T).trace() - 2 * both
    assert frechet_distance(a, b) == pytest.approx(expected.item(), rel=1e-9)


def test_is_symmetric_and_zero_to_itself() -> None:
    a, b = drawn(0, 40, 4), drawn(1, 50, 4, 0.5, 2.0)
    assert frechet_distance(a, b) == pytest.approx(frechet_distance(b, a), rel=1e-9)
    assert frechet_distance(a, a) == pytest.approx(0, abs=1e-9)


def test_equals_torch_fidelity() -> None:
    fidelity = pytest.importorskip("torch_fidelity.metric_fid")
    a, b = drawn(0, 300, 16), drawn(1, 200, 16, 0.3, 1.5)
    moments = [fidelity.fid_features_to_statistics(x) for x in (a, b)]
    theirs = fidelity.fid_statistics_to_metric(*moments, verbose=False)
    (value,) = theirs.values()
    assert frechet_distance(a, b) == pytest.approx(value, rel=1e-6)


def test_extrapolation_takes_the_bias_away() -> None:
    # Between equal distributions the truth is 0, and with 64 entries 400 items read far more.
    found = extrapolated_frechet(drawn(0, 400, 64), drawn(1, 400, 64))
    assert found.value > 5
    assert abs(found.extrapolated) < found.value / 10


@pytest.mark.slow
def test_interval_covers_the_truth() -> None:
    trials, truth = 120, 8 * 0.5**2
    found = [
        extrapolated_frechet(drawn(2 * t, 200, 8), drawn(2 * t + 1, 200, 8, 0.5), seed=t)
        for t in range(trials)
    ]
    covered = sum(one.low <= truth <= one.high for one in found)
    assert covered >= 0.9 * trials


def test_is_the_same_again() -> None:
    a, b = drawn(0, 60, 4), drawn(1, 60, 4)
    assert extrapolated_frechet(a, b, seed=3) == extrapolated_frechet(a, b, seed=3)


def test_too_few_items_are_said_to_be_too_few() -> None:
    assert enough_for_frechet(2000, 2000, 512) is None
    assert "2,560" in str(enough_for_frechet(2000, 3000, 1280))
    # The interval parts them into ten.
    assert enough_for_frechet(20, 20, 1) is None
    assert "it takes 20" in str(enough_for_frechet(19, 20, 1))


@pytest.mark.parametrize("bad", [torch.zeros(1, 3), torch.full((5, 3), torch.nan)])
def test_refuses_what_has_no_covariance(bad: Tensor) -> None:
    with pytest.raises(DataError):
        frechet_distance(bad, torch.zeros(5, 3))
