"""Weighted sums, in parts or whole."""

import pytest
import torch

from sfumato.sampling.sampler import blend

G = torch.Generator().manual_seed(0)


@pytest.mark.parametrize("shape", [(3, 5), (2, 3, 300, 301), (1, 65_536), (0, 4)])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_it_is_the_sum(shape, dtype):
    state, a, b = (torch.randn(*shape, generator=G).to(dtype) for _ in range(3))
    want = 0.3 * state.double() - 1.7 * a.double() + 0.2 * b.double()
    got = blend(state, 0.3, [a, b, state], [-1.7, 0.2])
    tolerance = 3e-2 if dtype == torch.bfloat16 else 1e-5
    torch.testing.assert_close(got.double(), want, rtol=tolerance, atol=tolerance)


def test_numbers_are_the_same_wherever_a_part_ends():
    state, term = (torch.randn(3, 70_001, generator=G) for _ in range(2))
    whole = blend(state, 0.7, [term], [0.4])
    for row in range(3):
        assert torch.equal(blend(state[row], 0.7, [term[row]], [0.4]), whole[row])


def test_strided_states_are_summed_too():
    state, term = (torch.randn(40, 50, generator=G).T for _ in range(2))
    torch.testing.assert_close(blend(state, 2.0, [term], [3.0]), 2 * state + 3 * term)
