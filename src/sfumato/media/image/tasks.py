"""Plans of edits of pictures, applied to their files."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from sfumato.errors import SettingError
from sfumato.imaging.blend import Paste, ramp
from sfumato.imaging.window import Region, cut, sides_of, union
from sfumato.media.editing import Edit, Task
from sfumato.media.image.jpeg import jpeg_observation
from sfumato.media.image.levels import signal_of_levels
from sfumato.media.image.picture import Picture, item_of, require_canvas
from sfumato.media.image.settings import ImageSettings
from sfumato.media.image.signal import require_finite, to_pixels, to_signal
from sfumato.restoration import BitDepth, Grey, Mask, Mean, Observation
from sfumato.restoration.interval import Rounded

_CHECKS = (150, 200)
_CHECK = 4


def task(path: Path, edit: Edit, settings: ImageSettings) -> Task:
    """Apply a plan to its file.

    Args:
        path: The file.
        edit: What :func:`sfumato.media.image.editing.plan` made for it.
        settings: How the model's images are read.

    Raises:
        SettingError: The plan does not fit the file.
        DataError: The file cannot be read.
    """
    picture = Picture.read(path, settings, edit.resize)
    if isinstance(edit.operator, Mask):
        found = _anew(edit, picture, settings)
    elif edit.task == "dejpeg":
        found = _whole(edit, picture, jpeg_observation(path, settings), settings)
    else:
        found = _whole(edit, picture, _observation(edit, picture), settings)
    found.observation.require(found.canvas)
    return found


def _anew(edit: Edit, picture: Picture, settings: ImageSettings) -> Task:
    """The task that makes the unknown pixels of a window anew."""
    if not isinstance(edit.operator, Mask):
        raise ValueError("the operator is not a mask")
    region = _region(edit, picture, settings)
    whole = union(region, picture.sides)
    canvas = (len(picture.pixels), *sides_of(region))
    start = to_signal(cut(picture.pixels, region))[None]
    values = edit.operator.known_in(canvas).numpy()
    if (values & _beyond(region, picture)).any():
        raise _misfit("it takes pixels as known that are not in the picture")
    known = np.logical_and.reduce(values, axis=0)
    ground = item_of(cut(picture.pixels, whole))
    paste = Paste(ground, _within(region, whole), ramp(~known, edit.feather))
    observed = ground.copy()
    (top, bottom), (left, right) = paste.window
    observed[top:bottom, left:right][~known] = _checks(known.shape)[~known]
    return Task(
        observation=Observation(edit.operator, edit.operator.forward(start), _noise(edit)),
        canvas=canvas,
        start=start,
        filled=None,
        finish=lambda x0: paste(to_pixels(x0)),
        original=picture.item,
        observed=observed,
    )


def _region(edit: Edit, picture: Picture, settings: ImageSettings) -> Region:
    """The window of a plan, of which nothing has been checked yet."""
    if edit.region is None or len(edit.region) != 2:
        raise _misfit("it names no rows and columns")
    rows, columns = edit.region
    for (first, last), side in zip((rows, columns), picture.sides, strict=True):
        if not first < last or first >= side or last <= 0:
            raise _misfit("its window is not in the picture")
    require_canvas(sides_of((rows, columns)), settings)
    height, width = sides_of(union((rows, columns), picture.sides))
    if height * width > max(settings.max_pixels, math.prod(picture.sides)):
        raise _misfit(f"the picture would become {width:,} x {height:,} pixels")
    return rows, columns


def _within(inner: Region, outer: Region) -> Region:
    """A region in places that are counted from the corner of another one."""
    rows, columns = (
        (first - start, last - start)
        for (first, last), (start, _) in zip(inner, outer, strict=True)
    )
    return rows, columns


def _beyond(region: Region, picture: Picture) -> NDArray[np.bool_]:
    """Which pixels of a window are not in the picture, shape (h, w)."""
    rows, columns = (
        (np.arange(first, last) < 0) | (np.arange(first, last) >= side)
        for (first, last), side in zip(region, picture.sides, strict=True)
    )
    beyond: NDArray[np.bool_] = rows[:, None] | columns
    return beyond


def _checks(sides: tuple[int, ...]) -> NDArray[np.uint8]:
    """A checkerboard, which stands for pixels of which nothing is known, shape (h, w, 1)."""
    rows, columns = np.indices(sides) // _CHECK
    return np.where((rows + columns) % 2, *_CHECKS).astype(np.uint8)[..., None]


def _observation(edit: Edit, picture: Picture) -> Observation:
    """The whole picture as an observation."""
    operator = edit.operator
    if isinstance(operator, BitDepth):
        values = torch.from_numpy(signal_of_levels(picture.pixels, operator.bits))[None]
        noise = operator.deviation(values) if edit.noise is None else _noise(edit)
        return Observation(operator, values, noise)
    values = to_signal(picture.pixels)[None]
    if isinstance(operator, Grey):
        values = operator.forward(values)
    return Observation(operator, values, _noise(edit))


def _whole(edit: Edit, picture: Picture, observation: Observation, settings: ImageSettings) -> Task:
    """The task that restores a whole picture."""
    factor = edit.operator.factor if isinstance(edit.operator, Mean) else 1
    height, width = (factor * side for side in picture.sides)
    require_canvas((height, width), settings)
    if observation.operator != edit.operator:
        raise _misfit("it was made for another file")
    if edit.noise is not None:
        observation = Observation(observation.operator, observation.values, _noise(edit))
    start = to_signal(picture.pixels)[None]
    observed: NDArray[np.uint8] | None = None
    if isinstance(edit.operator, BitDepth):
        start = observation.values
    elif isinstance(edit.operator, Mean):
        start = to_signal(_enlarged(picture, factor))[None]
    elif isinstance(edit.operator, Grey):
        start = observation.values.expand(-1, len(picture.pixels), -1, -1).contiguous()
        observed = to_pixels(start)[0]
    return Task(
        observation=observation,
        canvas=tuple(start.shape[1:]),
        start=start,
        filled=None,
        finish=_finish(observation),
        original=picture.item,
        observed=observed,
    )


def _finish(observation: Observation) -> Callable[[Tensor], NDArray[Any]]:
    """Decodes restored pictures, whose values are moved into the intervals that a file states."""
    operator = observation.operator
    if not isinstance(operator, Rounded):
        return to_pixels

    def finish(x0: Tensor) -> NDArray[Any]:
        # Values that are not finite would become those of the intervals.
        require_finite(x0)
        x0 = x0.detach().to("cpu", torch.float32)
        return to_pixels(operator.projected(x0, observation.values))

    return finish


def _enlarged(picture: Picture, factor: int) -> NDArray[np.uint8]:
    """A picture with more pixels, (C, factor * H, factor * W), by a bicubic filter."""
    height, width = picture.sides
    size = width * factor, height * factor
    planes = [
        np.asarray(Image.fromarray(plane).resize(size, Image.Resampling.BICUBIC))
        for plane in picture.pixels
    ]
    return np.stack(planes)


def _noise(edit: Edit) -> Tensor:
    if edit.noise is None:
        raise _misfit("it states no noise")
    return torch.tensor(edit.noise)


def _misfit(why: str) -> SettingError:
    return SettingError(
        "The plan of this edit does not fit the file.",
        why=why,
        hint="use the file that the plan was made for, or name the operation again.",
    )
