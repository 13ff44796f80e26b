"""The bound: its mean is the entropy where the denoiser is exact, and is above it where it is not.

The means are exact and no statistics: of a short Markov chain every text, every noise that makes a
difference and evenly spread times are gone through, each with its weight.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import permutations, product

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter
from torch import Tensor, nn

from sfumato.denoiser import TokenDenoiser
from sfumato.objective import AnyTokenObjective, Bound, variational_bound
from sfumato.oracle import MarkovChain, SequenceDenoiser
from sfumato.process.categorical import CategoricalProcess, Masking, Uniform
from sfumato.process.keep import CosineKeep, Keep, LinearKeep, PowerKeep

F64 = torch.float64
CHAIN = MarkovChain.random(size=3, length=3, seed=2, concentration=0.7)
KEEPS: list[Keep] = [LinearKeep(), CosineKeep(), PowerKeep(power=0.5), PowerKeep(power=3)]
PADDING = 2

every_process = pytest.mark.parametrize("process", [Masking, Uniform], ids=lambda p: p.__name__)
every_keep = pytest.mark.parametrize(
    "keep", KEEPS, ids=lambda k: f"{k.kind}{getattr(k, 'power', '')}"
)


class Exact(nn.Module):
    """The chain's own posterior as a backbone; it reads the first places only.

    Attributes:
        sharpness: What the logits are multiplied by; 1 = exact.
        seen: The tokens of the last call.
    """

    def __init__(self, process: CategoricalProcess, sharpness: float = 1.0) -> None:
        super().__init__()
        self.oracle = SequenceDenoiser(CHAIN, process)
        self.sharpness = nn.Parameter(torch.tensor(sharpness, dtype=F64))

    def forward(self, tokens: Tensor, level: Tensor, **cond: Tensor) -> Tensor:
        self.seen, self.cond = tokens, cond
        t = self.oracle.process.keep.time((level.double() + 1) / 2)
        logits = self.oracle(tokens[:, : CHAIN.length], t).logits * self.sharpness
        return F.pad(logits, (0, 0, 0, tokens.shape[1] - CHAIN.length))


class Odd(nn.Module):
    """A network that nobody has trained, and that believes something strange of every state."""

    def __init__(self, process: CategoricalProcess, seed: int) -> None:
        super().__init__()
        source = torch.Generator().manual_seed(seed)
        shape = (CHAIN.length, process.states, CHAIN.length, process.size)
        self.table = torch.randn(*shape, generator=source)

    def forward(self, tokens: Tensor, level: Tensor) -> Tensor:
        parts = [self.table[place, tokens[:, place]] for place in range(CHAIN.length)]
        return torch.stack(parts).sum(0)


class Flat(nn.Module):
    """Believes nothing."""

    def forward(self, tokens: Tensor, level: Tensor) -> Tensor:
        return torch.zeros(*tokens.shape, CHAIN.size)


@dataclass(frozen=True)
class Cases:
    """All there is, with weights that sum to 1."""

    x0: Tensor
    t: Tensor
    noise: Tensor
    weight: Tensor

    def mean(self, denoiser: TokenDenoiser, padding: int = 0) -> Tensor:
        """Of the bound on a whole text, in nats; with ``padding`` places behind that are none."""
        x0, noise = (
            F.pad(self.x0, (0, padding), value=1),
            F.pad(self.noise, (0, padding), value=0.1),
        )
        counted = torch.arange(x0.shape[1]).expand_as(x0) < CHAIN.length if padding else None
        nats = variational_bound(denoiser, x0, self.t, noise, counted)
        return (nats.double() * self.weight).sum() * CHAIN.length


def texts() -> tuple[Tensor, Tensor]:
    every = torch.tensor(list(product(range(CHAIN.size), repeat=CHAIN.length)))
    return every, CHAIN.log_probability(every).exp()


def crossed(x0: Tensor, t: Tensor, noise: Tensor, weight: Tensor) -> Cases:
    """Flattens (texts, times, noises)."""
    return Cases(
        x0.expand(*weight.shape, -1).flatten(0, 2),
        t.expand(weight.shape).flatten(),
        noise.expand(*weight.shape, -1).flatten(0, 2),
        weight.flatten(),
    )


def of_masking(times: int = 300) -> Cases:
    """Every text, every order of the noise, and times at the middles of equal steps."""
    x0, share = texts()
    orders = torch.tensor(list(permutations(range(CHAIN.length))), dtype=F64)
    noise = (orders + 0.5) / CHAIN.length
    t = (torch.arange(times, dtype=F64) + 0.5) / times
    weight = share[:, None, None].expand(-1, times, len(noise)) / (times * len(noise))
    return crossed(x0[:, None, None], t[None, :, None], noise[None, None], weight)


def of_uniform(process: Uniform, nodes: int = 32) -> Cases:
    """Every text, every fate of each token, and a Gauss rule over times, dense near 0."""
    x0, share = texts()
    points, weights = (torch.from_numpy(each) for each in np.polynomial.legendre.leggauss(nodes))
    t = ((points + 1) / 2).pow(3).clamp_min(1e-7)
    step = weights / 2 * 3 * ((points + 1) / 2).square()
    # A token is kept, or lost to one of the others or itself.
    fates = torch.tensor(list(product(range(-1, process.size), repeat=CHAIN.length)))
    keep = process.keep.keep(t)[:, None, None]
    noise = torch.where(fates < 0, keep / 2, keep + (1 - keep) * (fates + 0.5) / process.size)
    chance = torch.where(fates < 0, keep, (1 - keep) / process.size).prod(-1)
    weight = share[:, None, None] * (step[:, None] * chance)[None]
    return crossed(x0[:, None, None], t[None, :, None], noise[None], weight)


def cases_of(process: CategoricalProcess) -> Cases:
    return of_masking() if isinstance(process, Masking) else of_uniform(process)


def some(rows: int, places: int = CHAIN.length, seed: int = 0) -> tuple[Tensor, Tensor, Tensor]:
    """Texts of the chain with anything behind them, times and noise."""
    source = torch.Generator().manual_seed(seed)
    x0 = CHAIN.sample(torch.rand(rows, CHAIN.length, dtype=F64, generator=source))
    x0 = F.pad(x0, (0, places - CHAIN.length), value=1)
    t = torch.rand(rows, dtype=F64, generator=source).clamp(1e-5, 1 - 1e-5)
    return x0, t, torch.rand(rows, places, dtype=F64, generator=source)


@every_keep
@every_process
def test_its_mean_is_the_entropy_where_the_denoiser_is_exact(process, keep):
    process = process(keep, CHAIN.size)
    cases = cases_of(process)
    assert cases.weight.sum().item() == pytest.approx(1, rel=1e-6)
    denoiser = TokenDenoiser(Exact(process), process)
    whole, padded = cases.mean(denoiser), cases.mean(denoiser, PADDING)
    assert whole.item() == pytest.approx(CHAIN.entropy(), rel=5e-3)
    torch.testing.assert_close(padded, whole)


@every_keep
@every_process
def test_a_wrong_denoiser_is_above(process, keep):
    process = process(keep, CHAIN.size)
    cases = cases_of(process)
    for sharpness in (0.5, 2.0):
        wrong = cases.mean(TokenDenoiser(Exact(process, sharpness), process))
        assert wrong > 1.02 * CHAIN.entropy()
    for seed in range(3):
        assert cases.mean(TokenDenoiser(Odd(process, seed), process)) > 1.02 * CHAIN.entropy()


@every_process
def test_its_slope_is_zero_where_the_denoiser_is_exact(process):
    """By the sharpness of the logits, of which 1 is right."""
    process = process(CosineKeep(), CHAIN.size)
    cases = cases_of(process)
    slopes = []
    for sharpness in (0.5, 1.0, 2.0):
        backbone = Exact(process, sharpness)
        cases.mean(TokenDenoiser(backbone, process)).backward()
        slopes.append(backbone.sharpness.grad.item())
    assert slopes[0] < -0.1 and slopes[2] > 0.1
    assert abs(slopes[1]) < 0.01


@every_process
def test_padding_counts_for_nothing(process):
    """Neither what stands there nor the noise that falls on it."""
    process = process(LinearKeep(), CHAIN.size)
    denoiser = TokenDenoiser(Exact(process), process)
    x0, t, noise = some(64, CHAIN.length + PADDING)
    counted = torch.arange(x0.shape[1]).expand_as(x0) < CHAIN.length
    other = torch.where(counted, x0, 2), t, torch.where(counted, noise, 1 - noise)
    assert torch.equal(
        variational_bound(denoiser, x0, t, noise, counted),
        variational_bound(denoiser, *other, counted),
    )


@every_process
def test_padding_may_lie_anywhere(process):
    process = process(LinearKeep(), CHAIN.size)
    denoiser = TokenDenoiser(Flat(), process)
    x0, t, noise = some(32)
    counted = torch.rand(32, CHAIN.length, generator=torch.Generator().manual_seed(1)) < 0.5
    counted[:, 0] = True
    left = variational_bound(denoiser, x0, t, noise, counted)
    right = variational_bound(denoiser, x0.flip(1), t, noise.flip(1), counted.flip(1))
    torch.testing.assert_close(left, right)


@every_process
def test_a_text_does_not_see_its_batch(process):
    process = process(CosineKeep(), CHAIN.size)
    denoiser = TokenDenoiser(Exact(process), process)
    x0, t, noise = some(5)
    counted = torch.tensor([[True] * 3, [True, True, False]] * 2 + [[True, False, False]])
    together = variational_bound(denoiser, x0, t, noise, counted)
    assert together.shape == (5,) and together.dtype == torch.float32
    for row in range(5):
        rows = slice(row, row + 1)
        alone = variational_bound(denoiser, x0[rows], t[rows], noise[rows], counted[rows])
        torch.testing.assert_close(alone, together[rows])


@every_process
def test_conditions_reach_the_backbone(process):
    process = process(LinearKeep(), CHAIN.size)
    backbone, label = Exact(process), torch.tensor([1, 2])
    x0, t, noise = some(2)
    variational_bound(TokenDenoiser(backbone, process), x0, t, noise, label=label)
    assert backbone.cond == {"label": label}


@every_process
def test_as_an_objective_it_is_the_same_number(process):
    process = process(LinearKeep(), CHAIN.size)
    denoiser, label = TokenDenoiser(Exact(process), process), torch.tensor([1, 2])
    x0, t, noise = some(2)
    counted = torch.tensor([[True, True, True], [True, True, False]])
    objective = TypeAdapter(AnyTokenObjective).validate_python({"kind": "bound"})
    assert objective == Bound()
    nats = variational_bound(denoiser, x0, t, noise, counted)
    assert torch.equal(objective(denoiser, x0, t, noise, counted, label=label), nats)
    assert denoiser.backbone.cond == {"label": label}
    assert torch.equal(objective(denoiser, x0, t, noise), variational_bound(denoiser, x0, t, noise))


class TestMasking:
    @every_keep
    @settings(max_examples=25, deadline=None)
    @given(t=st.lists(st.floats(1e-5, 1 - 1e-5), min_size=1, max_size=6), seed=st.integers(0, 99))
    def test_the_time_decides_how_many_are_masked_and_the_noise_which(self, keep, t, seed):
        process = Masking(keep, CHAIN.size)
        backbone, t = Exact(process), torch.tensor(t, dtype=F64)
        x0, _, noise = some(len(t), CHAIN.length + PADDING, seed)
        counted = torch.arange(x0.shape[1]).expand_as(x0) < CHAIN.length
        variational_bound(TokenDenoiser(backbone, process), x0, t, noise, counted)
        masked = backbone.seen == process.mask
        assert torch.equal(backbone.seen[~masked], x0[~masked])
        assert not masked[~counted].any()
        count, expected = masked.sum(1), (1 - keep.keep(t)) * CHAIN.length
        assert (count >= 1).all() and (count >= expected - 1e-9).all()
        assert (count <= expected + 1).all()
        for row, masks in enumerate(count):
            lowest = noise[row, : CHAIN.length].argsort()[:masks]
            assert masked[row, lowest].all()

    def test_evenly_spread_times_give_every_count_alike_where_keep_is_linear(self):
        process = Masking(LinearKeep(), CHAIN.size)
        backbone = Exact(process)
        x0, _, noise = some(300)
        t = (torch.arange(300, dtype=F64) + 0.5) / 300
        variational_bound(TokenDenoiser(backbone, process), x0, t, noise)
        counts = (backbone.seen == process.mask).sum(1)
        assert torch.bincount(counts).tolist() == [0, 100, 100, 100]

    def test_of_one_text_all_orders_and_counts_together_are_its_probability(self):
        """An exact denoiser pays the same for a text along every order of revealing."""
        process = Masking(LinearKeep(), CHAIN.size)
        cases = of_masking(times=CHAIN.length)
        nats = variational_bound(
            TokenDenoiser(Exact(process), process), cases.x0, cases.t, cases.noise
        )
        every, _ = texts()
        of_texts = nats.double().reshape(len(every), -1).mean(1) * CHAIN.length
        torch.testing.assert_close(of_texts, -CHAIN.log_probability(every), rtol=1e-5, atol=1e-5)

    def test_who_knows_nothing_pays_the_same_at_every_time(self):
        process = Masking(LinearKeep(), CHAIN.size)
        nats = variational_bound(TokenDenoiser(Flat(), process), *some(100))
        torch.testing.assert_close(nats, torch.full((100,), math.log(CHAIN.size)))


class TestUniform:
    def test_what_is_known_for_sure_costs_nothing(self):
        process = Uniform(LinearKeep(), CHAIN.size)
        x0, t, noise = some(50)
        nats = variational_bound(TokenDenoiser(Sure(x0), process), x0, t, noise)
        torch.testing.assert_close(nats, torch.zeros(50), rtol=0, atol=1e-6)

    @pytest.mark.parametrize("keep", [*KEEPS, PowerKeep(power=8)], ids=lambda k: k.kind)
    def test_it_is_finite_at_both_ends_whatever_is_believed(self, keep):
        process = Uniform(keep, CHAIN.size)
        x0, _, _ = some(4)
        t = torch.tensor([1e-5, 1e-5, 1 - 1e-5, 1 - 1e-5], dtype=F64)
        noise = torch.tensor([0.0, 1 - 2**-53] * 2, dtype=F64)[:, None].expand(4, CHAIN.length)
        denoiser = TokenDenoiser(Sure((x0 + 1) % CHAIN.size), process)
        nats = variational_bound(denoiser, x0, t, noise)
        assert nats.isfinite().all() and (nats >= 0).all()


class Sure(nn.Module):
    """Believes in one text for each row, whatever it sees."""

    def __init__(self, text: Tensor) -> None:
        super().__init__()
        self.text = text

    def forward(self, tokens: Tensor, level: Tensor) -> Tensor:
        return (1 - F.one_hot(self.text, CHAIN.size)) * -1e9
