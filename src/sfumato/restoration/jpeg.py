"""JPEG compression: the coefficients of which a file holds the nearest multiples of its steps."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import Annotated, ClassVar, Literal, NamedTuple, Self

import torch
from pydantic import Field, model_validator
from torch import Tensor

from sfumato.errors import SettingError
from sfumato.restoration.interval import Rounded
from sfumato.restoration.sides import along

LONGEST_SIDE = 4096
"""The longest side of a picture, in pixels."""

# Half of the levels from 0 to 255, which data in [-1, 1] stand for.
_HALF = 127.5
# Data of 0 are the level 127.5, but the transform is that of the distance to 128.
_CENTRE = 8 * (_HALF - 128)
# Luma, blue and red difference (JFIF 1.02), times the channels.
_COLOURS = (
    (0.299, 0.587, 0.114),
    (-0.299 / 1.772, -0.587 / 1.772, 0.5),
    (0.5, -0.587 / 1.402, -0.114 / 1.402),
)
_ROUNDS = 64

Step = Annotated[int, Field(ge=1, le=65535)]
Table = Annotated[tuple[Step, ...], Field(min_length=64, max_length=64)]
Side = Annotated[int, Field(ge=1, le=LONGEST_SIDE)]
Factor = Literal[1, 2, 4]


class Maps(NamedTuple):
    """What makes the coefficients of one component from its plane.

    Attributes:
        rows: Matrix along the height, float64, shape (8 * blocks, height).
        columns: Matrix along the width, float64, shape (8 * blocks, width).
    """

    rows: Tensor
    columns: Tensor


class JPEG(Rounded):
    """The coefficients of a JPEG file, component after component: shape (B, M).

    Colours become luma and two chroma planes, chroma is averaged over blocks of ``subsampling``,
    and each block of 8 x 8 is transformed by an orthonormal cosine transform (ITU-T T.81, A.3.3). A
    coefficient is in levels of 0 to 255; its row and column in the plane of its component are those
    of its block times 8 plus its frequencies. All of this is linear. A file holds the coefficients
    rounded to multiples of the steps in its tables. Blocks that reach beyond the picture are filled
    as libjpeg fills them.
    """

    summary: ClassVar[str] = "the coefficients of a JPEG file, each rounded to its step"

    kind: Literal["jpeg"] = "jpeg"
    tables: Annotated[tuple[Table, ...], Field(min_length=1, max_length=3)] = Field(
        description="64 steps for each component, row after row: grey, or luma and two chroma"
    )
    sides: tuple[Side, Side] = Field(description="height and width of the picture")
    subsampling: tuple[Factor, Factor] = Field(
        default=(1, 1), description="rows and columns of pixels that share a chroma value"
    )

    @model_validator(mode="after")
    def _has_components(self) -> Self:
        if len(self.tables) == 2:
            raise ValueError("a picture has one component or three")
        if len(self.tables) == 1 and self.subsampling != (1, 1):
            raise ValueError("a picture with one component has no chroma to share")
        return self

    def require(self, shape: Sequence[int]) -> None:
        """See :meth:`Operator.require`."""
        if tuple(shape) == (len(self.tables), *self.sides):
            return
        colour = "grey" if len(self.tables) == 1 else "colour"
        raise SettingError(
            f"Data of shape {tuple(shape)} do not fit a JPEG file.",
            why=f"it holds a {colour} picture of {self.sides[1]} x {self.sides[0]} pixels",
            hint="put the operator Grey before it."
            if (len(self.tables), *shape) == (1, 3, *self.sides)
            else "restore a picture of that size.",
        )

    def forward(self, x0: Tensor) -> Tensor:
        """See :meth:`Operator.forward`; the coefficients before they are rounded."""
        self.require(x0.shape[1:])
        planes = _mixed(x0.double() * _HALF, self._colours())
        parts = [
            along(along(plane, maps.rows, 1), maps.columns, 2).flatten(1)
            for plane, maps in zip(planes.unbind(1), self._maps(x0.device), strict=True)
        ]
        return torch.cat(parts, 1).to(x0.dtype)

    def observed(self, x0: Tensor) -> Tensor:
        """See :meth:`Interval.observed`."""
        coefficients = self.forward(x0)
        step, centre = self.step(coefficients), self.centre(coefficients)
        return ((coefficients + centre) / step).round() * step - centre

    def step(self, like: Tensor) -> Tensor:
        """See :meth:`Rounded.step`; the tables, repeated for all blocks, shape (M,)."""
        tables = [torch.tensor(table).reshape(8, 8) for table in self.tables]
        return self._repeated(tables).to(like)

    def centre(self, like: Tensor) -> Tensor:
        """What a file's coefficients are more than the observation, shape (M,).

        It is not 0 for the means of blocks of luma, which a file counts from the level 128.
        """
        tables = [torch.zeros(8, 8, dtype=torch.float64) for _ in self.tables]
        tables[0][0, 0] = _CENTRE
        return self._repeated(tables).to(like)

    def deviation(self, values: Tensor) -> Tensor:
        """See :meth:`Rounded.deviation`; an encoder also rounds each plane to whole levels."""
        return ((self.step(values).square() + 1) / 12).sqrt()

    def projected(self, x0: Tensor, values: Tensor) -> Tensor:
        """See :meth:`Interval.projected`; the nearest data in luma and chroma.

        If blocks reach beyond the picture, the data are moved in rounds and come close to it.
        """
        multiples = all(
            side % (8 * factor) == 0
            for side, factor in zip(self.sides, self.subsampling, strict=True)
        )
        back = torch.linalg.inv(self._colours()) if len(self.tables) > 1 else self._colours()
        for _ in range(1 if multiples else _ROUNDS):
            change = -self.excess(x0, values).double()
            planes, place = [], 0
            for maps in self._maps(x0.device):
                shape = (len(maps.rows), len(maps.columns))
                part = change[:, place : place + math.prod(shape)].reshape(-1, *shape)
                place += math.prod(shape)
                planes.append(along(along(part, _inverse(maps.rows), 1), _inverse(maps.columns), 2))
            x0 = x0 + (_mixed(torch.stack(planes, 1), back) / _HALF).to(x0.dtype)
        return x0

    def _colours(self) -> Tensor:
        """The weights of the channels in the components, float64."""
        rows = _COLOURS if len(self.tables) == 3 else ((1.0,),)
        return torch.tensor(rows, dtype=torch.float64)

    def _maps(self, device: torch.device) -> list[Maps]:
        return [
            _maps(self.sides, (1, 1) if number == 0 else self.subsampling, device)
            for number in range(len(self.tables))
        ]

    def _repeated(self, tables: Sequence[Tensor]) -> Tensor:
        """A number for each frequency of each component, for all coefficients, shape (M,)."""
        parts = []
        for table, maps in zip(tables, self._maps(torch.device("cpu")), strict=True):
            blocks = (len(maps.rows) // 8, len(maps.columns) // 8)
            parts.append(table.repeat(*blocks).flatten())
        return torch.cat(parts)


def _mixed(x: Tensor, weights: Tensor) -> Tensor:
    """Weighted sums of the channels, shape (B, len(weights), *sides)."""
    rows = weights.to(x).unbind()
    return torch.stack([(x * row[:, None, None]).sum(1) for row in rows], 1)


@lru_cache(maxsize=8)
def _maps(sides: tuple[int, int], factors: tuple[int, int], device: torch.device) -> Maps:
    height, width = sides
    return Maps(
        _transform(_filled_rows(height, factors[0])).to(device),
        _transform(_filled_columns(width, factors[1])).to(device),
    )


def _filled_rows(side: int, factor: int) -> Tensor:
    """Means of ``factor`` rows; after the last mean, that mean, up to whole blocks."""
    count = -(-side // factor)
    means = _means(side, factor, count)
    return torch.cat([means, means[-1:].expand(-count % 8, -1)])


def _filled_columns(side: int, factor: int) -> Tensor:
    """Means of ``factor`` columns; after the last column, that column, up to whole blocks."""
    return _means(side, factor, 8 * -(-side // (8 * factor)))


def _means(side: int, factor: int, count: int) -> Tensor:
    """Means of ``factor`` places, of which those beyond the last are the last; (count, side)."""
    places = torch.arange(factor * count).clamp_max(side - 1)
    matrix = torch.zeros(factor * count, side, dtype=torch.float64)
    matrix[torch.arange(factor * count), places] = 1 / factor
    return matrix.reshape(count, factor, side).sum(1)


def _transform(filled: Tensor) -> Tensor:
    """The cosine transform of each block of 8 places."""
    place = torch.arange(8, dtype=torch.float64)
    cosines = torch.cos(math.pi / 8 * (place + 0.5) * place[:, None]) / 2
    cosines[0] /= math.sqrt(2)
    return (cosines @ filled.reshape(-1, 8, filled.shape[1])).flatten(0, 1)


# The maps are cached, so the same matrices come again.
@lru_cache(maxsize=16)
def _inverse(matrix: Tensor) -> Tensor:
    inverse: Tensor = torch.linalg.pinv(matrix)
    return inverse
