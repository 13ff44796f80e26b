"""Extractors made from a user's own network: a torch module, or an ONNX file."""

from __future__ import annotations

import copy
import itertools
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import Any, Generic, TypeVar, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from sfumato.errors import DataError
from sfumato.metrics.extractor import Clips, identity_of
from sfumato.metrics.image_input import check, resized, rgb
from sfumato.metrics.onnx_model import OnnxModel

ItemsT = TypeVar("ItemsT")

_PIECE = 32
# Parts of identities, which do not change.
_IMAGES, _AUDIO = "pictures", "sounds"
# A file with dynamic sizes is run on this size to find its number of features.
_SIDE = 64
_SAMPLES = 16_000

_UInt8 = NDArray[np.uint8]


def unit_images(images: _UInt8) -> Tensor:
    """Convert images to float32 in [0, 1], shape (B, C, H, W).

    Raises:
        DataError: These are not images.
    """
    check(images)
    return torch.from_numpy(np.array(images)).float() / 255


class ModuleExtractor(Generic[ItemsT]):
    """A torch module as an extractor.

    The module is copied, set to evaluation mode, and run on the device of its parameters, without
    gradients, on 32 items at a time. Its output for an item is flattened.

    Args:
        module: Maps the output of ``prepare`` to features; each output depends on its own item
            only.
        name: A short name. It is part of the identity, and ``prepare`` is not: change the name when
            you change ``prepare``.
        dimension: The number of outputs for each item.
        prepare: Turns items (images, :class:`Clips` or texts) into a tensor of shape (B, ...), such
            as :func:`unit_images`.
    """

    def __init__(
        self, module: nn.Module, name: str, dimension: int, prepare: Callable[[ItemsT], Tensor]
    ) -> None:
        self.name = name
        self.dimension = dimension
        self._module = copy.deepcopy(module).train(False)
        self._prepare = prepare

    @cached_property
    def identity(self) -> str:
        """The digest of the name and all parameters and buffers."""
        tensors = dict(
            itertools.chain(self._module.named_parameters(), self._module.named_buffers())
        )
        return identity_of(self.name, tensors)

    def __call__(self, items: ItemsT) -> Tensor:
        """Turn items into vectors.

        Returns:
            float32 on the CPU, shape (B, dimension).

        Raises:
            DataError: The module gives another number of outputs.
        """
        device = next((each.device for each in self._module.parameters()), torch.device("cpu"))
        parts = [torch.empty(0, self.dimension)]
        with torch.no_grad():
            for low in range(0, _count(items), _PIECE):
                prepared = self._prepare(_piece(items, low))
                parts.append(self._checked(self._module(prepared.to(device)), prepared))
        return torch.cat(parts)

    def _checked(self, values: Any, prepared: Tensor) -> Tensor:
        count = len(prepared)
        is_right = isinstance(values, Tensor) and values.shape[:1] == (count,)
        if not is_right or values.numel() != count * self.dimension:
            actual = tuple(values.shape) if isinstance(values, Tensor) else type(values).__name__
            raise DataError(
                f"The module '{self.name}' should give {self.dimension} numbers for each item.",
                why=f"for an input of shape {tuple(prepared.shape)} it gave {actual}",
            )
        return cast("Tensor", values).flatten(1).float().cpu().reshape(count, self.dimension)


class OnnxExtractor(Generic[ItemsT]):
    """An ONNX file as an extractor, made by :meth:`of_images` or :meth:`of_audio`.

    The file has one float32 input, whose first axis is that of the items. Its first output,
    flattened, is the feature vector. Texts are not supported, since a file does not say how to
    encode them.

    Attributes:
        name: The file's name without its suffix.
        identity: The digest of the file's content and of the kind of its input.
        dimension: The number of outputs for an item.
    """

    def __init__(
        self, model: OnnxModel, kind: str, dimension: int, prepare: Callable[[ItemsT], Tensor]
    ) -> None:
        self.name = model.path.stem
        self.identity = identity_of(f"{kind} 1 {model.identity}", {})
        self.dimension = dimension
        self._model = model
        self._prepare = prepare

    @staticmethod
    def of_images(path: Path) -> OnnxExtractor[_UInt8]:
        """An extractor from a file that takes rgb images in [0, 1], shape (B, 3, H, W).

        Grey is repeated, alpha composited on white. Images are resized to H and W where the file
        fixes them, and keep their own size where it leaves them dynamic.

        Raises:
            DataError: The file is missing, cannot be run, or takes something else.
            MissingExtra: onnxruntime is not installed.
        """
        model = OnnxModel.open(path)
        if len(model.axes) != 3 or model.axes[0] not in (3, None):
            raise _takes(model, "images, (B, 3, H, W)")
        height, width = model.axes[1:]

        def prepare(images: _UInt8) -> Tensor:
            check(images)
            x = rgb(torch.from_numpy(np.array(images)))
            return resized(x, height or x.shape[2], width or x.shape[3]) / 255

        dimension = model.dimension((3, height or _SIDE, width or _SIDE))
        return OnnxExtractor(model, _IMAGES, dimension, prepare)

    @staticmethod
    def of_audio(path: Path) -> OnnxExtractor[Clips]:
        """An extractor from a file that takes waveforms, full scale 1: shape (B, N) or (B, C, N).

        Channels are averaged for (B, N), and where the file fixes C = 1. Clips are passed on at
        their own rate and length: a file does not say its rate, so it has to be made for that of
        the clips to measure.

        Raises:
            DataError: The file is missing, cannot be run, or takes something else.
            MissingExtra: onnxruntime is not installed.
        """
        model = OnnxModel.open(path)
        if len(model.axes) not in (1, 2):
            raise _takes(model, "audio clips, (B, N) or (B, C, N)")
        *channels, length = model.axes

        def prepare(clips: Clips) -> Tensor:
            x = clips.samples.detach().float().cpu()
            width, samples = x.shape[1:]
            if channels not in ([], [1], [None], [width]) or length not in (None, samples):
                raise DataError(
                    f"{path} does not take these audio clips.",
                    why=f"they have {width} channels of {samples:,} samples,"
                    f" and it takes {_shape(model)}",
                )
            if not channels:
                return x.mean(1)
            return x.mean(1, keepdim=True) if channels == [1] else x

        shape = (*(each or 1 for each in channels), length or _SAMPLES)
        return OnnxExtractor(model, _AUDIO, model.dimension(shape), prepare)

    def __call__(self, items: ItemsT) -> Tensor:
        """Turn items into vectors.

        Returns:
            float32, shape (B, dimension).

        Raises:
            DataError: The file cannot be run on items of this shape, or gives another number of
                outputs.
        """
        parts = [
            self._model.vectors(self._prepare(_piece(items, low)), self.dimension)
            for low in range(0, _count(items), _PIECE)
        ]
        return torch.cat([torch.empty(0, self.dimension), *parts])


def _takes(model: OnnxModel, expected: str) -> DataError:
    return DataError(f"{model.path} should take {expected}.", why=f"it takes {_shape(model)}")


def _shape(model: OnnxModel) -> str:
    return "(B, " + ", ".join("any" if axis is None else str(axis) for axis in model.axes) + ")"


def _count(items: Any) -> int:
    return len(items.samples) if isinstance(items, Clips) else len(items)


def _piece(items: ItemsT, low: int) -> ItemsT:
    if isinstance(items, Clips):
        return cast("ItemsT", items._replace(samples=items.samples[low : low + _PIECE]))
    return cast("ItemsT", cast("Any", items)[low : low + _PIECE])
