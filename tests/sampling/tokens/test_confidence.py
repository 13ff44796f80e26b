"""The surest tokens first."""

import pytest
import torch

from sfumato.sampling.tokens import Confidence

F64 = torch.float64
HALF = torch.full((1, 5), 0.5, dtype=F64)


def leaning(*sureness: float) -> torch.Tensor:
    """Logits of places that say token 1, each as surely as told."""
    rest = torch.tensor(sureness)
    return torch.stack([(1 - rest) / 2, rest, (1 - rest) / 2], -1).log()[None]


def test_the_surest_draws_are_kept(stage, letters, time):
    scene = stage(letters, leaning(0.5, 0.9, 0.6, 0.7, 0.8), HALF, HALF)
    x_s = Confidence(noise=0).step(torch.full((1, 5), 3), time(1.0), time(0.4), scene.context)
    assert x_s.tolist() == [[3, 1, 3, 1, 1]]


def test_equals_are_taken_from_the_left(stage, letters, time):
    scene = stage(letters, leaning(*[0.8] * 5), HALF, HALF)
    x_s = Confidence(noise=0).step(torch.full((1, 5), 3), time(1.0), time(0.6), scene.context)
    assert x_s.tolist() == [[1, 1, 3, 3, 3]]


def test_sureness_is_that_of_the_token_drawn(stage, letters, time):
    """At place 0 the unlikely token comes up, and place 1 wins though it is less sure."""
    noise = torch.tensor([[0.01, 0.5, 0.5, 0.5, 0.5]], dtype=F64)
    scene = stage(letters, leaning(0.9, 0.8, 0.4, 0.4, 0.4), noise, HALF)
    x_s = Confidence(noise=0).step(torch.full((1, 5), 3), time(1.0), time(0.8), scene.context)
    assert x_s.tolist() == [[3, 1, 3, 3, 3]]


def test_noise_can_overrule_and_fades(stage, letters, time):
    luck = torch.tensor([[0.9, 0.5, 0.5, 0.5, 0.5]], dtype=F64)
    logits = leaning(0.4, 0.9, 0.4, 0.4, 0.4)
    early = stage(letters, logits, HALF, luck)
    x_s = Confidence(noise=1).step(torch.full((1, 5), 3), time(1.0), time(0.8), early.context)
    assert x_s.tolist() == [[1, 3, 3, 3, 3]]
    late = stage(letters, logits, HALF, luck)
    last_but_one = torch.tensor([[3, 3, 2, 2, 2]])
    x_s = Confidence(noise=1).step(last_but_one, time(0.3), time(0.15), late.context)
    assert x_s.tolist() == [[3, 1, 2, 2, 2]]


@pytest.mark.parametrize("s", [0.9, 0.5, 0.2, 0.0])
def test_as_many_masks_are_left_as_expected_and_one_goes_at_least(stage, letters, time, s):
    scene = stage(letters, leaning(*[0.8] * 5), HALF, HALF)
    x_s = Confidence().step(torch.full((1, 5), 3), time(1.0), time(s), scene.context)
    assert (x_s == 3).sum() == min(round(5 * s), 4)


def test_places_that_are_not_free_do_not_count(stage, letters, time):
    """Of four free places half are left; the known one is no part of it."""
    free = torch.tensor([[False, True, True, True, True]])
    scene = stage(letters, leaning(*[0.8] * 5), HALF, HALF, free=free)
    x_t = torch.tensor([[2, 3, 3, 3, 3]])
    x_s = Confidence(noise=0).step(x_t, time(1.0), time(0.5), scene.context)
    assert x_s.tolist() == [[2, 1, 1, 3, 3]]


def test_noise_that_is_exactly_zero_does_no_harm(stage, letters, time):
    zero = torch.zeros(1, 5, dtype=F64)
    scene = stage(letters, leaning(*[0.8] * 5), zero, zero)
    x_s = Confidence().step(torch.full((1, 5), 3), time(1.0), time(0.4), scene.context)
    assert (x_s == 3).sum() == 2
