"""Temperature, nucleus, and forbidden tokens."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from sfumato.denoiser import IMPOSSIBLE, Denoiser, Posterior
from sfumato.errors import SettingError
from sfumato.process.categorical import CategoricalProcess, Masking

# Logits divided by less may overflow; here the likeliest token is practically always drawn.
_COLDEST = 1e-6
# Beyond this impossible tokens would become possible; here tokens are practically drawn uniformly.
_HOTTEST = 1e3


class Tempered(Denoiser[CategoricalProcess]):
    """A denoiser of tokens with a temperature, a nucleus and forbidden tokens.

    At each place the logits are divided by the temperature, and the forbidden tokens and then the
    unlikely tokens outside the nucleus get probability 0. Under masking, places with visible
    tokens are unchanged.

    Source: Holtzman et al. 2020 (arXiv:1904.09751), section 3.1 for the nucleus, section 3.3 for
    the temperature.

    Args:
        denoiser: The denoiser to modify.
        temperature: From 1e-6 to 1000; below 1 sharper, 1 = off.
        top_p: Mass of the nucleus, in (0, 1]: the smallest set of likeliest tokens with at least
            this probability; 1 = off.
        forbidden: Tokens that are never drawn.

    Raises:
        SettingError: A setting is out of its range, or all tokens are forbidden.
    """

    def __init__(
        self,
        denoiser: Denoiser[CategoricalProcess],
        temperature: float = 1.0,
        top_p: float = 1.0,
        forbidden: Sequence[int] = (),
    ) -> None:
        super().__init__(denoiser.process)
        _check(temperature, top_p, forbidden, denoiser.process.size)
        self.denoiser = denoiser
        self.temperature = temperature
        self.top_p = top_p
        self.forbidden = tuple(forbidden)

    def forward(self, x_t: Tensor, t: Tensor, **cond: Any) -> Posterior:
        """See :meth:`Denoiser.forward`."""
        posterior: Posterior = self.denoiser(x_t, t, **cond)
        if self.temperature == 1 and self.top_p == 1 and not self.forbidden:
            return posterior
        logits = posterior.logits
        if not isinstance(self.process, Masking):
            return Posterior(self._narrowed(logits))
        unknown = x_t == self.process.mask
        narrowed = logits.clone()
        narrowed[unknown] = self._narrowed(logits[unknown])
        return Posterior(narrowed)

    def _narrowed(self, logits: Tensor) -> Tensor:
        """The logits, shape (..., V), with all three settings applied."""
        logits = logits / self.temperature
        if self.forbidden:
            logits[..., list(self.forbidden)] = IMPOSSIBLE
        return _nucleus(logits, self.top_p) if self.top_p < 1 else logits


def _nucleus(logits: Tensor, top_p: float) -> Tensor:
    """The logits with those outside the nucleus impossible."""
    ranked, order = logits.softmax(-1, dtype=torch.float64).sort(
        stable=True, dim=-1, descending=True
    )
    before = F.pad(ranked.cumsum(-1)[..., :-1], (1, 0))
    outside = torch.zeros_like(before, dtype=torch.bool)
    # The first token has nothing before it, so it always stays.
    outside.scatter_(-1, order, before >= top_p)
    return logits.masked_fill(outside, IMPOSSIBLE)


def _check(temperature: float, top_p: float, forbidden: Sequence[int], size: int) -> None:
    if not _COLDEST <= temperature <= _HOTTEST:
        raise SettingError(
            f"The temperature cannot be {temperature}.",
            hint="use a number from 1e-6 to 1000; 1 turns it off",
        )
    if not 0 < top_p <= 1:
        raise SettingError(
            f"top_p cannot be {top_p}.", hint="use a share above 0 and at most 1; 1 turns it off"
        )
    invalid = [token for token in forbidden if not 0 <= token < size]
    if invalid:
        raise SettingError(
            f"The token {invalid[0]} cannot be forbidden.",
            why=f"the tokens are numbered from 0 to {size - 1}",
        )
    if len(set(forbidden)) == size:
        raise SettingError("All tokens are forbidden.", why="at least one token must be allowed")
