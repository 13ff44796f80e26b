"""Two sets of conditions in one sample: blends, and regions with words of their own."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import torch
from torch import Tensor

from sfumato.conditions import Conditions
from sfumato.denoiser import Denoiser, Posterior
from sfumato.errors import SettingError
from sfumato.process.gaussian import Gaussian, spread

BLEND = "blend"
"""The name of the weights of the second set among the conditions."""
_SECOND = "_second"


def second(name: str) -> str:
    """The name under which the conditions of a blend hold the second value of a condition."""
    return name + _SECOND


class Blended(Denoiser[Gaussian]):
    """A denoiser whose posterior mean is a weighted mean of those under two sets of conditions.

        D = (1 - w) D(c) + w D(c')

    Weights that differ between places give each region its own conditions, as in MultiDiffusion
    (Bar-Tal et al. 2023, arXiv:2302.08113), whose crops are here the whole sample: the result is
    exact if the regions are independent. One weight for all places leads from the one set to the
    other: a product of both distributions, each to the power of its weight, at every time (Liu et
    al. 2022, arXiv:2206.01714).

    Guidance belongs inside, ``Blended(Guided(denoiser, ...), names)``, so that each set is guided
    for itself. The weights and second values are conditions, with a row for each sample:

        blend          w in [0, 1], float32, shape (B,), or (B, 1, *sides) for regions
        NAME_second    the value in ``c'`` of the condition NAME, shaped like the first

    Conditions without a second value are the same in both sets; without ``blend`` the denoiser is
    the one that it is made from. Each set takes a call of its own, of the size of the batch, and a
    call whose weights are all 0 is left out. Both sets in one call, left out at times, would
    change the last bits of a sample by the weights of the others in its batch.

    Args:
        denoiser: A denoiser of numbers.
        names: The conditions that can have a second value.

    Raises:
        SettingError: The process is one of tokens.
    """

    def __init__(self, denoiser: Denoiser[Gaussian], names: Collection[str]) -> None:
        super().__init__(denoiser.process)
        if not isinstance(denoiser.process, Gaussian):
            raise SettingError(
                "Conditions cannot be blended on tokens.",
                why="a blend is a weighted mean of posterior means, and tokens have no mean",
                hint="give one set of conditions, without 'blend'",
            )
        self.denoiser = denoiser
        self.names = tuple(names)

    def forward(self, x_t: Tensor, t: Tensor, **cond: Any) -> Posterior:
        """The blended posterior; see :meth:`Denoiser.forward`.

        Raises:
            SettingError: There are weights without a second value, or a second value without
                weights or without a first; or the shape of the weights is not one of the above.
        """
        first, other, weights = self._sets(Conditions(cond))
        if weights is None:
            plain: Posterior = self.denoiser(x_t, t, **first)
            return plain
        weights = _spread(weights, x_t)
        if not (weights < 1).any():
            return Posterior(self.denoiser(x_t, t, **other).mean)
        mean: Tensor = self.denoiser(x_t, t, **first).mean
        if (weights > 0).any():
            mean = torch.lerp(mean, self.denoiser(x_t, t, **other).mean, weights)
        return Posterior(mean)

    def _sets(self, conditions: Conditions) -> tuple[Conditions, Conditions, Tensor | None]:
        """The two sets of conditions, and the weights of the second; None = the first alone."""
        own = {second(name): name for name in self.names}
        changes = {own[key]: conditions[key] for key in own.keys() & conditions.keys()}
        apart = own.keys() | {BLEND}
        first = Conditions({k: value for k, value in conditions.items() if k not in apart})
        weights = conditions.get(BLEND)
        if (weights is None) != (not changes) or not changes.keys() <= first.keys():
            raise SettingError(
                "The two sets of conditions are not complete: there is "
                f"{', '.join(sorted(conditions))}.",
                why="a blend has a weight for each sample, and both values of what differs",
                hint=f"for example: words, {second('words')} and {BLEND}; the null value of a "
                "condition stands for one that is unknown",
            )
        return first, first | changes, weights


def _spread(weights: Tensor, x_t: Tensor) -> Tensor:
    """Weights that broadcast to the states, in their dtype."""
    if weights.ndim > 1 and weights.shape != (len(x_t), 1, *x_t.shape[2:]):
        raise SettingError(
            f"The weights of a blend cannot have the shape {tuple(weights.shape)}.",
            why=f"the states have the shape {tuple(x_t.shape)}",
            hint=f"give ({len(x_t)},) or {(len(x_t), 1, *x_t.shape[2:])}",
        )
    return spread(weights, x_t) if weights.ndim == 1 else weights.to(x_t)
