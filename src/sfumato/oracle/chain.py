"""The Markov chain: sequences of tokens whose denoiser is known exactly.

The tokens of a state are lost independently of each other, so what a state says of the data is one
row of evidence per place, ``q(x_t,i | x0_i)``. With a Markov chain for the data that makes a hidden
Markov model, and the posterior of every place is its forward-backward recursion (Rabiner 1989, "A
tutorial on hidden Markov models", section III).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from sfumato.denoiser import IMPOSSIBLE, Denoiser, Posterior
from sfumato.errors import SettingError
from sfumato.process.categorical import Categorical, CategoricalProcess, Masking
from sfumato.process.gaussian import spread


@dataclass(frozen=True, eq=False)
class MarkovChain:
    """A distribution of sequences of L tokens out of V.

    Attributes:
        initial: Probabilities of the first token, shape (V,), float64.
        transition: Row ``a`` holds the probabilities of what follows ``a``, shape (V, V), float64.
        length: L, at least 1.

    Raises:
        SettingError: A shape does not fit, or a row is not a distribution.
    """

    initial: Tensor
    transition: Tensor
    length: int

    def __post_init__(self) -> None:
        if self.initial.ndim != 1 or self.transition.shape != (self.size, self.size):
            raise SettingError(
                "The parts of a Markov chain do not fit together.",
                why=f"initial has shape {tuple(self.initial.shape)}, "
                f"transition {tuple(self.transition.shape)}",
                hint="for V tokens give the shapes (V,) and (V, V)",
            )
        if self.length < 1:
            raise SettingError(f"A Markov chain has at least one token, not {self.length}.")
        for name, rows in (("initial", self.initial), ("transition", self.transition)):
            if not _are_distributions(rows):
                raise SettingError(
                    f"The '{name}' of a Markov chain does not hold probabilities.",
                    hint="each row is float64, not negative, and sums to 1",
                )

    @classmethod
    def random(cls, size: int, length: int, seed: int, concentration: float = 0.5) -> MarkovChain:
        """A chain whose rows are Dirichlet draws, a pure function of the arguments.

        Args:
            size: V, at least 1.
            length: L.
            seed: Which chain.
            concentration: Above 0; near 0 each token has one sure follower, far above 1 all tokens
                follow alike.

        Raises:
            SettingError: An argument is out of range.
        """
        if size < 1 or not concentration > 0:
            raise SettingError(
                f"A random Markov chain cannot have size={size}, concentration={concentration}.",
                hint="the size is at least 1 and the concentration above 0",
            )
        drawn = np.random.default_rng(seed).dirichlet(np.full(size, concentration), size + 1)
        rows = torch.from_numpy(drawn)
        return cls(rows[0], rows[1:], length)

    @property
    def size(self) -> int:
        """V, the number of tokens."""
        return len(self.initial)

    def entropy(self) -> float:
        """Entropy of the whole sequence, in nats, exact."""
        share, total = self.initial, torch.special.entr(self.initial).sum()
        of_rows = torch.special.entr(self.transition).sum(1)
        for _ in range(self.length - 1):
            total = total + share @ of_rows
            share = share @ self.transition
        return float(total)

    def log_probability(self, tokens: Tensor) -> Tensor:
        """``log p(tokens)`` in nats, float64, shape (B,); -inf for what cannot be.

        Args:
            tokens: int64, shape (B, L).
        """
        tokens = tokens.cpu()
        first = self.initial.log()[tokens[:, 0]]
        return first + self.transition.log()[tokens[:, :-1], tokens[:, 1:]].sum(1)

    def sample(self, uniforms: Tensor) -> Tensor:
        """The sequences that uniform numbers stand for, by inverse distribution functions.

        Args:
            uniforms: In [0, 1), float64, shape (B, L).

        Returns:
            int64, shape (B, L).
        """
        columns = uniforms.unbind(1)
        tokens = [Categorical(self.initial.expand(len(uniforms), -1)).sample(columns[0])]
        for column in columns[1:]:
            tokens.append(Categorical(self.transition[tokens[-1]]).sample(column))
        return torch.stack(tokens, 1)

    def posterior(self, evidence: Tensor) -> Tensor:
        """Probability of each token at each place, given evidence for every place.

        Messages run from both ends at once; each meets the evidence on its way and is brought back
        to sum 1, so that no length underflows. Evidence that the chain contradicts (a state that
        no sequence leads to) has no posterior; there the message is dropped and the evidence kept.

        Args:
            evidence: Likelihood of what was seen at each place for each token, up to a factor per
                place, float64, shape (B, L, V); each row has a positive sum.

        Returns:
            float64, shape (B, L, V); rows sum to 1.
        """
        evidence = evidence / evidence.sum(-1, keepdim=True)
        rightward, leftward = evidence.unbind(1), evidence.flip(1).unbind(1)
        steps = torch.stack([self.transition, self.transition.T])
        message = torch.stack([self.initial, torch.ones_like(self.initial)])[:, None]
        messages = [message.expand(2, len(evidence), -1)]
        for here in zip(rightward[:-1], leftward[:-1], strict=True):
            messages.append(_weighed(messages[-1], torch.stack(here)) @ steps)
        from_left, from_right = torch.stack(messages, 2)
        return _weighed(from_left * from_right.flip(1), evidence)


class ChainDenoiser(Denoiser[CategoricalProcess]):
    """The exact posterior of every token of a Markov chain under a categorical process.

    Computed in float64 on the CPU whatever the state's device, in time linear in L.

    Args:
        chain: The distribution of the clean data.
        process: The process that corrupts it.

    Raises:
        SettingError: Chain and process differ in their number of tokens.
    """

    def __init__(self, chain: MarkovChain, process: CategoricalProcess) -> None:
        if chain.size != process.size:
            raise SettingError(
                "The chain and the process do not speak of the same tokens.",
                why=f"the chain has {chain.size}, the process {process.size}",
            )
        super().__init__(process)
        self.chain = chain

    def forward(self, x_t: Tensor, t: Tensor, **cond: Any) -> Posterior:
        """``log p(x0_i | x_t)`` for each place ``i``; see :meth:`Denoiser.forward`.

        Args:
            x_t: States, int64, shape (B, L).
            t: Times in [0, 1], float64, shape () or (B,).
            **cond: Not accepted.

        Returns:
            Logits float64, shape (B, L, V), normalised, and -1e9 for what cannot be.

        Raises:
            SettingError: A condition is given, or the length is not the chain's.
        """
        if cond:
            raise SettingError(f"A Markov chain knows no condition {sorted(cond)}.")
        if x_t.shape[1] != self.chain.length:
            raise SettingError(
                f"The state has {x_t.shape[1]} tokens, the Markov chain {self.chain.length}."
            )
        belief = self.chain.posterior(_evidence(self.process, x_t.cpu(), t))
        return Posterior(belief.log().clamp_min(IMPOSSIBLE).to(x_t.device))


def _evidence(process: CategoricalProcess, x_t: Tensor, t: Tensor) -> Tensor:
    """``q(x_t | x0)`` as a function of ``x0``, up to a factor per place, shape (B, L, V)."""
    own = F.one_hot(x_t, process.states)[..., : process.size].double()
    if isinstance(process, Masking):
        # Every token is masked alike, so a mask says nothing.
        return own.masked_fill_((x_t == process.mask).unsqueeze(-1), 1.0)
    keep = spread(process.keep.keep(t), own)
    return keep * own + (1 - keep) / process.size


def _weighed(message: Tensor, evidence: Tensor) -> Tensor:
    """Their product with rows brought to sum 1, or the evidence where they contradict."""
    joint = message * evidence
    total = joint.sum(-1, keepdim=True)
    return torch.where(total > 0, joint / total, evidence)


def _are_distributions(rows: Tensor) -> bool:
    """Whether every row is a float64 distribution."""
    if rows.dtype != torch.float64 or not bool((rows >= 0).all()):
        return False
    return bool(((rows.sum(-1) - 1).abs() < 1e-9).all())
