"""Trials: observations that are made of held-out items, to see how well a run restores them.

All of them are operators on encoded data with a stated noise, so the same code measures them all,
and the truth is known.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor

from sfumato.errors import SettingError, suggest
from sfumato.media.audio.medium import AudioMedium
from sfumato.media.audio.settings import LinesSpec
from sfumato.media.numbers import NumberMedium
from sfumato.restoration import Blur, Grey, Identity, Mask, Mean, Operator

_FACTOR = 4
_BLUR = 1.5
_SECONDS = 0.05
_GAP_SHARE = 0.125


class Trial(ABC):
    """One kind of observation.

    Args:
        medium: The medium of the run.

    Attributes:
        name: The name by which it is asked for.
        about: What is observed.
        plain_name: What the plain restoration is, which stands beside the figures.
        noise: Standard deviation of the noise; encoded images reach from -1 to 1.
    """

    name: ClassVar[str]
    about: ClassVar[str]
    plain_name: ClassVar[str]
    noise: ClassVar[float] = 0.02

    def __init__(self, medium: NumberMedium) -> None:
        self.medium = medium
        self.shape = tuple(medium.signal_shape)

    @abstractmethod
    def operator(self, filled: float) -> Operator:
        """What is observed of an item.

        Args:
            filled: The share of its extent that the item fills.
        """

    @abstractmethod
    def plain(self, values: Tensor, operator: Operator) -> Tensor:
        """A restoration without a model, shape (1, *shape).

        Args:
            values: The observation, shape (1, *out).
            operator: What :meth:`operator` returned.
        """

    def shown(self, values: Tensor, operator: Operator) -> Tensor:
        """The observation as data to look at, shape (1, *shape)."""
        return self.plain(values, operator)

    def unknown(self, operator: Operator) -> Tensor:
        """Which entries are measured: those that are not observed; bool, of the data's shape."""
        return torch.ones(self.shape, dtype=torch.bool)


class _Masked(Trial):
    """Some entries are known."""

    @abstractmethod
    def known(self, filled: float) -> Tensor:
        """The known entries; bool, shape (*sides)."""

    def operator(self, filled: float) -> Operator:
        return Mask.of(self.known(filled))

    def unknown(self, operator: Operator) -> Tensor:
        return ~_mask(operator).known_in(self.shape)

    def shown(self, values: Tensor, operator: Operator) -> Tensor:
        return _placed(values, operator, self.shape)

    def plain(self, values: Tensor, operator: Operator) -> Tensor:
        known = _mask(operator).known_in(self.shape).to(values)
        placed = _placed(values, operator, self.shape)
        sides = tuple(range(2, placed.ndim))
        mean = placed.sum(sides, keepdim=True) / known.sum(tuple(range(1, known.ndim)))[0]
        return placed + (1 - known) * mean


class Inpaint(_Masked):
    """A box in the centre is unknown."""

    name = "inpaint"
    about = "A box of half the width and height in the centre is unknown."
    plain_name = "the mean colour of what is known"

    def known(self, filled: float) -> Tensor:
        """See :meth:`_Masked.known`."""
        known = torch.ones(self.shape[1:], dtype=torch.bool)
        known[tuple(slice(side // 4, side // 4 + side // 2) for side in self.shape[1:])] = False
        return known


class Outpaint(Inpaint):
    """All but a box in the centre is unknown."""

    name = "outpaint"
    about = "Only a box of half the width and height in the centre is known."

    def known(self, filled: float) -> Tensor:
        """See :meth:`_Masked.known`."""
        return ~super().known(filled)


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


class Gap(_Masked):
    """A gap in time, in the middle of the item."""

    name = "gap"
    about = f"A gap of {1000 * _SECONDS:.0f} ms in the middle of the item is unknown."
    plain_name = "linear interpolation over time"

    def known(self, filled: float) -> Tensor:
        """See :meth:`_Masked.known`; a frame that a part of the gap lies in is unknown."""
        extent = self.shape[-1]
        start, stop = gap(extent, self._frames, filled)
        known = torch.ones(self.shape[1:], dtype=torch.bool)
        known[..., start:stop] = False
        return known

    @property
    def _frames(self) -> int:
        """Length of the gap along the last side."""
        extent = self.shape[-1]
        if not isinstance(self.medium, AudioMedium):
            return max(1, round(_GAP_SHARE * extent))
        samples = round(_SECONDS * self.medium.settings.rate)
        spec = self.medium.settings.representation
        if not isinstance(spec, LinesSpec):
            return samples
        # A frame reaches over a hop to either side.
        return math.ceil(samples / (spec.window // 2)) + 1

    def plain(self, values: Tensor, operator: Operator) -> Tensor:
        """See :meth:`Trial.plain`."""
        placed = _placed(values, operator, self.shape)
        start, stop = span(self.unknown(operator))
        before, after = placed[..., start - 1 : start], placed[..., stop : stop + 1]
        share = torch.arange(1, stop - start + 1).to(placed) / (stop - start + 1)
        filled = placed.clone()
        filled[..., start:stop] = before + (after - before) * share
        return filled

    def repeated(self, values: Tensor, operator: Operator) -> Tensor:
        """A restoration that repeats what is just before the gap, shape (1, *shape)."""
        placed = _placed(values, operator, self.shape)
        start, stop = span(self.unknown(operator))
        places = start - 1 - (torch.arange(start, stop) - start) % start
        filled = placed.clone()
        filled[..., start:stop] = placed[..., places.flip(0)]
        return filled


class Bandwidth(_Masked):
    """High frequencies are unknown."""

    name = "bandwidth"
    about = "The upper half of the frequencies is unknown."
    plain_name = "nothing above"

    def known(self, filled: float) -> Tensor:
        """See :meth:`_Masked.known`."""
        bins = self.shape[1]
        return torch.arange(bins)[:, None] < bins // 2

    def plain(self, values: Tensor, operator: Operator) -> Tensor:
        """See :meth:`Trial.plain`."""
        return _placed(values, operator, self.shape)


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


def span(unknown: Tensor) -> tuple[int, int]:
    """The first place of the unknown part along the last side, and the place behind it."""
    places = unknown.flatten(0, -2).any(0).nonzero()[:, 0]
    return int(places[0]), int(places[-1]) + 1


def gap(extent: int, length: int, filled: float) -> tuple[int, int]:
    """Where a gap begins and ends: in the middle of what is filled, with data on both sides.

    Args:
        extent: Length of the last side, at least 3.
        length: Length of the gap, which is shortened if it does not fit.
        filled: The share of the extent that is filled.
    """
    length = min(length, extent - 2)
    start = round(filled * extent / 2 - length / 2)
    start = min(max(start, 1), extent - 1 - length)
    return start, start + length


def _names_for(medium: NumberMedium) -> list[str]:
    channels, *sides = medium.signal_shape
    if isinstance(medium, AudioMedium):
        return ["denoise", "gap"] + ["bandwidth"] * (len(sides) == 2)
    if len(sides) != 2:
        return ["denoise", "gap"]
    names = ["inpaint", "outpaint", "super-resolve", "deblur", "denoise"]
    return names + ["colourise"] * (channels == 3)


def _mask(operator: Operator) -> Mask:
    if not isinstance(operator, Mask):
        raise TypeError("the operator of a masked trial is a mask")
    return operator


def _placed(values: Tensor, operator: Operator, shape: tuple[int, ...]) -> Tensor:
    """The known entries at their places, and 0 elsewhere, shape (1, *shape)."""
    like: Any = values.new_zeros(1, *shape)
    return operator.linearised(like).transpose(values)
