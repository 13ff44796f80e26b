"""The transformer on tokens: states of a categorical process in, logits of clean tokens out."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from sfumato.nets import ActivationName
from sfumato.nets.attention import AttentionKernel, fused
from sfumato.nets.conditioning import Conditioning
from sfumato.nets.layers import NEIGHBOURS, zero_init
from sfumato.nets.transformer import Transformer


class TokenTransformer(nn.Module):
    """A transformer backbone on tokens; bidirectional unless the kernel says otherwise.

    The weights do not fix the length: rotary positions know distances only.

    Args:
        size: The number of clean tokens, for which it has logits.
        states: The number of input tokens: the clean ones, and a mask if there is one.
        context: About the length of the longest text, in tokens.
        dim: The size of a token's vector.
        depth: The number of blocks.
        heads: The number of heads.
        timed: Whether the noise level is an input. Under masking the state itself shows it.
        classes: The number of labels; 0 for none.
        kernel: Computes attention.
        neighbours: The offsets of the neighbours that are mixed, see `LocalMixing`.
        activation: The activation of the MLPs.
    """

    def __init__(
        self,
        size: int,
        states: int,
        context: int,
        *,
        dim: int,
        depth: int,
        heads: int,
        timed: bool = False,
        classes: int = 0,
        kernel: AttentionKernel = fused,
        neighbours: Sequence[int] = NEIGHBOURS,
        activation: ActivationName = "gelu",
    ) -> None:
        super().__init__()
        self.timed = timed
        self.conditioning = Conditioning(dim, classes)
        self.embedding = nn.Embedding(states, dim)
        theta = float(max(context, 16))
        self.core = Transformer(
            dim,
            depth,
            heads,
            theta=theta,
            kernel=kernel,
            neighbours=neighbours,
            activation=activation,
        )
        self.head = zero_init(nn.Linear(dim, size))

    def forward(
        self,
        tokens: Tensor,
        level: Tensor,
        label: Tensor | None = None,
        segments: Tensor | None = None,
    ) -> Tensor:
        """Map a noisy text to logits, zero before training.

        Args:
            tokens: (B, N) long in 0..states - 1.
            level: (B,), of order 1; ignored unless `timed`.
            label: (B,) long in 0..classes, the last being null; None for null.
            segments: (B, N) long; tokens attend to their own segment only. None for one segment.

        Returns:
            (B, N, size).

        Raises:
            SettingError: A label was given to a backbone without classes.
        """
        cond = self.conditioning(level if self.timed else torch.zeros_like(level), label)
        positions = torch.arange(tokens.shape[1], device=tokens.device, dtype=level.dtype)
        x = self.core(self.embedding(tokens), positions[:, None], cond, segments)
        out: Tensor = self.head(x)
        return out
