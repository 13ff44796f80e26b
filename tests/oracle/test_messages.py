"""The recursion against the enumeration of all texts, for any evidence and any order."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from sfumato.oracle import MarkovChain
from sfumato.oracle.messages import marginals
from tests.oracle import enumeration

F64 = torch.float64
V = 3


def found(chain: MarkovChain, evidence: torch.Tensor):
    return marginals(chain.initial, chain.transition, evidence)


@given(
    order=st.integers(1, 3),
    more=st.integers(0, 3),
    seed=st.integers(0, 999),
    sharpness=st.sampled_from([1.0, 8.0]),
)
@settings(deadline=None, max_examples=30, derandomize=True)
def test_they_are_those_of_enumeration(order, more, seed, sharpness):
    chain = MarkovChain.random(V, order + more, seed, order=order)
    source = torch.Generator().manual_seed(seed)
    evidence = torch.rand(2, chain.length, V, dtype=F64, generator=source) ** sharpness
    got = found(chain, evidence)
    p = enumeration.law(chain)
    for row in range(2):
        weights = enumeration.weighed(p, evidence[row])
        torch.testing.assert_close(
            got.log_likelihood[row], weights.sum().log(), rtol=1e-12, atol=1e-12
        )
        for place in range(chain.length):
            others = evidence[row].clone()
            others[place] = 1
            want = enumeration.marginals(enumeration.weighed(p, others), V, chain.length)[place]
            rows = got.leave_one_out[row, place]
            torch.testing.assert_close(rows / rows.sum(), want, rtol=1e-11, atol=1e-14)


@pytest.mark.parametrize("order", [1, 2, 3])
def test_factors_of_the_evidence_count_in_the_likelihood_alone(order):
    chain = MarkovChain.random(V, 6, seed=1, order=order)
    source = torch.Generator().manual_seed(0)
    evidence = torch.rand(1, 6, V, dtype=F64, generator=source)
    factors = torch.tensor([1e-200, 3.0, 1e100, 0.5, 1e-200, 1.0], dtype=F64)
    plain, scaled = found(chain, evidence), found(chain, evidence * factors[:, None])
    torch.testing.assert_close(scaled.leave_one_out, plain.leave_one_out)
    added = sum(math.log(factor) for factor in factors)
    torch.testing.assert_close(scaled.log_likelihood, plain.log_likelihood + added)


@pytest.mark.parametrize("order", [1, 2])
def test_what_cannot_be_has_no_likelihood_and_finite_marginals(order):
    """A chain that repeats its first token for ever, and evidence of two different ones."""
    repeat = torch.zeros((2,) * (order + 1), dtype=F64)
    repeat[..., 0, 0] = repeat[..., 1, 1] = 1
    first = torch.zeros((2,) * order, dtype=F64)
    first[(0,) * order] = first[(1,) * order] = 0.5
    evidence = torch.ones(3, 5, 2, dtype=F64)
    evidence[0, 0, 0] = evidence[0, 4, 1] = 0
    evidence[1, 2] = 0
    got = found(MarkovChain(first, repeat, 5), evidence)
    assert got.log_likelihood[:2].tolist() == [-math.inf, -math.inf]
    assert got.log_likelihood[2].item() == pytest.approx(0, abs=1e-15)
    assert got.leave_one_out.isfinite().all() and (got.leave_one_out >= 0).all()
