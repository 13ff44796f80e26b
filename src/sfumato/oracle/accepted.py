"""Markov chains and hidden Markov models given that a finite automaton accepts the sequence.

The hidden state, the token and the state of the automaton together are a Markov chain again, so the
posterior is exact: the ground truth of constrained sampling. Regular expressions, and sums of
tokens with a given result, are automata.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from sfumato.errors import SettingError
from sfumato.oracle.markov import HiddenMarkovModel, MarkovChain
from sfumato.oracle.messages import Marginals, marginals
from sfumato.oracle.sequence import SequencePosterior, reweight
from sfumato.process.categorical import Categorical


@dataclass(frozen=True, eq=False)
class AcceptedSequences:
    """Sequences of a distribution that an automaton with S states accepts.

    Source: the product of a chain and an automaton; Rabiner 1989, section III, for its posterior.

    Attributes:
        prior: A Markov chain of order 1, or a hidden Markov model with such a chain.
        moves: The state of the automaton after each token in each state, int64, shape (V, S).
        accepting: The states in which a sequence may end, bool, shape (S,).
        start: The state at the beginning.

    Raises:
        SettingError: A shape does not fit, the order is not 1, or no sequence is accepted.
    """

    prior: MarkovChain | HiddenMarkovModel
    moves: Tensor
    accepting: Tensor
    start: int = 0

    def __post_init__(self) -> None:
        states = len(self.accepting)
        if self.moves.shape != (self.prior.size, states) or not 0 <= self.start < states:
            raise SettingError(
                "The automaton does not fit the distribution.",
                why=f"moves has shape {tuple(self.moves.shape)}, and there are {self.prior.size} "
                f"tokens and {states} states",
            )
        if self._model.hidden.order != 1:
            raise SettingError("The automaton needs a chain of order 1.")
        if self.log_mass == -torch.inf:
            raise SettingError("The automaton accepts no sequence of this distribution.")

    @property
    def size(self) -> int:
        """V, the number of tokens."""
        return self.prior.size

    @property
    def length(self) -> int:
        """L."""
        return self.prior.length

    @property
    def draws(self) -> int:
        """One uniform number for each token."""
        return self.length

    @cached_property
    def log_mass(self) -> float:
        """The log of the probability that a sequence of the prior is accepted, in nats."""
        everything = torch.ones(1, self.length, self.size, dtype=torch.float64)
        return float(self._passed(everything).log_likelihood)

    @cached_property
    def _model(self) -> HiddenMarkovModel:
        if isinstance(self.prior, HiddenMarkovModel):
            return self.prior
        return HiddenMarkovModel(self.prior, torch.eye(self.size, dtype=torch.float64))

    @cached_property
    def _token(self) -> Tensor:
        """The token of each state of the product, whose states are pairs of a hidden state and a
        token that it emits, times the states of the automaton, shape (P,).
        """
        return self._model.emission.nonzero()[:, 1].repeat_interleave(len(self.accepting))

    @cached_property
    def _chain(self) -> tuple[Tensor, Tensor]:
        """The initial probabilities of the product, (P,), and its transitions, (P, P)."""
        model, states = self._model, len(self.accepting)
        hidden, token = model.emission.nonzero().unbind(1)
        emitted = model.emission[hidden, token]
        pairs = model.hidden.transition[hidden][:, hidden] * emitted
        # Entry (p, a, q, b): whether the token of q moves the automaton from a to b.
        moved = self.moves[token][:, :, None] == torch.arange(states)
        joint = torch.einsum("pq,qab->paqb", pairs, moved.double())
        first = (model.hidden.initial[hidden] * emitted)[:, None] * moved[:, self.start].double()
        return first.flatten(), joint.flatten(0, 1).flatten(1, 2)

    def _passed(self, evidence: Tensor) -> Marginals:
        initial, transition = self._chain
        of_states = evidence[..., self._token].clone()
        of_states[:, -1] *= self._ends
        return marginals(initial, transition, of_states)

    @cached_property
    def _ends(self) -> Tensor:
        return self.accepting.double().repeat(len(self._token) // len(self.accepting))

    def posterior(self, evidence: Tensor) -> SequencePosterior:
        """See :meth:`SequenceDistribution.posterior`; in time linear in L."""
        result = self._passed(evidence)
        weights = result.leave_one_out.clone()
        weights[:, -1] *= self._ends
        expected = torch.zeros_like(evidence).index_add_(2, self._token, weights)
        log_likelihood = result.log_likelihood - self.log_mass
        return SequencePosterior(reweight(expected, evidence), log_likelihood)

    def log_probability(self, tokens: Tensor) -> Tensor:
        """See :meth:`SequenceDistribution.log_probability`."""
        state = torch.full((len(tokens),), self.start)
        for column in tokens.cpu().unbind(1):
            state = self.moves[column, state]
        outside = torch.where(self.accepting[state], 0.0, -torch.inf).double()
        return self.prior.log_probability(tokens) + outside - self.log_mass

    def sample(self, uniforms: Tensor) -> Tensor:
        """See :meth:`SequenceDistribution.sample`; one number for each token, left to right."""
        law, transition = self._chain
        ahead = [self._ends]
        for _ in range(self.length - 1):
            before = transition @ ahead[-1]
            ahead.append(before / before.max())
        rows = law.expand(len(uniforms), -1)
        tokens = []
        for column, value in zip(uniforms.unbind(1), reversed(ahead), strict=True):
            state = Categorical(rows * value).sample(column)
            tokens.append(self._token[state])
            rows = transition[state]
        return torch.stack(tokens, 1)
