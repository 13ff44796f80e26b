"""Masks lifted at random."""

import torch

from sfumato.oracle import MarkovChain, SequenceDenoiser
from sfumato.process.categorical import Masking
from sfumato.process.keep import LinearKeep
from sfumato.sampling.loop import trajectory
from sfumato.sampling.noise import KeyedUniform
from sfumato.sampling.tokens import Ancestral

F64 = torch.float64


def test_which_masks_are_lifted_is_decided_by_the_noise(stage, letters, time):
    """From t = 0.8 to 0.4 half of the masks are lifted."""
    noise = torch.tensor([[0.49, 0.51, 0.1, 0.1]], dtype=F64)
    scene = stage(letters, torch.zeros(1, 4, 3), noise, torch.full((1, 4), 0.5, dtype=F64))
    x_t = torch.tensor([[3, 3, 3, 2]])
    x_s = Ancestral().step(x_t, time(0.8), time(0.4), scene.context)
    assert x_s.tolist() == [[1, 3, 1, 2]]
    ((asked, at),) = scene.calls
    assert torch.equal(asked, x_t) and at == 0.8


def test_a_step_that_lifts_nothing_is_free(stage, letters, time):
    scene = stage(letters, torch.zeros(1, 2, 3), torch.full((1, 2), 0.9, dtype=F64))
    x_t = torch.full((1, 2), 3)
    assert torch.equal(Ancestral().step(x_t, time(0.8), time(0.4), scene.context), x_t)
    assert not scene.calls


def test_many_steps_cost_no_more_than_there_are_tokens():
    chain = MarkovChain.random(size=3, length=4, seed=0)
    denoiser = SequenceDenoiser(chain, Masking(LinearKeep(), 3))
    states = trajectory(denoiser, Ancestral(), KeyedUniform(0, [0]), (4,), 100)
    asked = sum(state.belief is not None for state in list(states)[:-1])
    assert 1 <= asked <= 4
