"""Narrower beliefs, place by place."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from sfumato.denoiser import IMPOSSIBLE, Denoiser, Posterior
from sfumato.errors import SettingError
from sfumato.oracle import MarkovChain, SequenceDenoiser
from sfumato.process.categorical import Masking, Uniform
from sfumato.process.keep import LinearKeep
from sfumato.sampling.tempering import Tempered

T = torch.tensor(0.5, dtype=torch.float64)
MASKED = torch.tensor([[3]])


class Fixed(Denoiser):
    """Believes the same of every place."""

    def __init__(self, process, *probabilities: float) -> None:
        super().__init__(process)
        self.logits = torch.tensor(probabilities).log()

    def forward(self, x_t, t, **cond):
        return Posterior(self.logits.expand(*x_t.shape, -1))


def believed(x_t=MASKED, probabilities=(0.5, 0.3, 0.2), **settings):
    inner = Fixed(Masking(LinearKeep(), len(probabilities)), *probabilities)
    return Tempered(inner, **settings)(x_t, T).logits.double().softmax(-1)[0, 0]


def test_everything_off_hands_the_posterior_on():
    inner = Fixed(Masking(LinearKeep(), 3), 0.5, 0.3, 0.2)
    assert Tempered(inner)(MASKED, T).logits.data_ptr() == inner.logits.data_ptr()


def test_temperature_takes_powers_of_the_probabilities():
    powers = torch.tensor([0.25, 0.09, 0.04], dtype=torch.float64)
    torch.testing.assert_close(believed(temperature=0.5), powers / powers.sum(), rtol=1e-6, atol=0)
    assert believed(temperature=1e-6).tolist() == [1, 0, 0]
    torch.testing.assert_close(
        believed(temperature=1e3), torch.full((3,), 1 / 3, dtype=torch.float64), rtol=1e-3, atol=0
    )


def test_what_cannot_be_stays_impossible_at_the_greatest_temperature():
    inner = Fixed(Masking(LinearKeep(), 3), 0.5, 0.5, 1.0)
    inner.logits[1] = IMPOSSIBLE
    got = Tempered(inner, temperature=1e3)(MASKED, T).logits.double().softmax(-1)[0, 0]
    assert got[1] == 0 and got[0] > 0


@pytest.mark.parametrize(
    ("top_p", "left"), [(0.01, 1), (0.49, 1), (0.51, 2), (0.79, 2), (0.81, 3), (1.0, 3)]
)
def test_the_nucleus_is_the_fewest_tokens_with_the_mass(top_p, left):
    got = believed(top_p=top_p)
    want = torch.tensor([0.5, 0.3, 0.2][:left], dtype=torch.float64)
    torch.testing.assert_close(got[:left], want / want.sum(), rtol=1e-6, atol=0)
    assert (got[left:] == 0).all()


@given(st.lists(st.floats(0.01, 1), min_size=2, max_size=9), st.floats(0.01, 0.99))
def test_any_nucleus_has_the_mass_and_needs_its_least_token(weights, top_p):
    before = torch.tensor(weights) / sum(weights)
    kept = believed(torch.tensor([[len(weights)]]), before.tolist(), top_p=top_p) > 0
    inside = before[kept].double()
    assert inside.sum() >= top_p - 1e-6
    assert inside.sum() - inside.min() < top_p + 1e-6
    assert kept.all() or inside.min() >= before[~kept].max() - 1e-7


def test_equals_are_kept_from_the_left():
    assert believed(probabilities=(0.25, 0.25, 0.25, 0.25), x_t=torch.tensor([[4]]), top_p=0.4)[
        :3
    ].tolist() == [0.5, 0.5, 0]


def test_forbidden_tokens_are_out_before_the_nucleus_is_taken():
    assert believed(forbidden=[0]).tolist() == pytest.approx([0, 0.6, 0.4])
    assert believed(forbidden=[0], top_p=0.5).tolist() == [0, 1, 0]


def test_known_tokens_are_left_alone_forbidden_or_not():
    chain = MarkovChain.random(size=3, length=4, seed=0)
    inner = SequenceDenoiser(chain, Masking(LinearKeep(), 3))
    x_t = torch.tensor([[0, 3, 2, 3]])
    known = torch.tensor([0, 2])
    narrowed = Tempered(inner, temperature=0.3, top_p=0.6, forbidden=[0])(x_t, T).logits
    assert torch.equal(narrowed[:, known], inner(x_t, T).logits[:, known])
    assert (narrowed[:, [1, 3], 0] == -1e9).all() and narrowed.isfinite().all()


def test_a_uniform_process_knows_no_token():
    inner = Fixed(Uniform(LinearKeep(), 3), 0.5, 0.3, 0.2)
    got = Tempered(inner, forbidden=[1])(torch.tensor([[1, 0]]), T).logits
    assert (got[..., 1] == -1e9).all()


def test_rows_do_not_depend_on_each_other():
    chain = MarkovChain.random(size=3, length=4, seed=0)
    tempered = Tempered(SequenceDenoiser(chain, Masking(LinearKeep(), 3)), 0.7, 0.8, [2])
    x_t = torch.tensor([[0, 3, 2, 3], [3, 3, 3, 3], [0, 0, 0, 0]])
    whole = tempered(x_t, T).logits
    assert torch.equal(torch.cat([tempered(row[None], T).logits for row in x_t]), whole)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"temperature": 0.0}, "temperature"),
        ({"temperature": -1.0}, "temperature"),
        ({"temperature": 1001.0}, "temperature"),
        ({"temperature": float("nan")}, "temperature"),
        ({"temperature": float("inf")}, "temperature"),
        ({"top_p": 0.0}, "top_p"),
        ({"top_p": 1.1}, "top_p"),
        ({"forbidden": [3]}, "token 3"),
        ({"forbidden": [-1]}, "token -1"),
        ({"forbidden": [0, 1, 2, 0]}, "All tokens"),
    ],
)
def test_settings_out_of_range_are_refused(settings, message):
    with pytest.raises(SettingError, match=message):
        Tempered(Fixed(Masking(LinearKeep(), 3), 0.5, 0.3, 0.2), **settings)
