"""The exact step of each token alone."""

import torch

from sfumato.process.categorical import Uniform
from sfumato.process.keep import LinearKeep
from sfumato.sampling.tokens import Ancestral, Bridge

F64 = torch.float64


def test_under_masking_it_lifts_as_many_masks_as_the_ancestral_sampler(stage, letters, time):
    x_t = torch.tensor([[3, 1]]).repeat(1000, 1)
    noise = ((torch.arange(1000, dtype=F64) + 0.5) / 1000)[:, None].expand(1000, 2)
    picks = noise[torch.randperm(1000, generator=torch.Generator().manual_seed(0))]
    scene = stage(letters, torch.zeros(1000, 2, 3), noise, picks)
    mine, theirs = (
        s.step(x_t, time(0.8), time(0.4), scene.context) for s in (Bridge(), Ancestral())
    )
    assert (mine[:, 0] == 3).sum() == (theirs[:, 0] == 3).sum() == 500
    assert torch.equal(mine[:, 1], x_t[:, 1])


def test_under_a_uniform_process_the_last_step_draws_what_is_believed(stage, time):
    process = Uniform(LinearKeep(), 3)
    noise = ((torch.arange(1000, dtype=F64) + 0.5) / 1000)[:, None]
    logits = torch.tensor([0.7, 0.0, 0.3]).log().clamp_min(-1e9).expand(1000, 1, 3)
    scene = stage(process, logits, noise)
    x_s = Bridge().step(
        torch.zeros(1000, 1, dtype=torch.int64), time(0.5), time(0.0), scene.context
    )
    assert torch.bincount(x_s[:, 0], minlength=3).tolist() == [700, 0, 300]


def test_without_a_free_mask_nothing_is_asked(stage, letters, time):
    free = torch.tensor([[False, True]])
    scene = stage(letters, torch.zeros(1, 2, 3), torch.zeros(1, 2, dtype=F64), free=free)
    x_t = torch.tensor([[0, 1]])
    assert torch.equal(Bridge().step(x_t, time(0.5), time(0.2), scene.context), x_t)
    assert not scene.calls
