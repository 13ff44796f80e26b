"""What every sampler of tokens must do, over the whole registry.

A sampler added to the registry is tested here without a word more.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise, product
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError
from torch import Tensor

from sfumato.denoiser import Denoiser, Posterior
from sfumato.errors import SettingError
from sfumato.oracle import MarkovChain, SequenceDenoiser
from sfumato.process.categorical import CategoricalProcess, Masking, Uniform
from sfumato.process.grids import QuadraticGrid, UniformGrid
from sfumato.process.keep import CosineKeep, Keep, LinearKeep, PowerKeep
from sfumato.sampling.loop import integrate, last, sample, trajectory
from sfumato.sampling.noise import KeyedUniform
from sfumato.sampling.sampler import Context
from sfumato.sampling.tokens import (
    TOKEN_SAMPLERS,
    Ancestral,
    AnyTokenSampler,
    Bridge,
    Confidence,
    Dyadic,
    Remasking,
    TokenSampler,
    Trapezoid,
)

F64 = torch.float64
KEEPS: list[Keep] = [LinearKeep(), CosineKeep(), PowerKeep(power=0.5)]
VARIANTS: list[TokenSampler] = [
    *(kind() for kind in TOKEN_SAMPLERS.values()),
    Confidence(noise=0),
    Remasking(eta=1.0),
    Remasking(eta=0.5, off=0.2, on=0.6),
    Trapezoid(theta=0.3),
    Ancestral(grid=QuadraticGrid()),
    Bridge(grid=QuadraticGrid()),
]
every_sampler = pytest.mark.parametrize(
    "sampler", VARIANTS, ids=[f"{s.kind}-{k}" for k, s in enumerate(VARIANTS)]
)
every_keep = pytest.mark.parametrize("keep", KEEPS, ids=lambda k: k.kind)


def runs(sampler: TokenSampler) -> tuple[type[CategoricalProcess], ...]:
    return (Masking, Uniform) if isinstance(sampler, Bridge) else (Masking,)


every_case = pytest.mark.parametrize(
    ("sampler", "process"),
    [(s, p) for s in VARIANTS for p in runs(s)],
    ids=[f"{s.kind}-{k}-{p.__name__}" for k, s in enumerate(VARIANTS) for p in runs(s)],
)

CHAIN = MarkovChain.random(size=3, length=7, seed=4, concentration=1.0)


class Counting(SequenceDenoiser):
    """Remembers the times it was asked about, and that nobody asked in vain or for gradients."""

    def __init__(self, chain: MarkovChain, process: CategoricalProcess) -> None:
        super().__init__(chain, process)
        self.times: list[Tensor] = []

    def forward(self, x_t: Tensor, t: Tensor, **cond: Any) -> Posterior:
        assert t.dtype == F64 and x_t.dtype == torch.int64 and not torch.is_grad_enabled()
        if isinstance(self.process, Masking):
            assert (x_t == self.process.mask).any()
        self.times.append(t)
        return super().forward(x_t, t, **cond)


@dataclass(frozen=True)
class Bulk:
    """Much noise at once, for statistics."""

    rows: int
    seed: int = 0

    def prior(self, shape: Sequence[int]) -> Tensor:
        return self._at(0, shape)

    def step(self, step: int, shape: Sequence[int], draw: int = 0) -> Tensor:
        return self._at(1 + 8 * step + draw, shape)

    def _at(self, address: int, shape: Sequence[int]) -> Tensor:
        source = torch.Generator().manual_seed(1000 * self.seed + address)
        return torch.rand(self.rows, *shape, dtype=F64, generator=source)


def index(tokens: Tensor, size: int) -> Tensor:
    """The number of each text in the order of :func:`every`."""
    return (tokens * size ** torch.arange(tokens.shape[1] - 1, -1, -1)).sum(1)


def every(size: int, length: int) -> Tensor:
    """All texts of some length."""
    return torch.tensor(list(product(range(size), repeat=length)))


def truth(chain: MarkovChain) -> Tensor:
    """The probability of each text."""
    return chain.log_probability(every(chain.size, chain.length)).exp()


def context(
    denoiser: SequenceDenoiser, noise: Sequence[Tensor], cost: int, step: int, steps: int
) -> Context[CategoricalProcess]:
    """For one step by hand."""
    return Context(
        process=denoiser.process,
        denoise=lambda x, time: denoiser(x, time).logits,
        noise=lambda *, draw=0: noise[draw],
        history=deque(),
        cost=cost,
        step=step,
        steps=steps,
    )


# Bookkeeping ---------------------------------------------------------------------------------


@every_keep
@every_case
def test_tokens_come_out_and_evaluations_stay_within_the_plan(sampler, process, keep):
    for evaluations in (1, 2, 3, 4, 11):
        denoiser = Counting(CHAIN, process(keep, CHAIN.size))
        x0 = sample(denoiser, sampler, KeyedUniform(0, range(3)), (7,), evaluations)
        assert x0.dtype == torch.int64 and x0.shape == (3, 7)
        assert x0.min() >= 0 and x0.max() < CHAIN.size
        assert CHAIN.log_probability(x0).isfinite().all()
        assert 1 <= len(denoiser.times) <= evaluations
        assert all(((t > 0) & (t <= 1)).all() for t in denoiser.times)


@every_case
def test_steps_too_short_to_lose_a_token_in_are_no_trouble(sampler, process):
    """``1 - t**8`` rounds to 1 in the last steps of 130, on either grid."""
    keep = PowerKeep(power=8)
    for grid in (UniformGrid(), QuadraticGrid()):
        assert keep.keep(grid.times(130, keep, 256)[-2]) == 1
        denoiser = Counting(CHAIN, process(keep, CHAIN.size))
        on_grid = sampler.model_copy(update={"grid": grid})
        x0 = sample(denoiser, on_grid, KeyedUniform(0, range(2)), (7,), 130)
        assert CHAIN.log_probability(x0).isfinite().all()
        assert len(denoiser.times) <= 130


@every_sampler
def test_plan_adds_up(sampler):
    for evaluations in range(1, 51):
        plan = sampler.plan(evaluations)
        assert sum(plan) == evaluations and min(plan) >= 1


@every_case
def test_no_step_evaluates_more_than_it_may(sampler, process):
    denoiser = Counting(CHAIN, process(LinearKeep(), CHAIN.size))
    before = 0
    states = trajectory(denoiser, sampler, KeyedUniform(2, range(16)), (7,), 8)
    for state, cost in zip(states, sampler.plan(8), strict=False):
        assert len(denoiser.times) - before <= cost, state.step
        before = len(denoiser.times)


@every_case
def test_a_sample_is_the_same_in_any_batch(sampler, process):
    denoiser = SequenceDenoiser(CHAIN, process(LinearKeep(), CHAIN.size))
    whole = sample(denoiser, sampler, KeyedUniform(5, range(4)), (7,), 6)
    for row in range(4):
        alone = sample(denoiser, sampler, KeyedUniform(5, [row]), (7,), 6)
        assert torch.equal(alone, whole[row : row + 1])
    assert torch.equal(whole, sample(denoiser, sampler, KeyedUniform(5, range(4)), (7,), 6))


@every_case
def test_different_indices_are_different_samples(sampler, process):
    denoiser = SequenceDenoiser(CHAIN, process(LinearKeep(), CHAIN.size))
    many = sample(denoiser, sampler, KeyedUniform(5, range(24)), (7,), 6)
    assert len(many.unique(dim=0)) > (1 if getattr(sampler, "noise", 1) == 0 else 8)


@every_case
def test_places_that_are_not_free_never_change(sampler, process):
    process = process(LinearKeep(), CHAIN.size)
    noise = KeyedUniform(3, range(24))
    free = torch.rand(24, 7, generator=torch.Generator().manual_seed(0)) < 0.6
    free[0], free[1] = False, True
    given_tokens = CHAIN.sample(torch.rand(24, 7, dtype=F64))
    x_1 = torch.where(free, process.prior(noise.prior((7,))), given_tokens)
    times = sampler.grid.times(len(sampler.plan(9)), process.keep, 8)
    denoiser = SequenceDenoiser(CHAIN, process)
    states = list(integrate(denoiser, sampler, x_1, times, noise, 9, free=free))
    for state in states:
        assert torch.equal(state.x_t[~free], given_tokens[~free])
    assert states[-1].x_t.max() < CHAIN.size


@pytest.mark.parametrize(
    "sampler", [s for s in VARIANTS if not isinstance(s, Remasking)], ids=lambda s: s.kind
)
def test_revealed_tokens_stay(sampler):
    process = Masking(LinearKeep(), CHAIN.size)
    states = list(
        trajectory(SequenceDenoiser(CHAIN, process), sampler, KeyedUniform(1, range(8)), (7,), 9)
    )
    assert (states[0].x_t == process.mask).all()
    for before, after in pairwise(states):
        known = before.x_t != process.mask
        assert torch.equal(before.x_t[known], after.x_t[known])


@every_sampler
def test_a_step_where_nothing_can_change_asks_nothing(sampler):
    denoiser = Counting(CHAIN, Masking(LinearKeep(), CHAIN.size))
    done = CHAIN.sample(torch.rand(2, 7, dtype=F64))
    times = torch.tensor([0.4, 0.0], dtype=F64)
    sure = sampler.model_copy(update={"eta": 0.0} if isinstance(sampler, Remasking) else {})
    assert torch.equal(last(integrate(denoiser, sure, done, times, Bulk(2), 1)), done)
    assert not denoiser.times


@every_sampler
def test_uniform_processes_are_refused_by_name_or_run(sampler):
    denoiser = SequenceDenoiser(CHAIN, Uniform(LinearKeep(), CHAIN.size))
    if Uniform in runs(sampler):
        sample(denoiser, sampler, Bulk(2), (7,), 3)
        return
    with pytest.raises(SettingError, match="uniform") as caught:
        sample(denoiser, sampler, Bulk(2), (7,), 3)
    assert sampler.kind in str(caught.value) and "'bridge'" in caught.value.hint


@every_case
@pytest.mark.parametrize("evaluations", [1, 2, 7])
def test_data_that_is_one_text_is_found_exactly(sampler, process, evaluations):
    turn = torch.eye(3, dtype=F64).roll(1, dims=1)
    text = MarkovChain(torch.tensor([0.0, 1.0, 0.0], dtype=F64), turn, 7)
    x0 = sample(
        SequenceDenoiser(text, process(CosineKeep(), 3)), sampler, Bulk(4), (7,), evaluations
    )
    assert torch.equal(x0, torch.tensor([[1, 2, 0, 1, 2, 0, 1]]).expand(4, 7))


class OnePerLabel(Denoiser[CategoricalProcess]):
    """The text of label ``k`` is ``k`` everywhere."""

    def forward(
        self, x_t: Tensor, t: Tensor, label: Tensor | None = None, **cond: Any
    ) -> Posterior:
        assert label is not None
        logits = torch.full((*x_t.shape, self.process.size), -1e9)
        return Posterior(logits.scatter(-1, label[:, None, None].expand(-1, x_t.shape[1], 1), 0.0))


@every_case
def test_conditions_reach_the_denoiser(sampler, process):
    label = torch.tensor([2, 0, 1])
    denoiser = OnePerLabel(process(LinearKeep(), 3))
    x0 = sample(denoiser, sampler, Bulk(3), (4,), 5, {"label": label})
    assert torch.equal(x0, label[:, None].expand(3, 4))


@every_sampler
def test_spec_round_trip(sampler):
    assert TypeAdapter(AnyTokenSampler).validate_json(sampler.model_dump_json()) == sampler


@pytest.mark.parametrize("name", TOKEN_SAMPLERS)
def test_registry_names_are_kinds_and_carry_a_summary(name):
    sampler = TOKEN_SAMPLERS[name]()
    assert sampler.kind == name
    assert 10 < len(sampler.summary) < 80 and "\n" not in sampler.summary
    with pytest.raises(ValidationError):
        TOKEN_SAMPLERS[name](no_such_setting=1)


# Exactness -----------------------------------------------------------------------------------

UNBIASED: list[TokenSampler] = [
    Ancestral(),
    Bridge(),
    Remasking(),
    Remasking(eta=1.0),
    Trapezoid(),
    Trapezoid(theta=0.3),
]
"""Samplers whose steps keep the law of a single token at every time."""

unbiased = pytest.mark.parametrize(
    ("sampler", "process"),
    [(s, p) for s in UNBIASED for p in runs(s)],
    ids=[f"{s.kind}-{k}-{p.__name__}" for k, s in enumerate(UNBIASED) for p in runs(s)],
)
LETTER = MarkovChain(
    torch.tensor([0.5, 0.3, 0.2], dtype=F64), torch.full((3, 3), 1 / 3, dtype=F64), 1
)
FINE, COARSE = 400, 10
"""Levels of noise that decide and that pick; the letters' shares are whole numbers of tenths."""


def at(process: CategoricalProcess, t: Tensor) -> Tensor:
    """Exact law of one token's state at ``t``."""
    law = process.keep.keep(t) * torch.cat([LETTER.initial, torch.zeros(process.states - 3)])
    rest = 1 - process.keep.keep(t)
    if isinstance(process, Masking):
        law[-1] += rest
        return law
    return law + rest / process.size


@unbiased
@settings(max_examples=8, deadline=None)
@given(ends=st.tuples(st.floats(0.02, 1), st.floats(0, 0.98)), keep=st.sampled_from(KEEPS))
def test_one_step_keeps_the_law_of_a_single_token(sampler, process, ends, keep):
    """Pushed through exactly: every state with its weight, and evenly spread noise."""
    process = process(keep, 3)
    t = torch.tensor(ends[0], dtype=F64)
    s = t * ends[1]
    x_t, u, v = (
        grid.flatten()
        for grid in torch.meshgrid(
            torch.arange(process.states, dtype=F64),
            (torch.arange(FINE, dtype=F64) + 0.5) / FINE,
            (torch.arange(COARSE, dtype=F64) + 0.5) / COARSE,
            indexing="ij",
        )
    )
    x_t, noise = x_t.long(), (u[:, None], v[:, None])
    denoiser = SequenceDenoiser(LETTER, process)
    x_s = sampler.step(x_t[:, None], t, s, context(denoiser, noise, cost=2, step=0, steps=1))[:, 0]
    weight = at(process, t)[x_t] / (FINE * COARSE)
    got = torch.zeros(process.states, dtype=F64).index_add(0, x_s, weight)
    torch.testing.assert_close(got, at(process, s), rtol=0, atol=3 / FINE)


PRODUCT = MarkovChain(
    torch.tensor([0.6, 0.3, 0.1], dtype=F64),
    torch.tensor([[0.6, 0.3, 0.1]], dtype=F64).expand(3, 3),
    3,
)
EVEN = MarkovChain(
    torch.full((3,), 1 / 3, dtype=F64), torch.full((3, 3), 1 / 3, dtype=F64), length=3
)
# Confidence draws unlikely tokens again, so only where all are alike has it nothing to prefer.
INDEPENDENT = [
    *((s, p, PRODUCT) for s in [*UNBIASED, Dyadic()] for p in runs(s)),
    (Confidence(), Masking, EVEN),
    (Confidence(noise=0), Masking, EVEN),
]


@pytest.mark.parametrize(
    ("sampler", "process", "chain"),
    INDEPENDENT,
    ids=[f"{s.kind}-{k}-{p.__name__}" for k, (s, p, _) in enumerate(INDEPENDENT)],
)
def test_independent_tokens_are_drawn_exactly(sampler, process, chain):
    """Chi-square over all 27 texts; the bound is exceeded by chance once in 10 000 (seed fixed)."""
    denoiser = SequenceDenoiser(chain, process(LinearKeep(), 3))
    rows = 20_000
    x0 = sample(denoiser, sampler, Bulk(rows), (3,), 5)
    seen = torch.bincount(index(x0, 3), minlength=27)
    expected = rows * truth(chain)
    assert ((seen - expected).square() / expected).sum() < 61.7


# Convergence ---------------------------------------------------------------------------------


def scattered(length: int, points: int, step: int) -> Tensor:
    """Evenly spread points for two draws of noise (a Sobol sequence), shape (points, 2 L)."""
    sobol = torch.quasirandom.SobolEngine(2 * length, scramble=True, seed=step)
    return sobol.draw(points, dtype=F64)


def error(
    sampler: TokenSampler,
    denoiser: SequenceDenoiser,
    evaluations: int,
    noise: Callable[[int], Tensor],
) -> float:
    """Total variation between the law of a sampler and the truth.

    The law is not estimated by samples but pushed from step to step: from every state that can
    occur the sampler takes one step with each row of ``noise(step)``, shape (points, 2 L).
    """
    process, chain = denoiser.process, denoiser.distribution
    states = every(process.states, chain.length)
    x_1 = process.prior((states.double() + 0.5) / process.states)
    law = torch.zeros(len(states), dtype=F64)
    law.index_add_(0, index(x_1, process.states), torch.full_like(law, 1 / len(states)))
    plan = sampler.plan(evaluations)
    times = sampler.grid.times(len(plan), process.keep, 8)
    for k, (t, s) in enumerate(pairwise(times)):
        here, points = law.nonzero()[:, 0], noise(k)
        draws = points.repeat(len(here), 1).chunk(2, 1)
        x_t = states[here].repeat_interleave(len(points), 0)
        x_s = sampler.step(x_t, t, s, context(denoiser, draws, plan[k], k, len(plan)))
        weight = law[here].repeat_interleave(len(points)) / len(points)
        law = torch.zeros_like(law).index_add_(0, index(x_s, process.states), weight)
    clean = index(every(chain.size, chain.length), process.states)
    assert law[clean].sum().item() == pytest.approx(1)
    return (law[clean] - truth(chain)).abs().sum().item() / 2


STICKY = MarkovChain(
    torch.tensor([0.5, 0.3, 0.2], dtype=F64),
    torch.tensor([[0.8, 0.1, 0.1], [0.15, 0.7, 0.15], [0.1, 0.2, 0.7]], dtype=F64),
    3,
)


@pytest.mark.parametrize(
    ("sampler", "process"),
    [(s, p) for s in [Ancestral(), Bridge(), Remasking(), Trapezoid()] for p in runs(s)],
    ids=lambda case: getattr(case, "kind", getattr(case, "__name__", "")),
)
def test_more_evaluations_bring_the_law_nearer(sampler, process):
    denoiser = SequenceDenoiser(STICKY, process(LinearKeep(), 3))
    errors = [error(sampler, denoiser, n, lambda k: scattered(3, 128, k)) for n in (1, 4, 16)]
    assert errors[1] < errors[0] / 1.8 and errors[2] < errors[1] / 1.8, errors


@pytest.mark.parametrize("length", [2, 3, 4])
def test_dyadic_is_exact_for_a_chain_at_its_budget(length):
    chain = MarkovChain(STICKY.initial, STICKY.transition, length)
    denoiser = SequenceDenoiser(chain, Masking(CosineKeep(), 3))
    rounds = length.bit_length()
    errors = [
        error(Dyadic(), denoiser, rounds + n, lambda k: scattered(length, 512, k))
        for n in (-1, 0, 1, 2)
    ]
    assert errors[0] > 0.1 and max(errors[1:]) < 0.01, errors


WEAK = MarkovChain(
    torch.tensor([0.5, 0.5], dtype=F64), torch.tensor([[2, 1], [1, 2]], dtype=F64) / 3, 2
)


def lattice(steps_left: int) -> Tensor:
    """All noise there is for two places: what decides in k^2 levels, what picks in 6.

    On the quadratic grid a mask is left with probability ``((k - 1) / k)^2``, and until the middle
    of a step with ``(k - 1) / k``; and this chain's beliefs are whole numbers of sixths, before
    and after the trapezoid corrects them. So no level is cut in two, and the law is exact.
    """
    levels = [torch.arange(n, dtype=F64).add(0.5) / n for n in (steps_left**2, 6)]
    return torch.cartesian_prod(levels[0], levels[0], levels[1], levels[1])


@pytest.mark.parametrize(
    ("sampler", "order"),
    [(Ancestral(grid=QuadraticGrid()), 1), (Trapezoid(grid=QuadraticGrid()), 3)],
    ids=["ancestral", "trapezoid"],
)
def test_order_of_convergence_is_as_in_theory(sampler, order):
    """On a chain weak enough that no rate of the trapezoid is cut.

    In general the trapezoid is of order 2. With two places and ``theta = 1/2`` all that is wrong
    of a step is ``(early - late)^2``, the shares lifted in its halves, and that is one order less.
    """
    cost = sampler.plan(3)[0]
    denoiser = SequenceDenoiser(WEAK, Masking(LinearKeep(), 2))
    errors = [
        error(sampler, denoiser, cost * (steps - 1) + 1, lambda k, n=steps: lattice(n - k))
        for steps in (2, 4)
    ]
    measured = math.log2(errors[0] / errors[1])
    assert abs(measured - order) < 0.1, (measured, errors)


def test_trapezoid_is_better_than_ancestral_for_the_same_evaluations():
    denoiser = SequenceDenoiser(STICKY, Masking(LinearKeep(), 3))
    two, one = (
        error(s, denoiser, 9, lambda k: scattered(3, 256, k)) for s in (Trapezoid(), Ancestral())
    )
    assert two < one
