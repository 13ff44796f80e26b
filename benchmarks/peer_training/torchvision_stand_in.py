"""The few transforms of torchvision that denoising-diffusion-pytorch asks for, on Pillow alone.

Wheels of torchvision fit one build of torch, and the CPU build often has none at hand. Where the
real one cannot be imported this takes its place while the peer is imported, and only then. What it
does to a picture that has the right size already is what torchvision does: nothing but mirroring
it and turning it into a tensor in [0, 1].
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from types import ModuleType
from typing import Any

import numpy as np
import torch
from PIL import Image, ImageOps
from torch import Tensor


class Compose:
    """One step after the other."""

    def __init__(self, steps: Sequence[Callable[[Any], Any]]) -> None:
        self.steps = steps

    def __call__(self, item: Any) -> Any:
        """Carry them out."""
        for step in self.steps:
            item = step(item)
        return item


class Lambda:
    """Any function."""

    def __init__(self, function: Callable[[Any], Any]) -> None:
        self.function = function

    def __call__(self, item: Any) -> Any:
        """Call it."""
        return self.function(item)


class Resize:
    """To a size (height, width), bilinear."""

    def __init__(self, size: Sequence[int]) -> None:
        self.size = (size[1], size[0])

    def __call__(self, picture: Image.Image) -> Image.Image:
        """Resize, unless it is of that size."""
        if picture.size == self.size:
            return picture
        return picture.resize(self.size, Image.Resampling.BILINEAR)


class CenterCrop:
    """The middle, of a size (height, width)."""

    def __init__(self, size: Sequence[int]) -> None:
        self.size = (size[1], size[0])

    def __call__(self, picture: Image.Image) -> Image.Image:
        """Cut it out."""
        (wide, high), (width, height) = picture.size, self.size
        left, top = (wide - width) // 2, (high - height) // 2
        return picture.crop((left, top, left + width, top + height))


class RandomHorizontalFlip:
    """Mirror half of the pictures."""

    def __call__(self, picture: Image.Image) -> Image.Image:
        """Mirror it or not."""
        return ImageOps.mirror(picture) if torch.rand(1).item() < 0.5 else picture


class ToTensor:
    """To float32 in [0, 1], shape (C, H, W)."""

    def __call__(self, picture: Image.Image) -> Tensor:
        """Convert."""
        pixels = np.atleast_3d(np.array(picture)).transpose(2, 0, 1)
        return torch.from_numpy(np.ascontiguousarray(pixels)).float().div(255)


def _save_image(*_: object, **__: object) -> None:
    raise NotImplementedError("the stand-in for torchvision writes no pictures")


@contextmanager
def torchvision_present() -> Iterator[None]:
    """Inside the block ``import torchvision`` works, with the real one or with this."""
    if _works():
        yield
        return
    package, transforms, utils = (
        ModuleType(name) for name in ("torchvision", "torchvision.transforms", "torchvision.utils")
    )
    for kind in (Compose, Lambda, Resize, CenterCrop, RandomHorizontalFlip, ToTensor):
        setattr(transforms, kind.__name__, kind)
    vars(utils)["save_image"] = _save_image
    vars(package).update(transforms=transforms, utils=utils, __path__=[])
    added = {module.__name__: module for module in (package, transforms, utils)}
    sys.modules.update(added)
    try:
        yield
    finally:
        for name in added:
            del sys.modules[name]


def _works() -> bool:
    if find_spec("torchvision") is None:
        return False
    try:
        import torchvision  # noqa: F401
    except (ImportError, RuntimeError, OSError):
        return False
    return True
