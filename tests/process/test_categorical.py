"""Categorical processes against small transition matrices and Bayes' rule by enumeration."""

import itertools
import math

import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st

from sfumato.process.categorical import Categorical, Masking, Uniform
from sfumato.process.keep import CosineKeep, LinearKeep, PowerKeep

F64 = torch.float64
V = 4
KEEPS = [LinearKeep(), CosineKeep(), PowerKeep(power=0.5), PowerKeep(power=3.0)]
PROCESSES = [kind(keep, V) for kind in (Masking, Uniform) for keep in KEEPS]
every_process = pytest.mark.parametrize(
    "process", PROCESSES, ids=lambda p: f"{type(p).__name__}-{p.keep}"
)
exhaustively = settings(deadline=None, max_examples=15, derandomize=True)
LAST = math.nextafter(1.0, 0.0)


@st.composite
def pairs(draw):
    """``(t, s)`` with s < t, ends included."""
    t = draw(st.just(1.0) | st.floats(0.05, 1.0))
    return t, draw(st.just(0.0) | st.floats(0.0, t - 0.01))


def time(t):
    return torch.tensor(t, dtype=F64)


def close(got, want):
    torch.testing.assert_close(got, want, rtol=1e-12, atol=1e-12)


def lost(process) -> torch.Tensor:
    """What a lost token turns into: one distribution per state it was in, shape (K, K)."""
    if isinstance(process, Masking):
        return torch.eye(V + 1, dtype=F64)[[V] * (V + 1)]
    return torch.full((V, V), 1 / V, dtype=F64)


def steps(process, s: float, t: float) -> torch.Tensor:
    """``q(x_t | x_s)``, shape (K, K), as many small steps of the chain, each from the definition:
    a token is lost with the chance by which ``keep`` shrinks."""
    keep = process.keep.keep(torch.linspace(s, t, 6, dtype=F64))
    matrix = torch.eye(process.states, dtype=F64)
    for before, after in itertools.pairwise(keep):
        # Differences first: 1 - after / before would lose digits that Bayes' rule divides by.
        stays, goes = after / before, (before - after) / before
        matrix = matrix @ (stays * torch.eye(process.states, dtype=F64) + goes * lost(process))
    return matrix


def bayes(process, t: float, s: float) -> tuple[torch.Tensor, torch.Tensor]:
    """``q(x_s = v | x_t = w, x0 = u)``, shape (V, K, K) as [u, w, v], and ``q(x_t = w | u)``."""
    joint = steps(process, 0.0, s)[:V, None, :] * steps(process, s, t).T[None]
    reached = joint.sum(-1)
    return joint / reached.unsqueeze(-1), reached


def every_pair(process) -> tuple[torch.Tensor, torch.Tensor]:
    """``x0`` and ``x_t`` as a table of all pairs, each of shape (V, K)."""
    shape = (V, process.states)
    return (
        torch.arange(V)[:, None].expand(shape).contiguous(),
        torch.arange(process.states)[None].expand(shape).contiguous(),
    )


@every_process
@pytest.mark.parametrize("t", [0.0, 0.2, 0.55, 0.9, 1.0])
def test_corrupt_has_the_marginals_of_the_chain(process, t):
    """Every level of the noise in turn; the sets of levels are at most two intervals each."""
    n = 4000
    noise = ((torch.arange(n, dtype=F64) + 0.5) / n).expand(V, n)
    x_t = process.corrupt(torch.arange(V)[:, None].expand(V, n), time(t), noise)
    assert x_t.dtype == torch.int64
    counts = torch.stack([torch.bincount(row, minlength=process.states) for row in x_t])
    torch.testing.assert_close(counts / n, steps(process, 0.0, t)[:V].float(), rtol=0, atol=2 / n)


@every_process
@given(u=st.floats(0, LAST))
@exhaustively
@example(0.0)
@example(LAST)
def test_at_the_ends_corrupt_is_the_data_and_the_prior(process, u):
    x0 = torch.arange(V)[None]
    noise = torch.full((1, V), u, dtype=F64)
    assert torch.equal(process.corrupt(x0, time(0.0), noise), x0)
    assert torch.equal(process.corrupt(x0, time(1.0), noise), process.prior(noise))


@every_process
def test_corrupt_takes_a_time_per_sample(process):
    t, noise = time([0.2, 0.7]), (torch.arange(100, dtype=F64) / 100).expand(2, 100)
    x0 = torch.arange(100).expand(2, 100) % V
    both = process.corrupt(x0, t, noise)
    for k in range(2):
        assert torch.equal(both[k : k + 1], process.corrupt(x0[:1], t[k], noise[:1]))


@pytest.mark.parametrize("keep", KEEPS, ids=str)
def test_what_is_masked_stays_masked(keep):
    process, noise = Masking(keep, V), (torch.arange(64, dtype=F64) / 64)[None]
    x0 = torch.arange(64)[None] % V
    states = [process.corrupt(x0, time(t), noise) for t in (0.0, 0.3, 0.6, 0.9, 1.0)]
    for earlier, later in itertools.pairwise(states):
        assert ((later == earlier) | (later == process.mask)).all()
        assert (later == process.mask).sum() > (earlier == process.mask).sum()


def test_the_uniform_prior_holds_every_token_alike():
    noise = (torch.arange(1000, dtype=F64) / 1000)[None]
    assert torch.bincount(Uniform(LinearKeep(), V).prior(noise)[0]).tolist() == [250] * V


@every_process
@given(pair=pairs())
@exhaustively
def test_bridge_is_bayes_rule(process, pair):
    t, s = pair
    x0, x_t = every_pair(process)
    want, reached = bayes(process, t, s)
    got = process.bridge(x_t, x0, time(t), time(s)).probabilities
    assert got.shape == want.shape and got.dtype == F64
    close(got[reached > 0], want[reached > 0])


@every_process
@given(pair=pairs())
@exhaustively
def test_bridge_after_corrupt_has_the_marginal_at_s(process, pair):
    t, s = pair
    x0, x_t = every_pair(process)
    bridge = process.bridge(x_t, x0, time(t), time(s)).probabilities
    at_t, at_s = (steps(process, 0.0, when)[:V] for when in (t, s))
    close(torch.einsum("uw,uwv->uv", at_t, bridge), at_s)


@every_process
@given(pair=pairs(), seed=st.integers(0, 999))
@exhaustively
def test_bridge_from_a_belief_is_the_mixture(process, pair, seed):
    t, s = pair
    belief = torch.rand(V, dtype=F64, generator=torch.Generator().manual_seed(seed))
    belief = belief * (belief > 0.3) + 1e-3
    belief = belief / belief.sum()
    want, reached = bayes(process, t, s)
    mixture = torch.einsum("u,uwv->wv", belief, want.nan_to_num())
    x_t = torch.arange(process.states)[None]
    beliefs = belief.expand(1, process.states, V)
    got = process.bridge(x_t, beliefs, time(t), time(s)).probabilities[0]
    met = (reached > 0).all(0)
    close(got[met], mixture[met])
    # A token that can be seen is known, whatever is believed of it.
    close(got[~met], torch.eye(process.states, dtype=F64)[~met])


@every_process
@pytest.mark.parametrize("t", [0.1, 0.6, 1.0])
def test_at_time_zero_the_bridge_is_the_data_exactly(process, t):
    x0, x_t = every_pair(process)
    hidden = x_t == V if isinstance(process, Masking) else torch.ones_like(x_t, dtype=torch.bool)
    got = process.bridge(x_t, x0, time(t), time(0.0)).probabilities
    close(got[hidden].argmax(-1).double(), x0[hidden].double())
    assert (got[hidden].gt(0).sum(-1) == 1).all()
    if isinstance(process, Masking):
        assert (got[..., process.mask] == 0).all()


@every_process
@pytest.mark.parametrize(
    ("t", "s"), [(1.0, LAST), (1.0, 1 - 1e-9), (1e-9, 0.0), (1e-9, 1e-10), (1e-300, 0.0)]
)
def test_bridges_are_distributions_where_keep_rounds_to_its_ends(process, t, s):
    belief = torch.tensor([0.0, 0.2, 0.8, 0.0], dtype=F64).expand(1, process.states, V)
    x_t = torch.arange(process.states)[None]
    rows = process.bridge(x_t, belief, time(t), time(s)).probabilities
    assert (rows >= 0).all()
    close(rows.sum(-1), torch.ones(1, process.states, dtype=F64))


@every_process
def test_bridge_takes_times_per_sample(process):
    t, s = time([[1.0, 0.7], [0.6, 0.2]])
    x_t = torch.arange(process.states).expand(2, -1)
    x0 = torch.full_like(x_t, 1)
    both = process.bridge(x_t, x0, t, s).probabilities
    for k in range(2):
        one = process.bridge(x_t[k : k + 1], x0[k : k + 1], t[k], s[k]).probabilities
        assert torch.equal(both[k : k + 1], one)


@every_process
def test_bridge_takes_single_precision_beliefs_and_leaves_them_alone(process):
    belief = torch.rand(1, process.states, V, generator=torch.Generator().manual_seed(0))
    before, x_t = belief.clone(), torch.arange(process.states)[None]
    single, double = (
        process.bridge(x_t, b, time(0.8), time(0.3)).probabilities
        for b in (belief, belief.double())
    )
    assert torch.equal(single, double) and torch.equal(belief, before)


@given(
    weights=st.lists(st.just(0.0) | st.floats(1e-12, 1e3), min_size=1, max_size=8).filter(any),
    u=st.floats(0, LAST),
)
@settings(deadline=None, max_examples=100, derandomize=True)
@example([0.0, 0.0, 1.0, 0.0], 0.0)
@example([0.0, 0.1, 0.2, 0.0], LAST)
@example([0.7, 1e-12, 0.0, 0.0], LAST)
@example([1e-12, 1e3, 0.0], LAST)
def test_the_impossible_is_never_drawn(weights, u):
    rows = torch.tensor([[weights]], dtype=F64)
    drawn = Categorical(rows).sample(torch.tensor([[u]], dtype=F64))
    assert drawn.shape == (1, 1) and drawn.dtype == torch.int64
    assert weights[drawn.item()] > 0


@pytest.mark.parametrize("scale", [1.0, 0.5, 16.0])
@pytest.mark.parametrize("within", [0.0, 0.5, 1 - 1e-9])
def test_frequencies_are_exact(scale, within):
    """Shares that are whole numbers of strata, whatever the rows sum to; strata hold their start
    and not their end."""
    shares = torch.tensor([0, 8, 1, 0, 52, 3, 0], dtype=F64)
    noise = (torch.arange(64, dtype=F64) + within) / 64
    drawn = Categorical((shares * scale).expand(1, 64, 7)).sample(noise[None])
    assert torch.bincount(drawn[0], minlength=7).tolist() == shares.tolist()
    assert (drawn.diff() >= 0).all()


def test_rare_categories_are_not_rounded_away():
    rows = torch.tensor([1 - 1e-12, 1e-12], dtype=F64).expand(1, 2, 2)
    assert Categorical(rows).sample(time([[1 - 5e-13, 1 - 5e-12]])).tolist() == [[1, 0]]
