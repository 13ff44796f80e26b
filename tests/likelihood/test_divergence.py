"""Probes, against traces of matrices."""

from __future__ import annotations

import math

import pytest
import torch

from sfumato.likelihood import Exact, Hutchinson
from sfumato.likelihood.divergence import EXACT_UP_TO, suited

F64 = torch.float64
JACOBIANS = torch.randn(400, 6, 6, dtype=F64, generator=torch.Generator().manual_seed(0))


def estimates(probes: torch.Tensor) -> torch.Tensor:
    """``v . J v`` of every probe, shape (P, B)."""
    flat = probes.flatten(2).double()
    return torch.einsum("pbi,bij,pbj->pb", flat, JACOBIANS, flat)


TRACES = JACOBIANS.diagonal(dim1=1, dim2=2).sum(1)


def test_axes_are_exact() -> None:
    probes = Exact().probes((2, 3), seed=0, indices=range(400))
    assert probes.shape == (6, 400, 2, 3)
    found = estimates(probes)
    # Their length is a root in float32.
    torch.testing.assert_close(found.mean(0), TRACES, rtol=1e-5, atol=1e-5)
    assert (Exact().error(found) == 0).all()


@pytest.mark.parametrize("count", [2, 8])
def test_signs_are_right_on_average_and_know_their_error(count: int) -> None:
    divergence = Hutchinson(count)
    probes = divergence.probes((2, 3), seed=0, indices=range(400))
    assert probes.shape == (count, 400, 2, 3)
    assert (probes.abs() == 1).all()
    found = estimates(probes)
    gaps = found.mean(0) - TRACES
    assert abs(gaps.mean()) < 3.3 * gaps.std() / math.sqrt(400)
    # What is off the diagonal is all that varies.
    sides = (JACOBIANS + JACOBIANS.mT).tril(-1).square().sum((1, 2)) / count
    assert divergence.error(found).square().mean() == pytest.approx(sides.mean().item(), rel=0.3)
    assert gaps.square().mean() == pytest.approx(sides.mean().item(), rel=0.3)


def test_a_single_probe_does_not_know_its_error() -> None:
    assert Hutchinson().error(torch.ones(1, 3)).isnan().all()


def test_probes_differ_by_item_number_and_seed() -> None:
    probes = Hutchinson(2).probes((50,), seed=0, indices=[3, 4])
    assert len({tuple(row.tolist()) for row in probes.flatten(0, 1)}) == 4
    assert torch.equal(Hutchinson(1).probes((50,), seed=0, indices=[4])[0], probes[0, 1:])
    assert not torch.equal(Hutchinson(2).probes((50,), seed=1, indices=[3, 4]), probes)


def test_few_numbers_are_worth_an_exact_trace_unless_probes_are_asked_for() -> None:
    assert suited(EXACT_UP_TO) == Exact()
    assert suited(EXACT_UP_TO + 1) == Hutchinson(1)
    assert suited(2, probes=5) == Hutchinson(5)
    with pytest.raises(ValueError, match="no 0 probes"):
        suited(2, probes=0)
