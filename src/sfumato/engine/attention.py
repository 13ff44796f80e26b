"""The fastest attention for training, for any network that calls torch's attention."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

import torch
import torch.nn.functional as F
from torch import Tensor

from sfumato.engine.precision import Decision

_fused = F.scaled_dot_product_attention

MOST_SCORES = 1024 * 1024
"""Above this number of scores per head their table takes too much memory."""


def choose_attention(device: torch.device, precision: Decision) -> Decision:
    """Choose the attention for training: ``explicit`` or torch's ``fused`` kernel."""
    if device.type != "cpu":
        return Decision("fused", "the kernels of a GPU are the fastest")
    if precision.choice == "fp32":
        return Decision("fused", "in fp32 the fused kernel is level or faster on a CPU")
    return Decision("explicit", "in bf16 a CPU takes half as long for two plain products")


def attention(decision: Decision) -> AbstractContextManager[object]:
    """The context in which the forward pass runs."""
    return explicit() if decision.choice == "explicit" else nullcontext()


@contextmanager
def explicit() -> Iterator[None]:
    """Inside, ``scaled_dot_product_attention`` is two matrix products around a softmax.

    This applies if gradients are needed, the table of scores is of moderate size and there is no
    dropout, causality or grouping of queries; otherwise torch's fused kernel is used. On a CPU the
    backward pass of that kernel takes two to three times as long as that of plain products, while
    its forward pass is faster.

    It replaces torch's own function, so that it works for any network, and so that compilers see
    plain products (a mode over torch's functions would break their graphs).
    """
    before = F.scaled_dot_product_attention
    F.scaled_dot_product_attention = _attention
    try:
        yield
    finally:
        F.scaled_dot_product_attention = before


def _attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attn_mask: Tensor | None = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    scale: float | None = None,
    enable_gqa: bool = False,
) -> Tensor:
    wanted = torch.is_grad_enabled() and query.requires_grad
    held = query.shape[-2] * key.shape[-2] <= MOST_SCORES
    if not wanted or not held or dropout_p or is_causal or enable_gqa:
        return _fused(
            query,
            key,
            value,
            attn_mask=attn_mask,
            dropout_p=dropout_p,
            is_causal=is_causal,
            scale=scale,
            enable_gqa=enable_gqa,
        )
    factor = 1 / math.sqrt(query.shape[-1]) if scale is None else scale
    scores = (query * factor) @ key.transpose(-2, -1)
    if attn_mask is not None and attn_mask.dtype == torch.bool:
        scores = scores.masked_fill(~attn_mask, -math.inf)
    elif attn_mask is not None:
        scores = scores + attn_mask
    return scores.softmax(dim=-1) @ value
