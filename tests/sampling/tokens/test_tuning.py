"""The bound of sampling in N steps, and the grid that makes it least."""

import math
from itertools import combinations

import numpy as np
import pytest
import torch

from sfumato.oracle import MarkovChain, SequenceDenoiser
from sfumato.process.categorical import Masking
from sfumato.process.keep import CosineKeep, LinearKeep
from sfumato.sampling.tokens.tuning import best_grid, bound_of, surprise

F64 = torch.float64
STICKY = torch.tensor([[0.9, 0.05, 0.05], [0.1, 0.8, 0.1], [0.0, 0.1, 0.9]], dtype=F64)
CHAIN = MarkovChain(torch.full((3,), 1 / 3, dtype=F64), STICKY, 5)


def test_the_best_grid_is_the_best_of_all():
    kept = np.linspace(0.0, 1.0, 9, endpoint=False)
    nats = np.array([2.0, 1.9, 1.2, 1.1, 1.0, 0.4, 0.35, 0.3, 0.1])
    for steps in (1, 2, 3, 4, 9):
        found = best_grid(kept, nats, steps)
        assert len(found) == steps and found[0] == 0 and (np.diff(found) > 0).all()
        every = [(0, *rest) for rest in combinations(range(1, 9), steps - 1)]
        least = min(bound_of(kept[list(g)], nats[list(g)]) for g in every)
        assert bound_of(found, np.interp(found, kept, nats)) == pytest.approx(least)


@pytest.mark.parametrize("keep", [LinearKeep(), CosineKeep()], ids=lambda k: k.kind)
def test_surprise_of_the_exact_denoiser_is_the_entropy_left(keep):
    """At nothing kept every token costs its marginal's entropy; endless steps cost the entropy."""
    process = Masking(keep, CHAIN.size)
    denoiser = SequenceDenoiser(CHAIN, process)
    x0 = CHAIN.sample(torch.rand(3000, 5, generator=torch.Generator().manual_seed(1), dtype=F64))
    kept = np.linspace(0.0, 1.0, 24, endpoint=False)
    sums, counts = surprise(denoiser, process, x0, torch.ones_like(x0, dtype=torch.bool), kept, 0)
    nats = sums / counts
    share, marginals = CHAIN.initial, []
    for _ in range(5):
        marginals.append(torch.special.entr(share).sum().item())
        share = share @ CHAIN.transition
    assert nats[0] == pytest.approx(np.mean(marginals), abs=0.03)
    # The trapezoids of the same curve, without the last cell, come to the entropy of a token.
    integral = float(np.trapezoid(nats, kept)) + nats[-1] / 24
    assert integral == pytest.approx(CHAIN.entropy() / 5, abs=0.03)
    assert bound_of(kept, nats) > integral + 0.01


def test_rows_do_not_depend_on_each_other():
    process = Masking(LinearKeep(), CHAIN.size)
    denoiser = SequenceDenoiser(CHAIN, process)
    x0 = CHAIN.sample(torch.rand(6, 5, generator=torch.Generator().manual_seed(1), dtype=F64))
    kept, counted = np.array([0.0, 0.5]), torch.ones(6, 5, dtype=torch.bool)
    whole = surprise(denoiser, process, x0, counted, kept, 3)
    parts = [
        surprise(denoiser, process, x0[low : low + 3], counted[low : low + 3], kept, 3, first=low)
        for low in (0, 3)
    ]
    for k in range(2):
        np.testing.assert_allclose(parts[0][k] + parts[1][k], whole[k])
    assert math.isfinite(whole[0].sum())
