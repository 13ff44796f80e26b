"""Colours as sRGB, whatever profile a file carries.

The engine of colour is LittleCMS, by Pillow. Transforms are built once for each profile and thread,
since nothing says that two threads may share one. A profile that is damaged, or that does not fit
its picture, is ignored.
"""

from __future__ import annotations

import hashlib
import io
import threading
from collections import OrderedDict
from typing import Any, NamedTuple

import numpy as np
from PIL import Image, ImageCms, features

from sfumato.imaging.parts import PROFILE_LIMIT

_PER_THREAD = 32
_SPACES = {"RGB": "RGB", "GRAY": "L", "CMYK": "CMYK"}
_SAME = 2
"""Profiles that change no colour by more levels than this are sRGB."""


class Transform(NamedTuple):
    """How the colours of a profile become sRGB.

    Attributes:
        mode: The mode of the pictures that it takes: L, RGB or CMYK.
        change: The transform of LittleCMS; None if nothing is to change.
        levels: The new level of each level of a grey picture; None if it gets colours.
        name: The name of the profile for a report.
    """

    mode: str
    change: Any
    levels: tuple[int, ...] | None
    name: str


class _OfThread(threading.local):
    def __init__(self) -> None:
        self.known: OrderedDict[bytes, Transform | None] = OrderedDict()


_TRANSFORMS = _OfThread()


def transform_of(profile: bytes) -> Transform | None:
    """The transform of a profile, or None if the profile cannot be used."""
    key = hashlib.blake2b(profile, digest_size=16).digest()
    known = _TRANSFORMS.known
    if key not in known:
        known[key] = _built(profile)
        if len(known) > _PER_THREAD:
            known.popitem(last=False)
    known.move_to_end(key)
    return known[key]


def in_srgb(colours: Image.Image, profile: bytes) -> Image.Image | None:
    """A picture without alpha in sRGB, in mode L or RGB; None if its profile is not usable for it.

    Args:
        colours: A picture in mode L, RGB or CMYK.
        profile: The content of its colour profile.
    """
    transform = transform_of(profile)
    if transform is None:
        return None
    if colours.mode == "L" and transform.levels is not None:
        return colours if transform.change is None else colours.point(list(transform.levels))
    if colours.mode == "L" and transform.mode == "RGB":
        colours = colours.convert("RGB")
    if colours.mode != transform.mode:
        return None
    if transform.change is None:
        return colours
    return _applied(colours, transform.change)


def fits(transform: Transform, mode: str) -> bool:
    """Whether a profile can be that of a picture that is stored in a mode of Pillow."""
    if mode in ("1", "L", "LA", "La") or mode.startswith("I"):
        return transform.mode in ("L", "RGB")
    return (mode == "CMYK") == (transform.mode == "CMYK") and transform.mode != "L"


def of_lab(colours: Image.Image) -> Image.Image:
    """A picture in mode LAB as sRGB."""
    source, target = ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB")
    change = ImageCms.buildTransform(source, target, "LAB", "RGB")
    changed: Image.Image = _applied(colours, change)
    return changed


def _applied(image: Image.Image, change: Any) -> Image.Image:
    changed = ImageCms.applyTransform(image, change)
    if changed is None:
        raise ValueError("a transform of colours gave no picture")
    return changed


def _built(profile: bytes) -> Transform | None:
    if len(profile) > PROFILE_LIMIT or not features.check("littlecms2"):
        return None
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        mode = _SPACES.get(source.profile.xcolor_space.strip())
        if mode is None:
            return None
        change = ImageCms.buildTransform(source, ImageCms.createProfile("sRGB"), mode, "RGB")
        levels = None if mode == "CMYK" else _levels(change, mode)
        same = mode != "CMYK" and _changes_little(change, mode)
        name = (source.profile.profile_description or "").strip() or "unnamed"
    # On damaged profiles it raises nearly anything.
    except Exception:
        return None
    return Transform(mode, None if same else change, levels, name[:60])


def _levels(change: Any, mode: str) -> tuple[int, ...] | None:
    """The new levels of grey, if grey stays grey."""
    ramp = Image.frombytes("L", (256, 1), bytes(range(256))).convert(mode)
    found = np.asarray(_applied(ramp, change)).astype(int)[0]
    if np.ptp(found, axis=1).max() > _SAME:
        return None
    return tuple(found[:, 1].tolist())


def _changes_little(change: Any, mode: str) -> bool:
    steps = np.arange(0, 256, 15, dtype=np.uint8)
    colours = np.stack(np.meshgrid(steps, steps, steps), -1).reshape(1, -1, 3)
    picture = Image.fromarray(colours).convert(mode)
    changed = np.asarray(_applied(picture, change)).astype(int)
    return bool(np.abs(changed - np.asarray(picture.convert("RGB"))).max() <= _SAME)
