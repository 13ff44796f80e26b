"""The base of the samplers of tokens, and their common functions.

A state is int64 tokens of shape (B, L), the posterior's parameter is logits of shape (B, L, V), and
the noise is uniform in [0, 1), float64. Rows do not depend on each other: a call of the denoiser is
saved only if no row of the batch needs it.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from typing import ClassVar

import torch
from torch import Tensor

from sfumato.errors import SettingError
from sfumato.process.categorical import Categorical, CategoricalProcess, Masking
from sfumato.process.grids import AnyTokenGrid, UniformGrid
from sfumato.process.keep import Keep
from sfumato.sampling.sampler import Context, Sampler

# Number of float64 probabilities in memory at a time: 128 MiB for each of a few copies.
_AT_ONCE = 2**24
# Beyond the numbers of the draws of any sampler.
_AGAIN = 16
LEAST = 1e-300
"""Least share of masks in a denominator, as the share rounds to 0 just after ``t = 0``."""


class TokenSampler(Sampler):
    """Base of the samplers of tokens."""

    for_tokens: ClassVar[bool] = True

    grid: AnyTokenGrid = UniformGrid()

    @abstractmethod
    def step(
        self, x_t: Tensor, t: Tensor, s: Tensor, context: Context[CategoricalProcess]
    ) -> Tensor:
        """The state at ``s`` reached from ``x_t`` at ``t``.

        Args:
            x_t: Tokens, int64, shape (B, L).
            t: Time in (0, 1], float64, shape ().
            s: Earlier time in [0, t), float64, shape ().
            context: Evaluations and noise. At most ``cost`` evaluations are made; fewer if they
                would have no effect.

        Returns:
            Shaped like ``x_t``; at ``s = 0`` without masks. Where ``context.free`` is False the
            tokens are those of ``x_t``.

        Raises:
            SettingError: The sampler does not support the process.
        """


def masking(process: CategoricalProcess, sampler: str) -> Masking:
    """Check that a process has masks, and return it.

    Raises:
        SettingError: The process has no masks.
    """
    if not isinstance(process, Masking):
        raise SettingError(
            f"The sampler '{sampler}' cannot be used with a uniform process.",
            why="it reveals masked tokens, and a uniform process has none",
            hint="use the sampler 'bridge'",
        )
    return process


def hidden(x_t: Tensor, process: Masking, free: Tensor | None) -> Tensor:
    """The masked places that may be revealed, bool, shape (B, L)."""
    masked = x_t == process.mask
    return masked if free is None else masked & free


def share_revealed(keep: Keep, t: Tensor, s: Tensor) -> float:
    """Probability that a token masked at ``t`` is revealed by ``s``; exactly 1 for ``s = 0``."""
    masked_t, masked_s = 1 - keep.keep(t).item(), 1 - keep.keep(s).item()
    return 1 - masked_s / max(masked_t, LEAST)


def reveal(x_t: Tensor, places: Tensor, logits: Tensor, noise: Tensor) -> Tensor:
    """A copy of ``x_t`` with tokens drawn from the logits at some places.

    Args:
        x_t: Shape (B, L).
        places: The places to reveal, bool, shape (B, L).
        logits: Shape (B, L, V).
        noise: Uniform, shape (B, L).
    """
    x_s = x_t.clone()
    x_s[places] = draw(beliefs, noise[places], logits[places])
    return x_s


def revealed(
    x_t: Tensor,
    places: Tensor,
    logits: Tensor,
    context: Context[CategoricalProcess],
    number: int = 1,
) -> Tensor:
    """A copy of ``x_t`` with tokens drawn at some of its masked places, of the language if any.

    Args:
        x_t: Shape (B, L).
        places: The places to reveal, bool, shape (B, L).
        logits: Shape (B, L, V).
        context: The context of the step.
        number: Number of the draw of noise.
    """
    if context.language is None:
        return reveal(x_t, places, logits, context.noise(draw=number))
    return torch.where(places, whole_rows(x_t, logits, context, number), x_t)


def whole_rows(
    x_t: Tensor, logits: Tensor, context: Context[CategoricalProcess], number: int
) -> Tensor:
    """Rows of the language, drawn at all masked places, or at all free ones without masks.

    Raises:
        ValueError: The context has no language.
    """
    process = context.process
    if context.language is None:
        raise ValueError("all rows are allowed")
    if isinstance(process, Masking):
        free = hidden(x_t, process, context.free)
    else:
        free = torch.ones_like(x_t, dtype=torch.bool) if context.free is None else context.free
    noise, again = context.noise(draw=number), context.noise(draw=number + _AGAIN)
    return context.language.draw(x_t, free, logits, noise, again)


def beliefs(logits: Tensor) -> Tensor:
    """The probabilities of logits, float64."""
    return logits.softmax(-1, dtype=torch.float64)


def draw(probabilities: Callable[..., Tensor], noise: Tensor, *logits: Tensor) -> Tensor:
    """Draw one token for each of n places, in parts to bound the memory.

    Args:
        probabilities: A function from logits to float64 probabilities, row by row.
        noise: Uniform, float64, shape (n,).
        *logits: Each of shape (n, V).

    Returns:
        int64, shape (n,).
    """
    rows = max(1, _AT_ONCE // logits[0].shape[-1])
    parts = zip(*(torch.split(each, rows) for each in logits), strict=True)
    drawn = [
        Categorical(probabilities(*part)).sample(u)
        for part, u in zip(parts, torch.split(noise, rows), strict=True)
    ]
    return torch.cat(drawn)
