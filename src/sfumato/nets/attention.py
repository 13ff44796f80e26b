"""Self-attention with rotary positions and normalised queries and keys.

The kernel, how softmax(QKᵀ)V is computed, is a callable chosen once at the edge. Every kernel is
the same function to rounding, so a network trained with one can be sampled with another.

Shape suffixes: B samples, N tokens, H heads, K size of a head, D = H * K size of a token.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from sfumato.errors import SettingError

AttentionKernel = Callable[[Tensor, Tensor, Tensor, Tensor | None], Tensor]
"""(q, k, v), each (B, H, N, K), and which tokens each token sees, bool (B, 1, N, N), or None for
all -> (B, H, N, K)."""

EXPLICIT_TOKENS = 1024
"""Above this many tokens a table of N x N scores per head takes too much memory to hold."""


def fused(
    q_BHNK: Tensor, k_BHNK: Tensor, v_BHNK: Tensor, sees_B1NN: Tensor | None = None
) -> Tensor:
    """Torch's fused kernel: never holds the N x N scores."""
    return F.scaled_dot_product_attention(q_BHNK, k_BHNK, v_BHNK, attn_mask=sees_B1NN)


def explicit(
    q_BHNK: Tensor, k_BHNK: Tensor, v_BHNK: Tensor, sees_B1NN: Tensor | None = None
) -> Tensor:
    """Two matrix products around a softmax, which holds the N x N scores for backward."""
    scores_BHNN = (q_BHNK / math.sqrt(q_BHNK.shape[-1])) @ k_BHNK.transpose(-2, -1)
    if sees_B1NN is not None:
        scores_BHNN = scores_BHNN.masked_fill(~sees_B1NN, -math.inf)
    return scores_BHNN.softmax(dim=-1) @ v_BHNK


def training_attention(device: torch.device, dtype: torch.dtype) -> AttentionKernel:
    """The faster kernel when gradients are wanted.

    On a CPU in reduced precision the explicit products are about twice as fast as torch's fused
    backward (256 tokens, AMX); in float32 the fused kernel is level at 64 tokens and up to 1.6
    times as fast at 1024.
    """
    return explicit if device.type == "cpu" and dtype.itemsize < 4 else fused


def suited(
    q_BHNK: Tensor, k_BHNK: Tensor, v_BHNK: Tensor, sees_B1NN: Tensor | None = None
) -> Tensor:
    """The default kernel: `training_attention` where gradients flow, else fused."""
    if torch.is_grad_enabled() and q_BHNK.requires_grad and q_BHNK.shape[-2] <= EXPLICIT_TOKENS:
        return training_attention(q_BHNK.device, q_BHNK.dtype)(q_BHNK, k_BHNK, v_BHNK, sees_B1NN)
    return fused(q_BHNK, k_BHNK, v_BHNK, sees_B1NN)


class Rotary(nn.Module):
    """Rotary positions in any number of axes (Su et al. 2021; axial, as in Heo et al. 2024).

    The pairs of channels of a head are divided evenly among the axes and rotated by an angle
    proportional to the position, so scores depend on differences of positions only. Pairs that
    do not divide evenly stay unrotated.

    Args:
        head_dim: Size of a head, even.
        axes: Number of coordinates of a position.
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
        """(N, axes) -> cosines and sines, (N, K / 2) each, for `rotate`."""
        # Not a matrix product: autocast would round large angles to bfloat16.
        angles = (positions.unsqueeze(-1) * self.frequencies).sum(dim=-2)
        return angles.cos(), angles.sin()


def rotate(x_BNXHK: Tensor, cos_NP: Tensor, sin_NP: Tensor) -> Tensor:
    """Rotate the channels of every head, paired first half with second (P = K / 2)."""
    cos_N11P, sin_N11P = cos_NP[:, None, None], sin_NP[:, None, None]
    first, second = x_BNXHK.chunk(2, dim=-1)
    return torch.cat(
        [first * cos_N11P - second * sin_N11P, second * cos_N11P + first * sin_N11P], dim=-1
    )


class SelfAttention(nn.Module):
    """Every token attends to every token that it sees.

    Queries and keys are RMS-normalised per head before they are rotated, which keeps scores
    bounded and training stable at high learning rates (Dehghani et al. 2023; Esser et al. 2024).

    Args:
        dim: Size of a token.
        heads: Number of heads; divides `dim`.
        kernel: How softmax(QKᵀ)V is computed.
    """

    def __init__(self, dim: int, heads: int, kernel: AttentionKernel = suited) -> None:
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

    def forward(
        self, x_BND: Tensor, rotary: tuple[Tensor, Tensor], sees_B1NN: Tensor | None = None
    ) -> Tensor:
        """(B, N, D) with the tables of `Rotary`, (N, K / 2) each -> (B, N, D)."""
        qkv_BN3HK = self.qkv(x_BND).unflatten(-1, (3, self.heads, -1))
        qk_BN2HK, v_BNHK = qkv_BN3HK[:, :, :2], qkv_BN3HK[:, :, 2]
        qk_BN2HK = F.rms_norm(qk_BN2HK, qk_BN2HK.shape[-1:], eps=1e-6)
        qk_BN2HK = rotate(qk_BN2HK * self.gain_2K.unsqueeze(1), *rotary).to(v_BNHK.dtype)
        q_BHNK, k_BHNK = qk_BN2HK.permute(2, 0, 3, 1, 4).unbind(0)
        y_BHNK = self.kernel(q_BHNK, k_BHNK, v_BNHK.transpose(1, 2), sees_B1NN)
        y_BND: Tensor = self.out(y_BHNK.transpose(1, 2).flatten(-2))
        return y_BND
