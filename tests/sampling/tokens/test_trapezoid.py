"""Two leaps a step. Its order of convergence is measured in the contract suite."""

import pytest
import torch

from sfumato.oracle import MarkovChain, SequenceDenoiser
from sfumato.process.categorical import Masking
from sfumato.process.keep import CosineKeep
from sfumato.sampling.loop import sample
from sfumato.sampling.noise import KeyedUniform
from sfumato.sampling.tokens import Ancestral, Trapezoid

F64 = torch.float64


def test_an_even_budget_ends_with_two_single_evaluations():
    assert Trapezoid().plan(1) == (1,)
    assert Trapezoid().plan(2) == (1, 1)
    assert Trapezoid().plan(5) == (2, 2, 1)
    assert Trapezoid().plan(6) == (2, 2, 1, 1)


@pytest.mark.parametrize("theta", [0.2, 0.5, 0.9])
def test_where_nothing_depends_on_anything_it_is_the_ancestral_sampler(theta):
    """Same grid, same noise, and what it sees half-way is what it knew."""
    rows = torch.tensor([[0.6, 0.3, 0.1]], dtype=F64)
    chain = MarkovChain(rows[0], rows.expand(3, 3), 5)
    denoiser = SequenceDenoiser(chain, Masking(CosineKeep(), 3))
    noise = KeyedUniform(0, range(50))
    both = [
        sample(denoiser, sampler, noise, (5,), evaluations)
        for sampler, evaluations in ((Trapezoid(theta=theta), 13), (Ancestral(), 7))
    ]
    assert torch.equal(*both)


def test_it_looks_again_where_theta_says(stage, letters, time):
    """Masked shares 0.81 and 0.36: the geometric middle is 0.54."""
    moments = torch.tensor([[0.32, 0.34, 0.56]], dtype=F64)
    picks = torch.full((1, 3), 0.5, dtype=F64)
    scene = stage(letters, torch.zeros(1, 3, 3), moments, picks, cost=2)
    x_s = Trapezoid().step(torch.full((1, 3), 3), time(0.81), time(0.36), scene.context)
    assert x_s.tolist() == [[1, 1, 3]]
    (first, t), (second, middle) = scene.calls
    assert first.tolist() == [[3, 3, 3]] and t == 0.81
    assert second.tolist() == [[1, 3, 3]] and middle.item() == pytest.approx(0.54)


def test_what_was_seen_half_way_is_carried_on(stage, letters, time):
    """Beliefs go from (2, 1, 1) / 4 to (1, 2, 1) / 4 and, at twice the way, (0, 3, 1) / 4."""
    start, there = torch.tensor([[2.0, 1.0, 1.0], [1.0, 2.0, 1.0]]).log()

    def logits(x):
        return (start if (x == 3).all() else there).expand(1, 2, 3)

    moments = torch.tensor([[0.0, 0.5]], dtype=F64)
    drawn = []
    for pick in (0.0, 0.74, 0.76):
        scene = stage(letters, logits, moments, torch.full((1, 2), pick, dtype=F64), cost=2)
        x_s = Trapezoid().step(torch.full((1, 2), 3), time(0.81), time(0.36), scene.context)
        drawn.append(x_s[0, 1].item())
    assert drawn == [1, 1, 2]


def test_calls_that_change_nothing_are_saved(stage, letters, time):
    """Nothing lifted: no call. Nothing lifted in the second part: one."""
    for moment, calls in ((0.9, 0), (0.1, 1), (0.5, 2)):
        draws = torch.full((1, 1), moment, dtype=F64)
        scene = stage(letters, torch.zeros(1, 1, 3), draws, draws, cost=2)
        Trapezoid().step(torch.full((1, 1), 3), time(0.81), time(0.36), scene.context)
        assert len(scene.calls) == calls
