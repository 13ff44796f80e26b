"""Attention: rotary positions are relative, tokens are a set."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from sfumato.errors import SettingError
from sfumato.nets.attention import (
    Rotary,
    SelfAttention,
    fused,
    normalise_and_rotate,
)
from sfumato.nets.layers import grid


def test_what_is_not_seen_is_as_if_it_were_not_there() -> None:
    torch.manual_seed(0)
    q, k, v = (torch.randn(1, 2, 6, 8, dtype=torch.float64) for _ in range(3))
    mask = torch.zeros(1, 1, 6, 6, dtype=torch.bool)
    mask[..., :4, :4] = mask[..., 4:, 4:] = True
    whole = fused(q, k, v, mask)
    for part in (slice(0, 4), slice(4, 6)):
        alone = fused(q[:, :, part], k[:, :, part], v[:, :, part])
        torch.testing.assert_close(whole[:, :, part], alone, rtol=0, atol=1e-12)


def test_who_sees_one_token_takes_its_value() -> None:
    q, k, v = torch.randn(3, 1, 2, 5, 8, dtype=torch.float64)
    order = torch.randperm(5)
    mask = torch.eye(5).bool()[order][None, None]
    torch.testing.assert_close(fused(q, k, v, mask), v[:, :, order])


def test_equal_scores_average_the_values() -> None:
    q = torch.zeros(1, 1, 4, 8, dtype=torch.float64)
    v = torch.arange(32, dtype=torch.float64).reshape(1, 1, 4, 8)
    expected = v.mean(dim=2, keepdim=True).expand_as(v)
    torch.testing.assert_close(fused(q, q, v), expected)


@pytest.mark.parametrize(("axes", "head_dim"), [(1, 8), (2, 8), (3, 16), (2, 10)])
def test_rotary_scores_depend_on_differences_of_position_only(axes: int, head_dim: int) -> None:
    torch.manual_seed(0)
    rotary = Rotary(head_dim, axes).double()
    qk = torch.randn(1, 6, 2, 1, head_dim, dtype=torch.float64)
    gain = torch.rand(2, head_dim, dtype=torch.float64)
    positions = 5 * torch.rand(6, axes, dtype=torch.float64)

    def scores(where: torch.Tensor) -> torch.Tensor:
        q, k = normalise_and_rotate(qk, gain, *rotary(where)).unbind(2)
        return torch.einsum("bnhk,bmhk->bhnm", q, k)

    shifted = scores(positions + torch.tensor([7.25, -3.5, 2.0])[:axes])
    torch.testing.assert_close(shifted, scores(positions), rtol=0, atol=1e-12)
    for axis in range(axes):  # and each axis does matter
        stretched = positions.clone()
        stretched[:, axis] *= 2
        assert (scores(stretched) - scores(positions)).abs().max() > 0.1


def test_queries_and_keys_have_the_length_of_their_gains_wherever_they_stand() -> None:
    torch.manual_seed(0)
    rotary = Rotary(8, 2).double()
    x = 100 * torch.randn(1, 9, 2, 3, 8, dtype=torch.float64)
    gain = torch.tensor([[1.0], [0.5]], dtype=torch.float64).expand(2, 8)
    turned = normalise_and_rotate(x, gain, *rotary(grid((3, 3))))
    lengths = turned.square().mean(-1).sqrt()
    torch.testing.assert_close(lengths[:, :, 0], torch.ones(1, 9, 3).double())
    torch.testing.assert_close(lengths[:, :, 1], torch.full((1, 9, 3), 0.5).double())


def test_at_the_origin_only_the_norm_and_the_gain_act() -> None:
    torch.manual_seed(0)
    x, gain = torch.randn(1, 1, 2, 3, 8).double(), torch.rand(2, 8).double()
    turned = normalise_and_rotate(x, gain, *Rotary(8, 2).double()(torch.zeros(1, 2)))
    expected = F.rms_norm(x, (8,), eps=1e-6) * gain[:, None]
    torch.testing.assert_close(turned, expected)


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
