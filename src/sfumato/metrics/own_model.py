"""Extractors that a user brings: a torch module, or an ONNX file."""

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
from sfumato.metrics.extractor import Clips
from sfumato.metrics.identity import identity_of
from sfumato.metrics.onnx_model import OnnxModel
from sfumato.metrics.picture_input import check, resized, rgb

ItemsT = TypeVar("ItemsT")

_PIECE = 32
# What a file that leaves sizes free is asked for its number of features with.
_SIDE = 64
_SAMPLES = 16_000

_UInt8 = NDArray[np.uint8]


def unit_pictures(pictures: _UInt8) -> Tensor:
    """Pictures as float32 in [0, 1], shape (B, C, H, W) as it was.

    Raises:
        DataError: These are no pictures.
    """
    check(pictures)
    return torch.from_numpy(np.array(pictures)).float() / 255


class ModuleExtractor(Generic[ItemsT]):
    """A torch module as an extractor.

    The module is copied, set to evaluate, and run where its parameters are, without gradients, on
    32 items at a time. What it gives for an item is flattened.

    Args:
        module: Takes what ``prepare`` gives; treats each item for itself.
        name: Short. It is part of the identity, and ``prepare`` is not: where that changes, so must
            the name.
        dimension: How many numbers it gives for each item.
        prepare: Turns items (pictures, :class:`Clips` or texts) into a tensor of shape (B, ...);
            for pictures :func:`unit_pictures` does.
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
        """Of the name and all parameters and buffers."""
        tensors = dict(
            itertools.chain(self._module.named_parameters(), self._module.named_buffers())
        )
        return identity_of(self.name, tensors)

    def __call__(self, items: ItemsT) -> Tensor:
        """Turn items into vectors.

        Returns:
            float32 on the CPU, shape (B, dimension).

        Raises:
            DataError: The module gives another number of numbers.
        """
        device = next((each.device for each in self._module.parameters()), torch.device("cpu"))
        found = [torch.empty(0, self.dimension)]
        with torch.no_grad():
            for low in range(0, _count(items), _PIECE):
                prepared = self._prepare(_piece(items, low))
                found.append(self._checked(self._module(prepared.to(device)), prepared))
        return torch.cat(found)

    def _checked(self, values: Any, prepared: Tensor) -> Tensor:
        count = len(prepared)
        is_right = isinstance(values, Tensor) and values.shape[:1] == (count,)
        if not is_right or values.numel() != count * self.dimension:
            found = tuple(values.shape) if isinstance(values, Tensor) else type(values).__name__
            raise DataError(
                f"The module '{self.name}' should give {self.dimension} numbers for each item.",
                why=f"for an input of shape {tuple(prepared.shape)} it gave {found}",
            )
        return cast("Tensor", values).flatten(1).float().cpu().reshape(count, self.dimension)


class OnnxExtractor(Generic[ItemsT]):
    """An ONNX file as an extractor, made by :meth:`of_pictures` or :meth:`of_sounds`.

    It has one float32 input, the first axis of which is that of the items. Its first output is what
    counts, flattened. Texts are not supported, since a file does not say how they become numbers.

    Attributes:
        name: The file's name without its ending.
        identity: Of the file's content and what it is given.
        dimension: How many numbers it gives for an item.
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
    def of_pictures(path: Path) -> OnnxExtractor[_UInt8]:
        """A file that takes rgb pictures in [0, 1], shape (B, 3, H, W).

        Grey is repeated, alpha composited on white. Pictures are resized to H and W where the file
        states them, and keep their own size where it leaves them free.

        Raises:
            DataError: The file is missing, cannot be run, or takes something else.
            MissingExtra: onnxruntime is not installed.
        """
        model = OnnxModel.opened(path)
        if len(model.axes) != 3 or model.axes[0] not in (3, None):
            raise _takes(model, "pictures, (B, 3, H, W)")
        height, width = model.axes[1:]

        def prepare(pictures: _UInt8) -> Tensor:
            check(pictures)
            x = rgb(torch.from_numpy(np.array(pictures)))
            return resized(x, height or x.shape[2], width or x.shape[3]) / 255

        dimension = model.dimension((3, height or _SIDE, width or _SIDE))
        return OnnxExtractor(model, "pictures", dimension, prepare)

    @staticmethod
    def of_sounds(path: Path) -> OnnxExtractor[Clips]:
        """A file that takes waveforms, full scale 1: shape (B, N), or (B, C, N).

        Channels are averaged for (B, N), and where it states C = 1. Clips come at the rate and the
        length that they have: a file does not say its rate, so it has to be made for that of the
        sounds to measure.

        Raises:
            DataError: The file is missing, cannot be run, or takes something else.
            MissingExtra: onnxruntime is not installed.
        """
        model = OnnxModel.opened(path)
        if len(model.axes) not in (1, 2):
            raise _takes(model, "sounds, (B, N) or (B, C, N)")
        *channels, length = model.axes

        def prepare(clips: Clips) -> Tensor:
            x = clips.samples.detach().float().cpu()
            given, samples = x.shape[1:]
            if channels not in ([], [1], [None], [given]) or length not in (None, samples):
                raise DataError(
                    f"{path} does not take these sounds.",
                    why=f"they have {given} channels of {samples:,} samples,"
                    f" and it takes {_shape(model)}",
                )
            if not channels:
                return x.mean(1)
            return x.mean(1, keepdim=True) if channels == [1] else x

        shape = (*(each or 1 for each in channels), length or _SAMPLES)
        return OnnxExtractor(model, "sounds", model.dimension(shape), prepare)

    def __call__(self, items: ItemsT) -> Tensor:
        """Turn items into vectors.

        Returns:
            float32, shape (B, dimension).

        Raises:
            DataError: The file cannot be run on items of this shape, or gives another number of
                numbers.
        """
        parts = [
            self._model.vectors(self._prepare(_piece(items, low)), self.dimension)
            for low in range(0, _count(items), _PIECE)
        ]
        return torch.cat([torch.empty(0, self.dimension), *parts])


def _takes(model: OnnxModel, wanted: str) -> DataError:
    return DataError(f"{model.path} should take {wanted}.", why=f"it takes {_shape(model)}")


def _shape(model: OnnxModel) -> str:
    return "(B, " + ", ".join("any" if axis is None else str(axis) for axis in model.axes) + ")"


def _count(items: Any) -> int:
    return len(items.samples) if isinstance(items, Clips) else len(items)


def _piece(items: ItemsT, low: int) -> ItemsT:
    if isinstance(items, Clips):
        return cast("ItemsT", items._replace(samples=items.samples[low : low + _PIECE]))
    return cast("ItemsT", cast("Any", items)[low : low + _PIECE])
