"""Likelihoods of text: a bound whose numbers have an address, and exact orders of revealing."""

from __future__ import annotations

import math
from itertools import product

import pytest
import torch
from torch import Tensor

from sfumato.denoiser import TokenDenoiser
from sfumato.likelihood import order_likelihood, token_bound
from sfumato.oracle import MarkovChain, SequenceDenoiser
from sfumato.process.categorical import CategoricalProcess, Masking, Uniform
from sfumato.process.keep import CosineKeep, Keep, LinearKeep, PowerKeep

F64 = torch.float64
CHAIN = MarkovChain.random(size=3, length=5, seed=1, concentration=0.8)
KEEPS: list[Keep] = [LinearKeep(), CosineKeep(), PowerKeep(power=0.5)]
every_process = pytest.mark.parametrize("process", [Masking, Uniform], ids=lambda p: p.__name__)
every_keep = pytest.mark.parametrize("keep", KEEPS, ids=lambda k: k.kind)


class Exact(TokenDenoiser):
    """The chain's own posterior; a bias may be added to the logits of some rows."""

    def __init__(self, process: CategoricalProcess, chain: MarkovChain = CHAIN) -> None:
        super().__init__(torch.nn.Identity(), process)
        self.oracle = SequenceDenoiser(chain, process)

    def predict(self, x_t: Tensor, t: Tensor, bias: Tensor | None = None) -> Tensor:
        logits = self.oracle(x_t, t).logits
        return (logits if bias is None else logits + bias[:, None]).float()


def texts(rows: int) -> tuple[Tensor, Tensor]:
    x0 = CHAIN.sample(torch.rand(rows, 5, dtype=F64, generator=torch.Generator().manual_seed(3)))
    return x0, torch.ones_like(x0, dtype=torch.bool)


class TestBound:
    @every_process
    @every_keep
    def test_its_mean_is_the_entropy_where_the_denoiser_is_exact(self, process, keep):
        """Within 3.3 standard errors over texts, which chance exceeds once in 1000."""
        x0, counted = texts(1500)
        nats = token_bound(Exact(process(keep, 3)), x0, counted, draws=8, seed=0)
        assert nats.shape == (1500,) and nats.dtype == F64
        error = 3.3 * nats.std() / math.sqrt(1500)
        assert abs(nats.mean() - CHAIN.entropy()) < error

    def test_each_text_s_own_likelihood_within_five_thousandths_of_a_bit_a_token(self):
        """By masking, texts told from what each order leaves to be told; all together."""
        x0, counted = texts(1000)
        nats = token_bound(Exact(Masking(CosineKeep(), 3)), x0, counted, draws=120, seed=0)
        gap = (nats + CHAIN.log_probability(x0)) / (5 * math.log(2))
        error = 3.3 * gap.std() / math.sqrt(1000)
        assert abs(gap.mean()) < error
        assert abs(gap.mean()) < 0.005

    @every_keep
    def test_a_uniform_process_tells_each_text_s_own_likelihood_too(self, keep):
        """Beside what a chain without memory is told of the same text, whose cost is known."""
        x0, counted = texts(1000)
        share = torch.tensor([0.4, 0.35, 0.25], dtype=F64)
        forgetful = MarkovChain(share, share.expand(3, 3).contiguous(), 5)
        gaps = []
        for chain in (CHAIN, forgetful):
            nats = token_bound(Exact(Uniform(keep, 3), chain), x0, counted, draws=24, seed=0)
            gaps.append((nats + chain.log_probability(x0)) / (5 * math.log(2)))
        gap = gaps[0] - gaps[1]
        error = 3.3 * gap.std() / math.sqrt(1000)
        assert abs(gap.mean()) < error < 0.04

    @every_process
    @every_keep
    def test_times_are_weighed_so_that_they_make_an_integral(self, process, keep, monkeypatch):
        """Of what each estimate is even in: times, or the shares of tokens lost by then."""

        def told(denoiser, x0, t, noise, counted):
            if process is Masking:
                return t.square()
            return (1 - keep.keep(t)).square() * keep.rate(t)

        monkeypatch.setattr("sfumato.likelihood.tokens.variational_bound", told)
        x0, counted = texts(200)
        nats = token_bound(Exact(process(keep, 3)), x0, counted, draws=100, seed=0) / 5
        assert nats.mean() == pytest.approx(1 / 3, rel=5e-3)

    @every_keep
    def test_more_draws_tell_each_text_s_own_likelihood_under_masking(self, keep):
        x0, counted = texts(12)
        nats = token_bound(Exact(Masking(keep, 3)), x0, counted, draws=400, seed=0)
        torch.testing.assert_close(nats, -CHAIN.log_probability(x0), rtol=0.1, atol=0.1)

    @every_process
    def test_a_row_depends_on_its_seed_and_number_alone(self, process):
        denoiser = Exact(process(LinearKeep(), 3))
        x0, counted = texts(6)
        whole = token_bound(denoiser, x0, counted, 3, seed=5, first=10)
        for row in range(6):
            rows = slice(row, row + 1)
            alone = token_bound(denoiser, x0[rows], counted[rows], 3, seed=5, first=10 + row)
            torch.testing.assert_close(alone, whole[rows], rtol=1e-6, atol=0)
        assert torch.equal(token_bound(denoiser, x0, counted, 3, seed=5, first=10), whole)
        same = x0[:1].expand(6, -1)
        assert len(token_bound(denoiser, same, counted, 3, seed=5).unique()) == 6
        assert not torch.equal(token_bound(denoiser, x0, counted, 3, seed=6, first=10), whole)

    def test_of_text_and_padding_the_text_is_counted(self):
        """Who knows nothing pays log V for every token that is text."""

        class Flat(Exact):
            def predict(self, x_t, t, bias=None):
                return torch.zeros(*x_t.shape, 3)

        x0, counted = texts(3)
        counted = torch.arange(5) < torch.tensor([5, 2, 1])[:, None]
        nats = token_bound(Flat(Masking(LinearKeep(), 3)), x0, counted, 2, seed=0)
        torch.testing.assert_close(nats, torch.tensor([5, 2, 1], dtype=F64) * math.log(3))

    def test_conditions_go_with_their_rows_and_no_gradient_is_kept(self):
        denoiser = Exact(Masking(LinearKeep(), 3))
        x0, counted = texts(2)
        weight = torch.zeros(2, 3, dtype=F64, requires_grad=True)
        plain = token_bound(denoiser, x0, counted, 2, seed=0)
        biased = token_bound(denoiser, x0, counted, 2, seed=0, bias=weight + torch.eye(3)[:2] * 4)
        assert not biased.requires_grad
        assert (biased != plain).all()


class TestOrders:
    def expected(self, x0: Tensor, hidden: Tensor) -> float:
        """By going through all texts that agree with what is given."""
        every = torch.tensor(list(product(range(3), repeat=5)))
        agrees = (every == x0)[:, ~hidden].all(1)
        given = CHAIN.log_probability(every[agrees]).exp().sum().log()
        joint = CHAIN.log_probability(x0[None])[0]
        return ((joint - given) / hidden.sum()).item()

    @pytest.mark.parametrize("places", [[0], [4], [1, 2], [0, 2, 4], [0, 1, 2, 3, 4]], ids=str)
    @every_keep
    def test_any_order_is_exact_for_an_exact_denoiser(self, keep, places):
        denoiser = Exact(Masking(keep, 3))
        hidden = torch.zeros(5, dtype=torch.bool)
        hidden[places] = True
        for x0 in texts(3)[0]:
            for orders, seed in ((1, 0), (1, 1), (3, 2)):
                got = order_likelihood(denoiser, x0, hidden, orders, seed)
                assert got.shape == ()
                assert got.item() == pytest.approx(self.expected(x0, hidden), abs=1e-5)

    def test_part_by_part_it_is_the_same(self, monkeypatch):
        denoiser = Exact(Masking(LinearKeep(), 3))
        x0, hidden = texts(1)[0][0], torch.tensor([True, False, True, True, True])
        whole = order_likelihood(denoiser, x0, hidden, 3, 0)
        monkeypatch.setattr("sfumato.likelihood.tokens._MOST_LOGITS", 5 * 3 * 2)
        assert order_likelihood(denoiser, x0, hidden, 3, 0) == whole

    def test_what_is_asked_is_hidden_and_the_rest_is_seen(self):
        """Every order asks for each hidden place once, with one more known each time."""
        states: list[Tensor] = []

        class Watching(Exact):
            def predict(self, x_t, t, bias=None):
                states.append(x_t)
                assert ((t > 0) & (t <= 1)).all()
                return super().predict(x_t, t)

        process = Masking(LinearKeep(), 3)
        hidden = torch.tensor([True, False, True, True, False])
        x0 = texts(1)[0][0]
        order_likelihood(Watching(process), x0, hidden, 4, seed=0)
        masked = torch.cat(states).reshape(4, 3, 5) == process.mask
        assert not masked[..., ~hidden].any()
        assert masked.sum(-1).tolist() == [[3, 2, 1]] * 4
        assert (masked[:, :-1] | ~masked[:, 1:]).all()  # what is known stays known
        assert len({tuple(order.flatten().tolist()) for order in masked}) > 1

    def test_conditions_are_those_of_the_one_text(self):
        denoiser = Exact(Masking(LinearKeep(), 3))
        x0, hidden = texts(1)[0][0], torch.ones(5, dtype=torch.bool)
        sure = torch.full((1, 3), 0.0, dtype=F64)
        plain = order_likelihood(denoiser, x0, hidden, 2, seed=0)
        assert order_likelihood(denoiser, x0, hidden, 2, seed=0, bias=sure) == plain
        sure[0, x0[0]] = 50
        assert order_likelihood(denoiser, x0, hidden, 2, seed=0, bias=sure) != plain

    def test_a_uniform_process_has_no_orders(self):
        with pytest.raises(TypeError, match="masking"):
            order_likelihood(
                Exact(Uniform(LinearKeep(), 3)), texts(1)[0][0], torch.ones(5).bool(), 1, 0
            )
