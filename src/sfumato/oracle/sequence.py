"""Distributions of sequences of tokens of which everything that a denoiser is asked is known.

The tokens of a state are lost independently of each other, so what a state says of the data is one
row of evidence per place, ``q(x_t,i | x0_i)``. A distribution that can weigh its sequences by such
rows has an exact denoiser under every categorical process.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from sfumato.errors import SettingError


@dataclass(frozen=True)
class Reading:
    """What evidence says of a sequence.

    Attributes:
        posterior: Probability of each token at each place given all of the evidence, float64,
            shape (B, L, V); rows sum to 1. Where the evidence is impossible it is some
            distribution that agrees with the evidence at its own place.
        log_likelihood: Log of the evidence's expectation over sequences, in nats, float64, shape
            (B,); -inf where no sequence agrees with it.
    """

    posterior: Tensor
    log_likelihood: Tensor


class SequenceDistribution(Protocol):
    """A distribution of sequences of L tokens out of V."""

    @property
    def size(self) -> int:
        """V, the number of tokens."""

    @property
    def length(self) -> int:
        """L."""

    @property
    def draws(self) -> int:
        """How many uniform numbers one sample is made of."""

    def sample(self, uniforms: Tensor) -> Tensor:
        """The sequences that uniform numbers stand for, by inverse distribution functions.

        Args:
            uniforms: In [0, 1), float64, shape (B, draws).

        Returns:
            int64, shape (B, L).
        """

    def log_probability(self, tokens: Tensor) -> Tensor:
        """``log p(tokens)`` in nats, float64, shape (B,); -inf for what cannot be.

        Args:
            tokens: int64, shape (B, L).
        """

    def read(self, evidence: Tensor) -> Reading:
        """The posterior of every place given evidence for every place.

        Args:
            evidence: Likelihood of what was seen at each place for each token, float64, not
                negative, shape (B, L, V); each row has a positive sum.
        """


def weighed(belief: Tensor, evidence: Tensor) -> Tensor:
    """Their product with rows brought to sum 1, or the evidence alone where they contradict."""
    joint = belief * evidence
    total = joint.sum(-1, keepdim=True)
    alone = evidence / evidence.sum(-1, keepdim=True)
    return torch.where(total > 0, joint / total, alone)


def check_distributions(owner: str, name: str, rows: Tensor) -> None:
    """Hold every row to being a distribution.

    Args:
        owner: Whose rows, such as "a Markov chain".
        name: Of the rows.
        rows: Shape (..., V).

    Raises:
        SettingError: A row is not float64, has a negative entry or does not sum to 1.
    """
    positive = rows.dtype == torch.float64 and bool((rows >= 0).all())
    if not positive or not bool(((rows.sum(-1) - 1).abs() < 1e-9).all()):
        raise SettingError(
            f"The '{name}' of {owner} does not hold probabilities.",
            hint="each row is float64, not negative, and sums to 1",
        )
