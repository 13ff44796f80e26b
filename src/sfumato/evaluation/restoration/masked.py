"""Trials in which a part of the data is known, and the rest is measured."""

from __future__ import annotations

import math
from abc import abstractmethod

import torch
from torch import Tensor

from sfumato.evaluation.restoration.trial import Trial
from sfumato.media.audio.medium import AudioMedium
from sfumato.media.audio.settings import LinesSpec
from sfumato.restoration import Mask, Operator

_SECONDS = 0.05
_GAP_SHARE = 0.125


class Masked(Trial):
    """Some entries are known."""

    @abstractmethod
    def known(self, filled: float) -> Tensor:
        """The known entries; bool, shape (*sides)."""

    def operator(self, filled: float) -> Operator:
        """See :meth:`Trial.operator`."""
        return Mask.of(self.known(filled))

    def unknown(self, operator: Operator) -> Tensor:
        """See :meth:`Trial.unknown`."""
        return ~_mask(operator).known_in(self.shape)

    def shown(self, values: Tensor, operator: Operator) -> Tensor:
        """See :meth:`Trial.shown`."""
        return _placed(values, operator, self.shape)

    def plain(self, values: Tensor, operator: Operator) -> Tensor:
        """See :meth:`Trial.plain`."""
        known = _mask(operator).known_in(self.shape).to(values)
        placed = _placed(values, operator, self.shape)
        sides = tuple(range(2, placed.ndim))
        mean = placed.sum(sides, keepdim=True) / known.sum(tuple(range(1, known.ndim)))[0]
        return placed + (1 - known) * mean


class Inpaint(Masked):
    """A box in the centre is unknown."""

    name = "inpaint"
    about = "A box of half the width and height in the centre is unknown."
    plain_name = "the mean colour of what is known"

    def known(self, filled: float) -> Tensor:
        """See :meth:`Masked.known`."""
        known = torch.ones(self.shape[1:], dtype=torch.bool)
        known[tuple(slice(side // 4, side // 4 + side // 2) for side in self.shape[1:])] = False
        return known


class Outpaint(Inpaint):
    """All but a box in the centre is unknown."""

    name = "outpaint"
    about = "Only a box of half the width and height in the centre is known."

    def known(self, filled: float) -> Tensor:
        """See :meth:`Masked.known`."""
        return ~super().known(filled)


class Gap(Masked):
    """A gap in time, in the middle of the item."""

    name = "gap"
    about = f"A gap of {1000 * _SECONDS:.0f} ms in the middle of the item is unknown."
    plain_name = "linear interpolation over time"

    def known(self, filled: float) -> Tensor:
        """See :meth:`Masked.known`; a frame that a part of the gap lies in is unknown."""
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


class Bandwidth(Masked):
    """High frequencies are unknown."""

    name = "bandwidth"
    about = "The upper half of the frequencies is unknown."
    plain_name = "nothing above"

    def known(self, filled: float) -> Tensor:
        """See :meth:`Masked.known`."""
        bins = self.shape[1]
        return torch.arange(bins)[:, None] < bins // 2

    def plain(self, values: Tensor, operator: Operator) -> Tensor:
        """See :meth:`Trial.plain`."""
        return _placed(values, operator, self.shape)


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


def _mask(operator: Operator) -> Mask:
    if not isinstance(operator, Mask):
        raise TypeError("the operator of a masked trial is a mask")
    return operator


def _placed(values: Tensor, operator: Operator, shape: tuple[int, ...]) -> Tensor:
    """The known entries at their places, and 0 elsewhere, shape (1, *shape)."""
    return operator.linearised(values.new_zeros(1, *shape)).transpose(values)
