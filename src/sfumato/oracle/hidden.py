"""The hidden Markov model: tokens that states nobody sees give off."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from sfumato.errors import SettingError
from sfumato.oracle.chain import MarkovChain
from sfumato.oracle.messages import marginals
from sfumato.oracle.sequence import Reading, check_distributions, weighed
from sfumato.process.categorical import Categorical


@dataclass(frozen=True, eq=False)
class HiddenMarkovModel:
    """A Markov chain of S hidden states, each of which draws a token of its own.

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
            seed: Which model.
            concentration: Above 0, of all rows; see :meth:`MarkovChain.random`.

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
        """One uniform number a state, then one a token."""
        return 2 * self.length

    def sample(self, uniforms: Tensor) -> Tensor:
        """See :meth:`SequenceDistribution.sample`: the states first, then their tokens."""
        of_states, of_tokens = uniforms.chunk(2, 1)
        return Categorical(self.emission[self.hidden.sample(of_states)]).sample(of_tokens)

    def log_probability(self, tokens: Tensor) -> Tensor:
        """See :meth:`SequenceDistribution.log_probability`; by the forward recursion."""
        seen = self.emission.T[tokens.cpu()]
        return marginals(self.hidden.initial, self.hidden.transition, seen).log_likelihood

    def read(self, evidence: Tensor) -> Reading:
        """See :meth:`SequenceDistribution.read`; in time linear in L."""
        found = marginals(self.hidden.initial, self.hidden.transition, evidence @ self.emission.T)
        expected = found.leave_one_out @ self.emission
        return Reading(weighed(expected, evidence), found.log_likelihood)
