"""Distributions of sequences of tokens with known posteriors, and mixtures of them.

The tokens of a state are corrupted independently of each other, so the likelihood of the data given
a state is one row of evidence for each place, ``q(x_t,i | x0_i)``. A distribution with a posterior
given such rows has an exact denoiser under every categorical process.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from sfumato.errors import SettingError
from sfumato.oracle import components


@dataclass(frozen=True)
class SequencePosterior:
    """The posterior of sequences given evidence.

    Attributes:
        marginals: The probability of each token at each place given all of the evidence, float64,
            shape (B, L, V); rows sum to 1. Where the evidence is impossible it is some
            distribution that agrees with the evidence at its own place.
        log_likelihood: The log of the expectation of the evidence over sequences, in nats, float64,
            shape (B,); -inf where no sequence agrees with it.
    """

    marginals: Tensor
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
        """The number of uniform numbers that one sample needs."""

    def sample(self, uniforms: Tensor) -> Tensor:
        """Sample sequences from uniform numbers, by inverse distribution functions.

        Args:
            uniforms: In [0, 1), float64, shape (B, draws).

        Returns:
            int64, shape (B, L).
        """

    def log_probability(self, tokens: Tensor) -> Tensor:
        """``log p(tokens)`` in nats, float64, shape (B,); -inf for impossible sequences.

        Args:
            tokens: int64, shape (B, L).
        """

    def posterior(self, evidence: Tensor) -> SequencePosterior:
        """The posterior of every place given evidence for every place.

        Args:
            evidence: The likelihood of the observation at each place for each token, float64, not
                negative, shape (B, L, V); each row has a positive sum.
        """


def reweight(prior: Tensor, evidence: Tensor) -> Tensor:
    """The product, normalised to rows of sum 1, or the evidence alone where the product is 0."""
    joint = prior * evidence
    total = joint.sum(-1, keepdim=True)
    alone = evidence / evidence.sum(-1, keepdim=True)
    return torch.where(total > 0, joint / total, alone)


def check_distributions(owner: str, name: str, rows: Tensor) -> None:
    """Check that every row is a distribution.

    Args:
        owner: The owner of the rows for the error message, such as "a Markov chain".
        name: The name of the rows.
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


@dataclass(frozen=True, eq=False)
class SequenceMixture:
    """K distributions of sequences in classes; each sample comes from one of them.

    Attributes:
        parts: The distributions, all of the same size and length.
        weights: Shape (K,), float64, not negative, summing to 1.
        labels: The class of each part, shape (K,), int64, in [0, classes).

    Raises:
        SettingError: The parts do not agree, or weights or labels do not fit.
    """

    parts: tuple[SequenceDistribution, ...]
    weights: Tensor
    labels: Tensor

    def __post_init__(self) -> None:
        shapes = {(part.size, part.length) for part in self.parts}
        if len(shapes) != 1:
            raise SettingError(
                "The parts of a mixture need one size and length.",
                why=f"their sizes and lengths are {sorted(shapes)}",
            )
        if not self.weights.shape == self.labels.shape == (len(self.parts),):
            raise SettingError(
                "A mixture has one weight and one label for each of its parts.",
                why=f"{len(self.parts)} parts, weights of shape {tuple(self.weights.shape)}, "
                f"labels of shape {tuple(self.labels.shape)}",
            )
        check_distributions("a mixture", "weights", self.weights)

    @classmethod
    def build(
        cls,
        parts: Sequence[SequenceDistribution],
        weights: Tensor | None = None,
        labels: Tensor | None = None,
    ) -> SequenceMixture:
        """Make a mixture with convenient defaults.

        Args:
            parts: K distributions of one size and length.
            weights: Positive, shape (K,), of any sum; equal by default.
            labels: Shape (K,); by default each part is its own class.

        Raises:
            SettingError: See the class.
        """
        weights = torch.ones(len(parts)) if weights is None else weights
        labels = torch.arange(len(parts)) if labels is None else labels
        return cls(tuple(parts), weights.double() / weights.double().sum(), labels)

    @property
    def classes(self) -> int:
        """The number of classes; also the null label, which stands for the whole mixture."""
        return components.classes(self.labels)

    @property
    def size(self) -> int:
        """V, the number of tokens."""
        return self.parts[0].size

    @property
    def length(self) -> int:
        """L."""
        return self.parts[0].length

    @property
    def draws(self) -> int:
        """One uniform number to choose the part, then those of the part."""
        return 1 + max(part.draws for part in self.parts)

    def sample(self, uniforms: Tensor, label: Tensor | None = None) -> Tensor:
        """See :meth:`SequenceDistribution.sample`.

        Args:
            uniforms: In [0, 1), float64, shape (B, draws).
            label: Shape (B,), each a class or the null label; None = the whole mixture.

        Raises:
            SettingError: A label selects no part with a positive weight.
        """
        chosen = components.choose(self._log_weights(label), uniforms[:, 0])
        tokens = torch.empty(len(uniforms), self.length, dtype=torch.int64)
        for k, part in enumerate(self.parts):
            rows = chosen == k
            tokens[rows] = part.sample(uniforms[rows, 1 : 1 + part.draws])
        return tokens

    def log_probability(self, tokens: Tensor, label: Tensor | None = None) -> Tensor:
        """See :meth:`SequenceDistribution.log_probability`, or given the class.

        Args:
            tokens: int64, shape (B, L).
            label: Shape (B,), each a class or the null label; None = the whole mixture.

        Raises:
            SettingError: A label selects no part with a positive weight.
        """
        of_parts = torch.stack([part.log_probability(tokens) for part in self.parts], 1)
        return torch.logsumexp(self._log_weights(label) + of_parts, 1)

    def posterior(self, evidence: Tensor, label: Tensor | None = None) -> SequencePosterior:
        """See :meth:`SequenceDistribution.posterior`, or given the class too.

        The posterior of each part is weighted by the likelihood of the evidence under the part.

        Args:
            evidence: Shape (B, L, V), see there.
            label: Shape (B,), each a class or the null label; None = the whole mixture.

        Raises:
            SettingError: A label selects no part with a positive weight.
        """
        posteriors = [part.posterior(evidence) for part in self.parts]
        log_weights = self._log_weights(label)
        log_joint = log_weights + torch.stack([each.log_likelihood for each in posteriors], 1)
        log_likelihood = torch.logsumexp(log_joint, 1)
        # Evidence that is impossible for every part leaves their weights unchanged.
        impossible = log_likelihood == -torch.inf
        share = torch.where(impossible[:, None], log_weights, log_joint).softmax(1)
        marginals = torch.stack([each.marginals for each in posteriors], 1)
        return SequencePosterior(torch.einsum("bk,bklv->blv", share, marginals), log_likelihood)

    def _log_weights(self, label: Tensor | None) -> Tensor:
        return components.log_weights(self.weights, self.labels, label)
