"""Plans of edits of pictures: what is known of the result, checked before anything is evaluated.

All numbers that a user states in levels are shares of the full range, from black to white. Signals
span [-1, 1], so that they are twice as large in a plan.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType

from sfumato.errors import SettingError
from sfumato.imaging.blend import MOST_FEATHER
from sfumato.imaging.window import around, bounds, cut, sides_of
from sfumato.media.edit_arguments import parsed
from sfumato.media.editing import Edit, Wanted
from sfumato.media.image.jpeg import jpeg_operator
from sfumato.media.image.levels import require_levels
from sfumato.media.image.masks import Marked, around_of, box_of, mask_of
from sfumato.media.image.picture import Picture, require_canvas, require_least
from sfumato.media.image.settings import ImageSettings
from sfumato.media.image.signal import to_signal
from sfumato.restoration import BitDepth, Blur, Grey, Identity, Mask, Mean, estimate_noise
from sfumato.restoration.kernel_file import kernel_from
from sfumato.restoration.operator import Operator

OPERATIONS = frozenset(
    {"mask", "box", "outpaint", "super_resolve", "deblur", "colourise", "dejpeg", "bits"}
    | {"feather", "resize"}
)
"""The options of an edit that only pictures have."""

ROUNDING = 1 / 255 / math.sqrt(12)
"""Standard deviation of rounding to eight bits, as a share of the full range."""

NOISE: Mapping[str, float] = MappingProxyType(
    {
        # What is known is put back afterwards, so this noise is never seen; a smaller one costs
        # more iterations.
        "mask": 0.01,
        "box": 0.01,
        "outpaint": 0.01,
        # Two levels and a half of 255. With half of it few evaluations do not reach what is known.
        "super_resolve": 0.01,
        # Blurs are never known exactly, and errors of theirs grow when they are undone.
        "deblur": 0.01,
        # About one level: each pixel has a number of its own, which is easily reached.
        "colourise": 0.005,
    }
)
"""Noise of an observation as a share of the full range, where the user states none."""

_MOST_FACTOR = 64
# The share of values at the ends of the range from which on an estimate of noise is doubtful.
_LIMITED = 0.1
_MOST_BITS = 7
# A plan is stored in a PNG, beside what else its provenance holds.
_MOST_MASK = 1 << 19


def plan(path: Path, wanted: Wanted, settings: ImageSettings) -> Edit:
    """Plan an edit of an image file.

    Args:
        path: The file.
        wanted: One operation.
        settings: How the model's images are read.

    Raises:
        SettingError: No operation or several are named, one is not for images, a value of it is
            not possible, or it does not fit the file.
        DataError: A file cannot be read.
    """
    name = _operation(wanted)
    wanted = parsed(wanted)
    _require_details(name, wanted)
    picture = Picture.read(path, settings, wanted.resize)
    edit = _PLANS[name](path, picture, wanted, settings)
    return edit.model_copy(update={"notes": (*picture.notes, *edit.notes)})


def _operation(wanted: Wanted) -> str:
    names = wanted.operations
    if not names:
        raise SettingError(
            "No operation is named.", hint=f"name one of {', '.join(map(_flag, _PLANS))}."
        )
    if len(names) > 1:
        raise SettingError(
            f"{_flag(names[0])} and {_flag(names[1])} cannot be done at once.",
            hint="do one, then the other with its result.",
        )
    if names[0] not in _PLANS:
        raise SettingError(
            f"{_flag(names[0])} is not for images.",
            hint=f"known: {', '.join(map(_flag, _PLANS))}.",
        )
    return names[0]


def _flag(name: str) -> str:
    return "--" + name.replace("_", "-")


def _require_details(name: str, wanted: Wanted) -> None:
    """Check what is stated besides the operation."""
    if wanted.noise is not None:
        if name == "denoise":
            raise SettingError("--noise and --denoise state the same number.", hint="name one.")
        _require_share("The noise", wanted.noise)
    if not isinstance(wanted.feather, int) or not 0 <= wanted.feather <= MOST_FEATHER:
        raise SettingError(
            f"A transition of {wanted.feather} pixels is not possible.",
            hint=f"--feather is a whole number from 0 to {MOST_FEATHER}.",
        )
    if wanted.feather and name not in ("mask", "box"):
        raise SettingError(
            f"--feather has no meaning for {_flag(name)}.",
            why="a transition is made of new pixels and those of the file at the same places",
            hint="use it with --mask or --box.",
        )


def _require_share(what: str, value: float) -> None:
    if not 0 < value <= 1:
        raise SettingError(
            f"{what} of {value:g} is not possible.",
            why="it is a share of the full range, above 0 and at most 1",
            hint=f"{value / 255:.3g} is {value:g} levels of 255." if 1 < value <= 255 else "",
        )


def _noise(name: str, wanted: Wanted) -> float:
    """The noise in units of the signal."""
    share = NOISE[name] if wanted.noise is None else wanted.noise
    return 2 * share


def _mask(path: Path, picture: Picture, wanted: Wanted, settings: ImageSettings) -> Edit:
    if wanted.mask is None:
        raise ValueError("there is no mask")
    marked = mask_of(wanted.mask, picture.sides, settings, wanted.resize)
    return _anew("mask", marked, picture, wanted, settings)


def _box(path: Path, picture: Picture, wanted: Wanted, settings: ImageSettings) -> Edit:
    if wanted.box is None:
        raise ValueError("there is no box")
    return _anew("box", box_of(wanted.box, picture.sides), picture, wanted, settings)


def _outpaint(path: Path, picture: Picture, wanted: Wanted, settings: ImageSettings) -> Edit:
    marked = around_of(wanted.outpaint or {}, picture.sides, settings.max_pixels)
    return _anew("outpaint", marked, picture, wanted, settings)


def _anew(
    name: str, marked: Marked, picture: Picture, wanted: Wanted, settings: ImageSettings
) -> Edit:
    """The plan that makes some pixels anew, from a window around them."""
    height, width = marked.pixels.shape
    require_least((height, width), settings)
    least = settings.height, settings.width
    window = around(bounds(marked.pixels), (height, width), least)
    require_canvas(sides_of(window), settings)
    operator = Mask.of(~cut(marked.pixels, window))
    if len(operator.known) > _MOST_MASK:
        raise SettingError(
            "The mask is too complicated to be stored with the results.",
            why=f"compressed it has {len(operator.known):,} bytes, and {_MOST_MASK:,} are the most",
            hint="use a mask with smoother edges, or edit the picture in parts.",
        )
    (top, bottom), (left, right) = window
    down, across = marked.corner
    return Edit(
        task=name,
        operator=operator,
        noise=_noise(name, wanted),
        region=((top + down, bottom + down), (left + across, right + across)),
        feather=wanted.feather,
        resize=wanted.resize,
        notes=marked.notes,
    )


def _super_resolve(path: Path, picture: Picture, wanted: Wanted, settings: ImageSettings) -> Edit:
    factor = wanted.super_resolve
    if not isinstance(factor, int) or not 2 <= factor <= _MOST_FACTOR:
        raise SettingError(
            f"A picture cannot get {factor} times as many pixels along each side.",
            why="1 leaves it as it is" if factor == 1 else "",
            hint=f"--super-resolve is a whole number from 2 to {_MOST_FACTOR}.",
        )
    height, width = (factor * side for side in picture.sides)
    if height < settings.height or width < settings.width:
        needed = max(-(-settings.height * factor // height), -(-settings.width * factor // width))
        raise SettingError(
            f"The picture would have {width} x {height} pixels, less than what the model makes.",
            why=f"it makes {settings.in_words} pixels",
            hint=f"--super-resolve {needed} is enough."
            if needed <= _MOST_FACTOR
            else "--resize reads the file at the size of the model.",
        )
    return _whole("super_resolve", Mean(factor=factor), (height, width), picture, wanted, settings)


def _deblur(path: Path, picture: Picture, wanted: Wanted, settings: ImageSettings) -> Edit:
    blur = wanted.deblur
    if isinstance(blur, Path):
        return _whole("deblur", kernel_from(blur), picture.sides, picture, wanted, settings)
    if blur is None:
        raise ValueError("there is no blur")
    if blur > max(picture.sides):
        raise SettingError(
            f"A blur of {blur:g} pixels cannot be undone.",
            why="it is wider than the picture",
            hint="--deblur is the standard deviation of the blur in pixels, such as 1.5, or an "
            "image of its kernel.",
        )
    return _whole("deblur", Blur(sigma=blur), picture.sides, picture, wanted, settings)


def _colourise(path: Path, picture: Picture, wanted: Wanted, settings: ImageSettings) -> Edit:
    if settings.channels != "rgb":
        raise SettingError(
            f"This run cannot give colours to a picture, because it makes {settings.channels} "
            "images.",
            hint="use a run with medium.channels=rgb.",
        )
    edit = _whole("colourise", Grey(), picture.sides, picture, wanted, settings)
    if (picture.pixels == picture.pixels[:1]).all():
        return edit
    return edit.model_copy(update={"notes": ("the colours of the file are not used",)})


def _denoise(path: Path, picture: Picture, wanted: Wanted, settings: ImageSettings) -> Edit:
    share = wanted.denoise
    notes: tuple[str, ...] = ()
    if share == "auto":
        found = estimate_noise(to_signal(picture.pixels)[None]).item() / 2
        share = min(max(found, ROUNDING), 1.0)
        notes = (f"the noise is estimated: {share:.3g} of the full range",)
        limited = float(((picture.pixels == 0) | (picture.pixels == 255)).mean())
        if limited > _LIMITED:
            notes += (
                f"{limited:.0%} of the values are black or white: if noise was cut off there, the "
                "estimate is too low",
            )
    if not isinstance(share, int | float):
        raise ValueError("there is no level of noise")
    _require_share("Noise", share)
    edit = _whole("denoise", Identity(), picture.sides, picture, wanted, settings)
    return edit.model_copy(update={"noise": 2 * share, "notes": notes})


def _bits(path: Path, picture: Picture, wanted: Wanted, settings: ImageSettings) -> Edit:
    bits = wanted.bits
    if not isinstance(bits, int) or not 1 <= bits <= _MOST_BITS:
        raise SettingError(
            f"Nothing is to be restored of a picture with {bits} bits for each value.",
            hint=f"--bits is from 1 to {_MOST_BITS}.",
        )
    _require_own_pixels("bits", wanted)
    require_levels(picture.pixels, bits)
    return _whole("bits", BitDepth(bits=bits), picture.sides, picture, wanted, settings)


def _dejpeg(path: Path, picture: Picture, wanted: Wanted, settings: ImageSettings) -> Edit:
    _require_own_pixels("dejpeg", wanted)
    operator = jpeg_operator(path, settings)
    return _whole("dejpeg", operator, picture.sides, picture, wanted, settings)


def _require_own_pixels(name: str, wanted: Wanted) -> None:
    if wanted.resize:
        raise SettingError(
            f"{_flag(name)} and --resize cannot be done at once.",
            why="a picture that is resized has other values than those that were stored",
        )


def _whole(
    name: str,
    operator: Operator,
    sides: tuple[int, int],
    picture: Picture,
    wanted: Wanted,
    settings: ImageSettings,
) -> Edit:
    """The plan that restores a whole picture of some sides."""
    require_canvas(sides, settings)
    operator.require((len(picture.pixels), *sides))
    states_noise = name in ("bits", "dejpeg", "denoise") and wanted.noise is None
    noise = None if states_noise else _noise(name, wanted)
    return Edit(task=name, operator=operator, noise=noise, resize=wanted.resize)


_Plan = Callable[[Path, Picture, Wanted, ImageSettings], Edit]

_PLANS: Mapping[str, _Plan] = MappingProxyType(
    {
        "mask": _mask,
        "box": _box,
        "outpaint": _outpaint,
        "super_resolve": _super_resolve,
        "deblur": _deblur,
        "colourise": _colourise,
        "dejpeg": _dejpeg,
        "bits": _bits,
        "denoise": _denoise,
    }
)
