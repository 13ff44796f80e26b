"""Self-attention with rotary positions, and cross-attention; queries and keys are normalised.

The kernel, which computes softmax(QKᵀ)V, is a callable: torch's fused one by default, which the
engine replaces where another is faster in training (``engine.attention``).

Shape suffixes: B samples, N tokens, H heads, K size of a head, D = H * K size of a token, L states
of a context.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from sfumato.errors import SettingError

AttentionKernel = Callable[[Tensor, Tensor, Tensor, Tensor | None], Tensor]
"""(q, k, v), each (B, H, N, K), and a mask, bool (B, 1, N, N), true where a token (row) attends to
another (column), or None for all -> (B, H, N, K)."""


def fused(
    q_BHNK: Tensor, k_BHNK: Tensor, v_BHNK: Tensor, mask_B1NN: Tensor | None = None
) -> Tensor:
    """Torch's fused kernel, which never stores the N x N scores."""
    return F.scaled_dot_product_attention(q_BHNK, k_BHNK, v_BHNK, attn_mask=mask_B1NN)


class Rotary(nn.Module):
    """Rotary positions in any number of axes (Su et al. 2021; axial, as in Heo et al. 2024).

    The pairs of channels of a head are divided evenly among the axes and rotated by an angle
    proportional to the position, so scores depend on differences of positions only. Pairs that
    do not divide evenly stay unrotated.

    Args:
        head_dim: Size of a head, even.
        axes: The number of coordinates of a position.
        theta: Ratio of the fastest rotation, one radian per unit of position, to the slowest.
    """

    frequencies: Tensor

    def __init__(self, head_dim: int, axes: int, theta: float = 100.0) -> None:
        super().__init__()
        if head_dim % 2 or head_dim < 2 * axes:
            raise SettingError(
                f"A head of size {head_dim} cannot hold rotary positions of {axes} axes.",
                why="every axis needs at least one pair of channels.",
                hint=f"use an even size of at least {2 * axes}.",
            )
        pairs = head_dim // 2
        each = pairs // axes
        frequencies = torch.zeros(axes, pairs)
        for axis in range(axes):
            frequencies[axis, axis * each : (axis + 1) * each] = theta ** (
                -torch.arange(each) / each
            )
        self.register_buffer("frequencies", frequencies, persistent=False)

    def forward(self, positions: Tensor) -> tuple[Tensor, Tensor]:
        """(N, axes) -> cosines and sines, (N, K / 2) each, for `normalise_and_rotate`."""
        # Not a matrix product, because autocast would round large angles to bfloat16.
        angles = (positions.unsqueeze(-1) * self.frequencies).sum(dim=-2)
        return angles.cos(), angles.sin()


def normalise(x: Tensor) -> Tensor:
    """Divide by the root mean square over the last axis, in the format of `x`."""
    fine, size = torch.promote_types(x.dtype, torch.float32), x.shape[-1]
    norm = torch.linalg.vector_norm(x, dim=-1, keepdim=True, dtype=fine)
    unit: Tensor = x * (norm.square() / size + 1e-6).rsqrt().to(x.dtype)
    return unit


def normalise_and_rotate(
    x_BN2HK: Tensor, gain_2K: Tensor, cos_NP: Tensor, sin_NP: Tensor
) -> Tensor:
    """Queries and keys at root mean square 1 per head, times their gains, rotated (P = K / 2).

    Gain and rotation are one multiplication by two small tables, and every tensor as large as the
    tokens stays in their format, because conversions would dominate the time on a CPU. Halves are
    exchanged by a flip, whose inner loop a compiler can vectorise.

    Returns:
        Contiguous, shape (B, N, 2, H, K), in the format of ``x_BN2HK``.
    """
    unit_BN2HK = normalise(x_BN2HK)
    halves_BN2H2P = unit_BN2HK.view(*x_BN2HK.shape[:-1], 2, -1)
    gain_22P = gain_2K.reshape(2, 2, -1)
    straight_N22P = cos_NP[:, None, None] * gain_22P
    crossed_N22P = torch.stack([-sin_NP, sin_NP], dim=1)[:, None] * gain_22P.flip(-2)
    straight, crossed = (
        table.to(x_BN2HK.dtype).unsqueeze(2) for table in (straight_N22P, crossed_N22P)
    )
    return torch.addcmul(halves_BN2H2P * straight, halves_BN2H2P.flip(-2), crossed).flatten(-2)


class Context(NamedTuple):
    """States that tokens attend to, such as those of words.

    Attributes:
        states: (B, L, size).
        mask: Bool, (B, L), false where there is no state. Every row needs one that is there.
    """

    states: Tensor
    mask: Tensor


class ContextKernel(nn.Module):
    """Attention from given queries to a context, whose states have no positions.

    Keys are RMS-normalised per head, as queries are. They are few, so the kernel is always torch's.

    Args:
        context: Size of a state.
        dim: Size of a token.
        heads: Number of heads; divides `dim`.
    """

    def __init__(self, context: int, dim: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.key = nn.Linear(context, dim)
        self.value = nn.Linear(context, dim)
        self.gain_K = nn.Parameter(torch.ones(dim // heads))

    def forward(self, q_BHNK: Tensor, context: Context) -> Tensor:
        """(B, H, N, K), normalised, with a context -> (B, H, N, K)."""
        k_BLHK = self.key(context.states).unflatten(-1, (self.heads, -1))
        v_BLHK = self.value(context.states).unflatten(-1, (self.heads, -1))
        k_BLHK = normalise(k_BLHK) * self.gain_K.to(k_BLHK.dtype)
        mask_B11L = context.mask[:, None, None]
        return fused(q_BHNK, k_BLHK.transpose(1, 2), v_BLHK.transpose(1, 2), mask_B11L)


class SelfAttention(nn.Module):
    """Self-attention among tokens, with an optional mask, and attention to a context if any.

    Queries and keys are RMS-normalised per head before they are rotated, which keeps scores
    bounded and training stable at high learning rates (Dehghani et al. 2023; Esser et al. 2024).

    The same queries read the context, and both results are added before the output map (decoupled
    cross-attention, Ye et al. 2023, arXiv:2308.06721, section 3.2.2): half the cost of a layer of
    cross-attention where tokens are many. The values of the context start at zero.

    Args:
        dim: Size of a token.
        heads: Number of heads; divides `dim`.
        kernel: Computes softmax(QKᵀ)V among tokens.
        context: Size of the states of a context; 0 for none.
    """

    def __init__(
        self, dim: int, heads: int, kernel: AttentionKernel = fused, context: int = 0
    ) -> None:
        super().__init__()
        if dim % heads:
            raise SettingError(
                f"Tokens of size {dim} cannot be divided among {heads} heads.",
                hint="make the size a multiple of the number of heads.",
            )
        self.heads = heads
        self.kernel = kernel
        self.qkv = nn.Linear(dim, 3 * dim)
        self.gain_2K = nn.Parameter(torch.ones(2, dim // heads))
        self.out = nn.Linear(dim, dim)
        self.context = ContextKernel(context, dim, heads) if context else None
        if self.context is not None:
            nn.init.zeros_(self.context.value.weight)
            nn.init.zeros_(self.context.value.bias)

    def forward(
        self,
        x_BND: Tensor,
        rotary: tuple[Tensor, Tensor],
        mask_B1NN: Tensor | None = None,
        context: Context | None = None,
    ) -> Tensor:
        """(B, N, D) with the tables of `Rotary`, (N, K / 2) each -> (B, N, D).

        `context` is there if the layer was built for one.
        """
        dim = x_BND.shape[-1]
        qk_BNE, v_BND = self.qkv(x_BND).split([2 * dim, dim], dim=-1)
        qk_BN2HK = qk_BNE.unflatten(-1, (2, self.heads, -1))
        v_BNHK = v_BND.unflatten(-1, (self.heads, -1))
        qk_BN2HK = normalise_and_rotate(qk_BN2HK, self.gain_2K, *rotary)
        q_BHNK, k_BHNK = qk_BN2HK.permute(2, 0, 3, 1, 4).unbind(0)
        y_BHNK = self.kernel(q_BHNK, k_BHNK, v_BNHK.transpose(1, 2), mask_B1NN)
        if self.context is not None:
            y_BHNK = y_BHNK + self.context(q_BHNK, context)
        y_BND: Tensor = self.out(y_BHNK.transpose(1, 2).flatten(-2))
        return y_BND


class CrossAttention(nn.Module):
    """Attention from tokens to a context, with queries of its own.

    Args:
        dim: Size of a token.
        context: Size of a state.
        heads: Number of heads; divides `dim`.
    """

    def __init__(self, dim: int, context: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.query = nn.Linear(dim, dim)
        self.gain_K = nn.Parameter(torch.ones(dim // heads))
        self.context = ContextKernel(context, dim, heads)
        self.out = nn.Linear(dim, dim)

    def forward(self, x_BND: Tensor, context: Context) -> Tensor:
        """(B, N, D) with a context -> (B, N, D)."""
        q_BNHK = self.query(x_BND).unflatten(-1, (self.heads, -1))
        q_BNHK = normalise(q_BNHK) * self.gain_K.to(q_BNHK.dtype)
        y_BHNK = self.context(q_BNHK.transpose(1, 2), context)
        y_BND: Tensor = self.out(y_BHNK.transpose(1, 2).flatten(-2))
        return y_BND
