"""Drawing tokens."""

import torch

from sfumato.process.categorical import Masking
from sfumato.process.keep import CosineKeep, LinearKeep
from sfumato.sampling.tokens import sampler
from sfumato.sampling.tokens.sampler import beliefs, draw, hidden, reveal, share_revealed

F64 = torch.float64


def test_shares_of_even_noise_are_the_probabilities():
    logits = torch.tensor([0.5, 0.3, 0.2]).log().expand(1000, 3)
    noise = (torch.arange(1000, dtype=F64) + 0.5) / 1000
    assert torch.bincount(draw(beliefs, noise, logits)).tolist() == [500, 300, 200]


def test_drawing_some_at_a_time_changes_nothing(monkeypatch):
    source = torch.Generator().manual_seed(0)
    logits = torch.randn(100, 7, generator=source)
    noise = torch.rand(100, dtype=F64, generator=source)
    at_once = draw(beliefs, noise, logits)
    monkeypatch.setattr(sampler, "_AT_ONCE", 21)
    assert torch.equal(draw(beliefs, noise, logits), at_once)


def test_rare_tokens_are_not_lost_to_rounding():
    """Beyond float32's last bit: a share of 1e-9 is found by the noise that stands for it."""
    logits = torch.tensor([[1 - 1e-9, 1e-9]], dtype=F64).log()
    assert draw(beliefs, torch.tensor([1 - 0.9e-9], dtype=F64), logits).item() == 1
    assert draw(beliefs, torch.tensor([1 - 1.1e-9], dtype=F64), logits).item() == 0


def test_impossible_tokens_are_never_drawn():
    logits = torch.tensor([[-1e9, 0.0, -1e9]]).expand(3, 3)
    noise = torch.tensor([0.0, 0.5, 1 - 2**-53], dtype=F64)
    assert draw(beliefs, noise, logits).tolist() == [1, 1, 1]


def test_reveal_touches_the_places_alone():
    x_t = torch.tensor([[3, 0, 3], [3, 3, 2]])
    places = torch.tensor([[True, False, False], [False, True, False]])
    logits = torch.tensor([0.0, -1e9, -1e9]).expand(2, 3, 3)
    x_s = reveal(x_t, places, logits, torch.zeros(2, 3, dtype=F64))
    assert x_s.tolist() == [[0, 0, 3], [3, 0, 2]]
    assert x_t[0, 0] == 3


def test_hidden_places_are_masked_and_free():
    process = Masking(LinearKeep(), 3)
    x_t = torch.tensor([[3, 3, 1]])
    assert hidden(x_t, process, None).tolist() == [[True, True, False]]
    free = torch.tensor([[False, True, True]])
    assert hidden(x_t, process, free).tolist() == [[False, True, False]]


def test_everything_is_revealed_by_time_zero():
    zero = torch.zeros((), dtype=F64)
    for t in torch.rand(50, dtype=F64, generator=torch.Generator().manual_seed(0)):
        assert share_revealed(CosineKeep(), t, zero) == 1
        assert share_revealed(LinearKeep(), t, zero) == 1
