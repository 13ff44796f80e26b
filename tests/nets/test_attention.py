"""Attention: kernels agree, rotary positions are relative, tokens are a set."""

from __future__ import annotations

import pytest
import torch

from sfumato.errors import SettingError
from sfumato.nets.attention import (
    AttentionKernel,
    Rotary,
    SelfAttention,
    explicit,
    fused,
    rotate,
    suited,
    training_attention,
)
from sfumato.nets.patches import grid


@pytest.mark.parametrize("kernel", [explicit, suited])
def test_kernels_agree_with_the_fused_one_in_value_and_gradient(kernel: AttentionKernel) -> None:
    torch.manual_seed(0)
    q, k, v = (torch.randn(2, 3, 10, 8, dtype=torch.float64).requires_grad_() for _ in range(3))
    toward = torch.randn(2, 3, 10, 8, dtype=torch.float64)
    expected, actual = fused(q, k, v), kernel(q, k, v)
    torch.testing.assert_close(actual, expected, rtol=0, atol=1e-12)
    expected_grads = torch.autograd.grad(expected, (q, k, v), toward)
    actual_grads = torch.autograd.grad(actual, (q, k, v), toward)
    torch.testing.assert_close(actual_grads, expected_grads, rtol=0, atol=1e-12)


@pytest.mark.parametrize("kernel", [explicit, suited])
def test_kernels_agree_where_a_token_does_not_see_all(kernel: AttentionKernel) -> None:
    torch.manual_seed(0)
    q, k, v = (torch.randn(2, 3, 10, 8, dtype=torch.float64).requires_grad_() for _ in range(3))
    toward = torch.randn(2, 3, 10, 8, dtype=torch.float64)
    sees = (torch.rand(2, 1, 10, 10) < 0.4) | torch.eye(10).bool()
    expected, actual = fused(q, k, v, sees), kernel(q, k, v, sees)
    torch.testing.assert_close(actual, expected, rtol=0, atol=1e-12)
    expected_grads = torch.autograd.grad(expected, (q, k, v), toward)
    actual_grads = torch.autograd.grad(actual, (q, k, v), toward)
    torch.testing.assert_close(actual_grads, expected_grads, rtol=0, atol=1e-12)


@pytest.mark.parametrize("kernel", [explicit, fused])
def test_what_is_not_seen_is_as_if_it_were_not_there(kernel: AttentionKernel) -> None:
    torch.manual_seed(0)
    q, k, v = (torch.randn(1, 2, 6, 8, dtype=torch.float64) for _ in range(3))
    sees = torch.zeros(1, 1, 6, 6, dtype=torch.bool)
    sees[..., :4, :4] = sees[..., 4:, 4:] = True
    whole = kernel(q, k, v, sees)
    for part in (slice(0, 4), slice(4, 6)):
        alone = kernel(q[:, :, part], k[:, :, part], v[:, :, part])
        torch.testing.assert_close(whole[:, :, part], alone, rtol=0, atol=1e-12)


@pytest.mark.parametrize("kernel", [explicit, fused])
def test_who_sees_one_token_takes_its_value(kernel: AttentionKernel) -> None:
    q, k, v = torch.randn(3, 1, 2, 5, 8, dtype=torch.float64)
    order = torch.randperm(5)
    sees = torch.eye(5).bool()[order][None, None]
    torch.testing.assert_close(kernel(q, k, v, sees), v[:, :, order])


@pytest.mark.parametrize("kernel", [explicit, fused])
def test_equal_scores_average_the_values(kernel: AttentionKernel) -> None:
    q = torch.zeros(1, 1, 4, 8, dtype=torch.float64)
    v = torch.arange(32, dtype=torch.float64).reshape(1, 1, 4, 8)
    expected = v.mean(dim=2, keepdim=True).expand_as(v)
    torch.testing.assert_close(kernel(q, q, v), expected)


@pytest.mark.parametrize(
    ("device", "dtype", "expected"),
    [
        ("cpu", torch.bfloat16, explicit),
        ("cpu", torch.float32, fused),
        ("cuda", torch.bfloat16, fused),
    ],
)
def test_the_kernel_for_training_follows_the_measurements(
    device: str, dtype: torch.dtype, expected: AttentionKernel
) -> None:
    assert training_attention(torch.device(device), dtype) is expected


@pytest.mark.parametrize(("axes", "head_dim"), [(1, 8), (2, 8), (3, 16), (2, 10)])
def test_rotary_scores_depend_on_differences_of_position_only(axes: int, head_dim: int) -> None:
    torch.manual_seed(0)
    rotary = Rotary(head_dim, axes).double()
    q, k = torch.randn(2, 1, 6, 1, 1, head_dim, dtype=torch.float64)
    positions = 5 * torch.rand(6, axes, dtype=torch.float64)

    def scores(where: torch.Tensor) -> torch.Tensor:
        tables = rotary(where)
        return torch.einsum("...nxhk,...mxhk->...nm", rotate(q, *tables), rotate(k, *tables))

    shifted = scores(positions + torch.tensor([7.25, -3.5, 2.0])[:axes])
    torch.testing.assert_close(shifted, scores(positions), rtol=0, atol=1e-12)
    for axis in range(axes):  # and each axis does matter
        stretched = positions.clone()
        stretched[:, axis] *= 2
        assert (scores(stretched) - scores(positions)).abs().max() > 0.1


def test_rotation_preserves_length_and_is_the_identity_at_the_origin() -> None:
    torch.manual_seed(0)
    rotary = Rotary(8, 2).double()
    x = torch.randn(1, 9, 1, 2, 8, dtype=torch.float64)
    turned = rotate(x, *rotary(grid((3, 3))))
    torch.testing.assert_close(turned.norm(dim=-1), x.norm(dim=-1))
    torch.testing.assert_close(turned[:, 0], x[:, 0])


def test_angles_stay_exact_in_reduced_precision() -> None:
    positions = torch.tensor([[1001.0]])
    exact = Rotary(2, 1)(positions)
    with torch.autocast("cpu", torch.bfloat16):
        mixed = Rotary(2, 1)(positions)
    torch.testing.assert_close((*mixed, *Rotary(2, 1).bfloat16()(positions)), (*exact, *exact))


def test_tokens_are_a_set_of_placed_tokens() -> None:
    torch.manual_seed(0)
    attention, rotary = SelfAttention(16, 2).double(), Rotary(8, 2).double()
    x = torch.randn(2, 9, 16, dtype=torch.float64)
    positions, order = grid((3, 3)).double(), torch.randperm(9)
    expected = attention(x, rotary(positions))[:, order]
    actual = attention(x[:, order], rotary(positions[order]))
    torch.testing.assert_close(actual, expected, rtol=0, atol=1e-12)


def test_scores_ignore_the_scale_of_the_queries_and_keys() -> None:
    torch.manual_seed(0)
    attention, rotary = SelfAttention(16, 2).double(), Rotary(8, 1).double()
    x = torch.randn(2, 5, 16, dtype=torch.float64)
    tables = rotary(grid((5,)))
    before = attention(x, tables)
    with torch.no_grad():
        attention.qkv.weight[:32] *= 1000
        attention.qkv.bias[:32] *= 1000
    torch.testing.assert_close(attention(x, tables), before, rtol=0, atol=1e-5)


def test_bad_sizes_are_refused() -> None:
    with pytest.raises(SettingError, match="2 axes"):
        Rotary(2, 2)
    with pytest.raises(SettingError, match="3 heads"):
        SelfAttention(16, 3)
