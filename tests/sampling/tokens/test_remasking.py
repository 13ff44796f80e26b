"""Tokens that are masked again. That the marginals stay right is in the contract suite."""

import pytest
import torch
from pydantic import ValidationError

from sfumato.sampling.tokens import Ancestral, Remasking

F64 = torch.float64
X_T = torch.tensor([[0, 1, 2, 3]])


def step(stage, letters, time, sampler, noise, t=0.5, s=0.25, **more):
    draws = torch.full((1, 4), noise, dtype=F64)
    scene = stage(letters, torch.zeros(1, 4, 3), draws, draws, **more)
    return sampler.step(X_T, time(t), time(s), scene.context)


def test_revealed_tokens_are_masked_again_with_the_stated_share(stage, letters, time):
    """From keep 0.5 to 0.75 the most is 0.25 / 0.5; of that eta."""
    sampler = Remasking(eta=0.4)
    assert (step(stage, letters, time, sampler, 0.199)[:, :3] == 3).all()
    assert torch.equal(step(stage, letters, time, sampler, 0.201)[:, :3], X_T[:, :3])


def test_nothing_is_masked_again_in_the_last_step(stage, letters, time):
    for t in (0.5, 1.0):
        x_s = step(stage, letters, time, Remasking(eta=1.0), 0.0, t=t, s=0.0)
        assert x_s.tolist() == [[0, 1, 2, 0]]


def test_no_remasking_outside_the_window_or_without_eta(stage, letters, time):
    for sampler in (Remasking(eta=1, on=0.4), Remasking(eta=1, off=0.6), Remasking(eta=0)):
        for noise in (0.1, 0.49, 0.51):
            assert torch.equal(
                step(stage, letters, time, sampler, noise),
                step(stage, letters, time, Ancestral(), noise),
            )
    assert (step(stage, letters, time, Remasking(eta=1, off=0.4, on=0.6), 0.1)[:, :3] == 3).all()


def test_places_that_are_not_free_are_not_masked(stage, letters, time):
    free = torch.tensor([[False, True, True, True]])
    x_s = step(stage, letters, time, Remasking(eta=1), 0.1, free=free)
    assert x_s.tolist() == [[0, 3, 3, 0]]


def test_the_window_must_be_one():
    with pytest.raises(ValidationError, match="later"):
        Remasking(off=0.5, on=0.4)
