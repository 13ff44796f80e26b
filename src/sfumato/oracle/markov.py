"""Markov chains of any order, and hidden Markov models."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from sfumato.errors import SettingError
from sfumato.oracle.messages import marginals
from sfumato.oracle.sequence import SequencePosterior, check_distributions, reweight
from sfumato.process.categorical import Categorical


@dataclass(frozen=True, eq=False)
class MarkovChain:
    """Sequences of L tokens out of V, of order k: each token depends on the k before it.

    Attributes:
        initial: The joint probabilities of the first k tokens, float64, k axes of V.
        transition: ``transition[a, ..., b]`` holds the probabilities of the token after the k
            tokens ``a, ..., b``; float64, k + 1 axes of V. Its number of axes gives the order.
        length: L, at least k.

    Raises:
        SettingError: A shape does not fit, or a row is not a distribution.
    """

    initial: Tensor
    transition: Tensor
    length: int

    def __post_init__(self) -> None:
        order, sizes = self.order, {*self.initial.shape, *self.transition.shape}
        if order < 1 or self.initial.ndim != order or len(sizes) > 1:
            raise SettingError(
                "The parts of a Markov chain do not fit together.",
                why=f"initial has shape {tuple(self.initial.shape)}, "
                f"transition {tuple(self.transition.shape)}",
                hint="for V tokens and order 1 give the shapes (V,) and (V, V), "
                "for order 2 (V, V) and (V, V, V), and so on",
            )
        if self.length < order:
            raise SettingError(
                f"A Markov chain of order {order} has at least {order} tokens, not {self.length}."
            )
        check_distributions("a Markov chain", "initial", self.initial.flatten())
        check_distributions("a Markov chain", "transition", self.transition)

    @classmethod
    def random(
        cls, size: int, length: int, seed: int, concentration: float = 0.5, order: int = 1
    ) -> MarkovChain:
        """A chain whose rows are Dirichlet draws, a pure function of the arguments.

        Args:
            size: V, at least 1.
            length: L.
            seed: The seed of the draws.
            concentration: Above 0; near 0 each token has one almost certain successor, far above 1
                all successors are equally probable.
            order: k, at least 1.

        Raises:
            SettingError: An argument is out of range.
        """
        if size < 1 or order < 1 or not concentration > 0:
            raise SettingError(
                f"A random Markov chain cannot have size={size}, order={order}, "
                f"concentration={concentration}.",
                hint="size and order are at least 1 and the concentration above 0",
            )
        # One row for every prefix of fewer than k tokens, and then one for every context of k.
        counts = [size**known for known in range(order + 1)]
        source = np.random.default_rng(seed)
        drawn = torch.from_numpy(source.dirichlet(np.full(size, concentration), sum(counts)))
        opening, *following = (
            rows.reshape((size,) * (known + 1))
            for known, rows in enumerate(torch.split(drawn, counts))
        )
        for rows in following[:-1]:
            opening = opening[..., None] * rows
        return cls(opening, following[-1], length)

    @property
    def order(self) -> int:
        """k, the number of tokens that the next one depends on."""
        return self.transition.ndim - 1

    @property
    def size(self) -> int:
        """V, the number of tokens."""
        return len(self.initial)

    @property
    def draws(self) -> int:
        """One uniform number for each token."""
        return self.length

    def entropy(self) -> float:
        """The entropy of the whole sequence, in nats, exact."""
        share, total = self.initial, torch.special.entr(self.initial).sum()
        of_rows = torch.special.entr(self.transition).sum(-1)
        for _ in range(self.length - self.order):
            total = total + (share * of_rows).sum()
            share = (share[..., None] * self.transition).sum(0)
        return float(total)

    def log_probability(self, tokens: Tensor) -> Tensor:
        """See :meth:`SequenceDistribution.log_probability`; by the chain rule."""
        columns = tokens.cpu().unbind(1)
        first = self.initial.log()[columns[: self.order]]
        stop = self.length - self.order
        windows = [tokens.cpu()[:, place : place + stop] for place in range(self.order + 1)]
        return first + self.transition.log()[tuple(windows)].sum(1)

    def sample(self, uniforms: Tensor) -> Tensor:
        """See :meth:`SequenceDistribution.sample`; one number for each token, left to right."""
        laws = [self.initial]
        while laws[0].ndim > 1:
            laws.insert(0, laws[0].sum(-1))
        tokens: list[Tensor] = []
        for place, column in enumerate(uniforms.unbind(1)):
            law = laws[place] if place < self.order else self.transition
            rows = law[tuple(tokens[-self.order :])].expand(len(uniforms), -1)
            tokens.append(Categorical(rows).sample(column))
        return torch.stack(tokens, 1)

    def posterior(self, evidence: Tensor) -> SequencePosterior:
        """See :meth:`SequenceDistribution.posterior`; in time linear in L."""
        result = marginals(self.initial, self.transition, evidence)
        return SequencePosterior(reweight(result.leave_one_out, evidence), result.log_likelihood)


@dataclass(frozen=True, eq=False)
class HiddenMarkovModel:
    """A Markov chain of S hidden states, each of which emits a token.

    Its tokens depend on each other at any distance. The entropy of its sequences has no closed
    form; the mean of ``-log_probability`` over samples estimates it without bias.

    Source: Rabiner 1989, "A tutorial on hidden Markov models", section II.

    Attributes:
        hidden: The chain of states, of any order; its size is S.
        emission: Row ``s`` holds the probabilities of the tokens of state ``s``, shape (S, V),
            float64.

    Raises:
        SettingError: A shape does not fit, or a row is not a distribution.
    """

    hidden: MarkovChain
    emission: Tensor

    def __post_init__(self) -> None:
        if self.emission.ndim != 2 or len(self.emission) != self.hidden.size:
            raise SettingError(
                "The parts of a hidden Markov model do not fit together.",
                why=f"{self.hidden.size} states, emission of shape {tuple(self.emission.shape)}",
                hint="for S states and V tokens give an emission of shape (S, V)",
            )
        check_distributions("a hidden Markov model", "emission", self.emission)

    @classmethod
    def random(
        cls, states: int, size: int, length: int, seed: int, concentration: float = 0.5
    ) -> HiddenMarkovModel:
        """A model whose rows are Dirichlet draws, a pure function of the arguments.

        Args:
            states: S, at least 1.
            size: V, at least 1.
            length: L, at least 1.
            seed: The seed of the draws.
            concentration: Above 0, for all rows; see :meth:`MarkovChain.random`.

        Raises:
            SettingError: An argument is out of range.
        """
        hidden = MarkovChain.random(states, length, seed, concentration)
        if size < 1:
            raise SettingError(f"A hidden Markov model has at least one token, not {size}.")
        source = np.random.default_rng([seed, 1])
        rows = source.dirichlet(np.full(size, concentration), states)
        return cls(hidden, torch.from_numpy(rows))

    @property
    def size(self) -> int:
        """V, the number of tokens."""
        return self.emission.shape[1]

    @property
    def length(self) -> int:
        """L."""
        return self.hidden.length

    @property
    def draws(self) -> int:
        """One uniform number for each state, then one for each token."""
        return 2 * self.length

    def sample(self, uniforms: Tensor) -> Tensor:
        """See :meth:`SequenceDistribution.sample`: the states first, then their tokens."""
        of_states, of_tokens = uniforms.chunk(2, 1)
        return Categorical(self.emission[self.hidden.sample(of_states)]).sample(of_tokens)

    def log_probability(self, tokens: Tensor) -> Tensor:
        """See :meth:`SequenceDistribution.log_probability`; by the forward recursion."""
        evidence = self.emission.T[tokens.cpu()]
        return marginals(self.hidden.initial, self.hidden.transition, evidence).log_likelihood

    def posterior(self, evidence: Tensor) -> SequencePosterior:
        """See :meth:`SequenceDistribution.posterior`; in time linear in L."""
        states = evidence @ self.emission.T
        result = marginals(self.hidden.initial, self.hidden.transition, states)
        expected = result.leave_one_out @ self.emission
        return SequencePosterior(reweight(expected, evidence), result.log_likelihood)
