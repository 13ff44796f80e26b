"""Trials: observations that are made of held-out items, to see how well a run restores them.

All of them are operators on encoded data with a stated noise, so the same code measures them all,
and the truth is known.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

import torch.nn.functional as F
from torch import Tensor

from sfumato.errors import SettingError, suggest
from sfumato.evaluation.restoration.masked import Bandwidth, Gap, Inpaint, Outpaint
from sfumato.evaluation.restoration.trial import Trial
from sfumato.media.audio.medium import AudioMedium
from sfumato.media.numbers import NumberMedium
from sfumato.restoration import Blur, Grey, Identity, Mean, Operator

_FACTOR = 4
_BLUR = 1.5


class SuperResolve(Trial):
    """The means of blocks are known."""

    name = "super-resolve"
    about = f"The means of blocks of {_FACTOR} x {_FACTOR} pixels are known."
    plain_name = "bicubic interpolation"

    def operator(self, filled: float) -> Operator:
        """See :meth:`Trial.operator`."""
        return Mean(factor=_FACTOR)

    def plain(self, values: Tensor, operator: Operator) -> Tensor:
        """See :meth:`Trial.plain`."""
        return F.interpolate(values, size=self.shape[1:], mode="bicubic", align_corners=False)

    def shown(self, values: Tensor, operator: Operator) -> Tensor:
        """See :meth:`Trial.shown`."""
        return F.interpolate(values, size=self.shape[1:], mode="nearest")


class Deblur(Trial):
    """A blurred picture."""

    name = "deblur"
    about = f"The picture is blurred with a standard deviation of {_BLUR} pixels."
    plain_name = "the observation itself"

    def operator(self, filled: float) -> Operator:
        """See :meth:`Trial.operator`."""
        return Blur(sigma=_BLUR)

    def plain(self, values: Tensor, operator: Operator) -> Tensor:
        """See :meth:`Trial.plain`."""
        return values


class Denoise(Trial):
    """The data with noise."""

    name = "denoise"
    about = "The data are known with noise."
    plain_name = "the observation itself"
    noise = 0.2

    def operator(self, filled: float) -> Operator:
        """See :meth:`Trial.operator`."""
        return Identity()

    def plain(self, values: Tensor, operator: Operator) -> Tensor:
        """See :meth:`Trial.plain`."""
        return values


class Colourise(Trial):
    """A grey picture."""

    name = "colourise"
    about = "The luma of the picture is known."
    plain_name = "the grey picture"

    def operator(self, filled: float) -> Operator:
        """See :meth:`Trial.operator`."""
        return Grey()

    def plain(self, values: Tensor, operator: Operator) -> Tensor:
        """See :meth:`Trial.plain`."""
        return values.expand(1, *self.shape)


TRIALS: Mapping[str, type[Trial]] = MappingProxyType(
    {
        trial.name: trial
        for trial in (
            Inpaint, Outpaint, SuperResolve, Deblur, Denoise, Colourise, Gap, Bandwidth,
        )
    }
)  # fmt: skip
"""All trials by their names."""


def trials_of(medium: NumberMedium, names: Sequence[str]) -> list[Trial]:
    """The trials of some names, each checked to fit the medium.

    Raises:
        SettingError: There is no such trial, it is not one of this medium, or it does not fit the
            shape of the data.
    """
    own = _names_for(medium)
    found = []
    for name in dict.fromkeys(names):
        if name not in TRIALS:
            raise SettingError(
                f"Restoration cannot be measured by '{name}'.", hint=suggest(name, own)
            )
        if name not in own:
            raise SettingError(
                f"'{name}' is not for {medium.plural} like those of this run.",
                why=f"they are encoded as {' x '.join(map(str, medium.signal_shape))} numbers",
                hint=f"use {', '.join(own)}.",
            )
        trial = TRIALS[name](medium)
        trial.operator(1.0).require(trial.shape)
        found.append(trial)
    return found


def _names_for(medium: NumberMedium) -> list[str]:
    channels, *sides = medium.signal_shape
    if isinstance(medium, AudioMedium):
        return ["denoise", "gap"] + ["bandwidth"] * (len(sides) == 2)
    if len(sides) != 2:
        return ["denoise", "gap"]
    names = ["inpaint", "outpaint", "super-resolve", "deblur", "denoise"]
    return names + ["colourise"] * (channels == 3)
