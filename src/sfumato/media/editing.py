"""Edits: what is done to a file, as a plan that is stored with the result, and as a task to solve.

A plan is closed data, so a result names exactly how it was made. From a plan and its file the
medium makes a task: the observation for a method of restoration, and what is done with restored
data so that everything known in the file stays as it is.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, ClassVar

from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor

from sfumato.errors import SettingError
from sfumato.restoration import AnyOperator, Observation

# Number of items, and of numbers, of which a covariance is measured at most.
_OF_COVARIANCE, _AT_ONCE = 512, 1 << 25


@dataclass(frozen=True)
class Wanted:
    """What a user wants to be done to a file; None or False stands for "not this".

    Attributes:
        mask: Image: an image of the part to make anew: white is made anew, black stays.
        box: Image: the part to make anew, as left, top, width and height in pixels.
        outpaint: Image: pixels to add at each side, such as ``{"left": 64}``.
        super_resolve: Image: how many times as many pixels along each side.
        deblur: Image: standard deviation of the blur in pixels; a path is an image of the kernel.
        colourise: Image: give colours to a grey image.
        dejpeg: Image: undo the compression of a JPEG file.
        bits: Image: the image has this many bits for each value.
        denoise: Standard deviation of the noise, in levels of the file's full range (1 = all of
            it); ``auto`` estimates it.
        declip: Audio: restore peaks that were cut off.
        gap: Audio: begin and end of the part to make anew, in seconds.
        bandwidth: Audio: the file has nothing above this frequency, in Hz.
        extend: Audio: number of seconds to add at the end.
        noise: Standard deviation of the noise of the observation, in levels of the full range.
        feather: Image: width of the transition at the edge of a mask in pixels.
        resize: Image: read the file at the size of the model, as for training.
    """

    mask: Path | None = None
    box: tuple[int, int, int, int] | None = None
    outpaint: Mapping[str, int] | None = None
    super_resolve: int | None = None
    deblur: float | Path | None = None
    colourise: bool = False
    dejpeg: bool = False
    bits: int | None = None
    denoise: float | str | None = None
    declip: bool = False
    gap: tuple[float, float] | None = None
    bandwidth: float | str | None = None
    extend: float | None = None
    noise: float | None = None
    feather: int = 0
    resize: bool = False

    @property
    def operations(self) -> tuple[str, ...]:
        """The names of the operations that are wanted."""
        details = {"noise", "feather", "resize"}
        names = [field.name for field in fields(self) if field.name not in details]
        # A zero is wanted too, and refused by the medium.
        given = ((name, getattr(self, name)) for name in names)
        return tuple(name for name, value in given if value is not None and value is not False)


class Edit(BaseModel):
    """The plan of an edit, which is stored in the provenance of its result.

    Attributes:
        task: Name of the operation, such as ``mask`` or ``super_resolve``.
        operator: What the file shows of the data that are restored.
        noise: Standard deviation of the noise in units of the signal; None where the operator
            states it for each value.
        region: Begin and end along each axis of the file, as far as the edit reaches; None for all
            of it. It may reach beyond the file, where nothing is known.
        feather: Width of the transition at the edge of what is known, in pixels or samples.
        resize: Whether the file is read at the size of the model.
        notes: What was converted of the file and of the mask, in sentences for the user.
    """

    model_config = ConfigDict(frozen=True, extra="ignore", allow_inf_nan=False)

    task: str
    operator: AnyOperator
    noise: float | None = Field(None, gt=0)
    region: tuple[tuple[int, int], ...] | None = None
    feather: int = Field(0, ge=0)
    resize: bool = False
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class Task:
    """A plan applied to its file.

    Attributes:
        observation: What is known of the data.
        canvas: Shape of the data that are restored, (C, *sides); larger than what the model makes
            where the edit works by overlapping windows.
        start: The file as encoded data, shape (1, *canvas), for edits that begin from it; None if
            it is no such data.
        filled: The share of its extent that the restored item fills, as a condition; None for
            media without lengths.
        finish: Turns restored data, shape (B, *canvas), into items as the sample folder takes them,
            with everything that is known put back.
        original: The file as an item to show beside the results.
        observed: What the method sees of the file, as an item; None if it is the original.
    """

    observation: Observation
    canvas: tuple[int, ...]
    start: Tensor | None
    filled: float | None
    finish: Callable[[Tensor], NDArray[Any]]
    original: NDArray[Any]
    observed: NDArray[Any] | None = None


class Editable:
    """The part of a medium that edits files; a medium without it takes operators only.

    Attributes:
        plural: Noun for many items.
    """

    plural: ClassVar[str]

    def plan(self, path: Path, wanted: Wanted) -> Edit:
        """Plan an edit of a file; nothing is evaluated.

        Args:
            path: The file.
            wanted: What to do to it, with one operation.

        Raises:
            SettingError: The medium has no such operation, or it does not fit the file.
            DataError: The file cannot be read.
        """
        raise SettingError(
            f"There are no edits of {self.plural} by name.",
            hint="run.edit(observed, operator) takes any operator.",
        )

    def task(self, path: Path, edit: Edit) -> Task:
        """Apply a plan to its file.

        Args:
            path: The file.
            edit: What :meth:`plan` returned for it.

        Raises:
            SettingError: The plan does not fit the file.
            DataError: The file cannot be read.
        """
        raise SettingError(f"There are no edits of {self.plural} by name.")

    def write_spread(self, items: NDArray[Any], path: Path) -> None:
        """Draw where several results of an edit differ, as an image.

        Args:
            items: Two or more results, shape (N, ...).
            path: Path of the PNG.
        """


def thinned(items: NDArray[Any], shape: Sequence[int]) -> NDArray[Any]:
    """Some evenly spaced items, enough to measure a covariance and few enough for the memory.

    Args:
        items: Shape (M, ...).
        shape: Shape of an encoded item.
    """
    most = max(2, min(_OF_COVARIANCE, _AT_ONCE // math.prod(shape)))
    return items[:: -(-len(items) // most)]
