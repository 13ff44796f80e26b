"""The exact denoiser of a distribution of sequences, under every categorical process."""

from __future__ import annotations

from typing import Any

import torch.nn.functional as F
from torch import Tensor

from sfumato.denoiser import IMPOSSIBLE, Denoiser, Posterior
from sfumato.errors import SettingError
from sfumato.oracle.sequence import SequenceDistribution, SequenceMixture, SequencePosterior
from sfumato.process.categorical import CategoricalProcess, Masking
from sfumato.process.gaussian import spread


class SequenceDenoiser(Denoiser[CategoricalProcess]):
    """The exact posterior of every token under a categorical process.

    Computed in float64 on the CPU whatever the state's device.

    Args:
        distribution: The distribution of the clean data.
        process: The process that corrupts it.

    Raises:
        SettingError: Distribution and process differ in their number of tokens.
    """

    def __init__(self, distribution: SequenceDistribution, process: CategoricalProcess) -> None:
        if distribution.size != process.size:
            raise SettingError(
                "The distribution and the process differ in their number of tokens.",
                why=f"the distribution has {distribution.size}, the process {process.size}",
            )
        super().__init__(process)
        self.distribution = distribution

    def forward(
        self, x_t: Tensor, t: Tensor, label: Tensor | None = None, **cond: Any
    ) -> Posterior:
        """``log p(x0_i | x_t)`` for each place ``i``; see :meth:`Denoiser.forward`.

        Args:
            x_t: States, int64, shape (B, L).
            t: Times in [0, 1], float64, shape () or (B,).
            label: For a :class:`SequenceMixture` only: shape (B,), each a class or the null label.
            **cond: Not accepted.

        Returns:
            Logits float64, shape (B, L, V), normalised, and -1e9 for impossible tokens.

        Raises:
            SettingError: A condition is given that the distribution does not have, or the length
                differs.
        """
        if cond:
            raise SettingError(f"A distribution of sequences has no condition {sorted(cond)}.")
        if x_t.shape[1] != self.distribution.length:
            raise SettingError(
                f"The state has {x_t.shape[1]} tokens, the data {self.distribution.length}."
            )
        posterior = self._posterior(_evidence(self.process, x_t.cpu(), t), label)
        return Posterior(posterior.marginals.log().clamp_min(IMPOSSIBLE).to(x_t.device))

    def _posterior(self, evidence: Tensor, label: Tensor | None) -> SequencePosterior:
        if label is None:
            return self.distribution.posterior(evidence)
        if isinstance(self.distribution, SequenceMixture):
            return self.distribution.posterior(evidence, label)
        raise SettingError(
            "The condition 'label' was given, but the distribution has no classes.",
            hint="use a SequenceMixture, which has classes",
        )


def _evidence(process: CategoricalProcess, x_t: Tensor, t: Tensor) -> Tensor:
    """``q(x_t | x0)`` as a function of ``x0``, up to a factor per place, shape (B, L, V)."""
    own = F.one_hot(x_t, process.states)[..., : process.size].double()
    if isinstance(process, Masking):
        # Every token has the same probability of being masked, so a mask is no evidence.
        return own.masked_fill_((x_t == process.mask).unsqueeze(-1), 1.0)
    keep = spread(process.keep.keep(t), own)
    return keep * own + (1 - keep) / process.size
