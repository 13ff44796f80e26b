"""A user's ONNX file as a function of one array, with the optional package ``onnxruntime``."""

from __future__ import annotations

import importlib
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from sfumato.errors import DataError, MissingExtra
from sfumato.metrics.identity import identity_of_bytes

_BATCH = 32


@dataclass(frozen=True)
class OnnxModel:
    """What a file computes.

    Attributes:
        path: Where it was read.
        identity: 16 hex digits of the SHA-256 of its content.
        axes: Sizes of its input but for the first axis, that of items; None where any is taken.
        batch: How many items it is given at a time.
        run: From float32 of shape (b, *axes) to whatever its first output is.
    """

    path: Path
    identity: str
    axes: tuple[int | None, ...]
    batch: int
    run: Callable[[NDArray[np.float32]], NDArray[np.float32]]

    @classmethod
    def opened(cls, path: Path) -> OnnxModel:
        """Read a file that is whole in itself, without weights beside it.

        Raises:
            DataError: It is missing, cannot be run, has several inputs, one that is not float32, or
                a fixed number of items above 1.
            MissingExtra: onnxruntime is not installed.
        """
        if not path.is_file():
            raise DataError(
                f"There is no file '{path}'.",
                why="it is no extractor that is fetched by its name either",
                hint="give the path of an ONNX file, efficientnet-lite0 or sentence-embedding.",
            )
        # Run from these bytes, so that the identity is that of what is run.
        content = path.read_bytes()
        model = session(onnxruntime(f"Running {path.name}"), content, path)
        inputs = model.get_inputs()
        if len(inputs) != 1 or inputs[0].type != "tensor(float)":
            found = ", ".join(f"{each.name} {each.type}" for each in inputs)
            raise DataError(f"{path} should take one float32 input.", why=f"it takes {found}")
        name, (items, *rest) = inputs[0].name, inputs[0].shape or [None]
        if isinstance(items, int) and items > 1:
            raise DataError(
                f"{path} takes {items} items at a time, no more and no fewer.",
                hint="export it with a free first axis, or with 1 in its place.",
            )

        def run(value: NDArray[np.float32]) -> NDArray[np.float32]:
            try:
                return np.asarray(model.run(None, {name: value})[0], np.float32)
            except Exception as error:  # The package raises a class of its own for every cause.
                raise DataError(
                    f"{path} cannot be run on an input of shape {value.shape}.", why=str(error)
                ) from error

        axes = tuple(axis if isinstance(axis, int) and axis > 0 else None for axis in rest)
        batch = 1 if items == 1 else _BATCH
        return cls(path, identity_of_bytes("onnx", content), axes, batch, run)

    def dimension(self, shape: Sequence[int]) -> int:
        """How many numbers it gives for an item of this shape, found by running it on zeros."""
        return math.prod(self.run(np.zeros((1, *shape), np.float32)).shape[1:])

    def vectors(self, items: Tensor, dimension: int) -> Tensor:
        """Run it.

        Args:
            items: float32, shape (B, ...).
            dimension: How many numbers it has to give for each.

        Returns:
            float32, shape (B, dimension).

        Raises:
            DataError: It gives another number of them, or cannot be run.
        """
        found = [torch.empty(0, dimension)]
        for low in range(0, len(items), self.batch):
            piece = items[low : low + self.batch].contiguous().numpy()
            values = self.run(piece)
            if values.shape[:1] != (len(piece),) or values.size != len(piece) * dimension:
                raise DataError(
                    f"{self.path} should give {dimension} numbers for each item.",
                    why=f"for an input of shape {piece.shape} it gave shape {values.shape}",
                )
            found.append(torch.from_numpy(values.reshape(len(piece), dimension)))
        return torch.cat(found)


def onnxruntime(use: str) -> Any:
    """The package.

    Args:
        use: What needs it, for the reader.

    Raises:
        MissingExtra: It is not installed.
    """
    try:
        return importlib.import_module("onnxruntime")
    except ImportError as error:
        raise MissingExtra("onnxruntime", "audio-metrics", use) from error


def session(package: Any, source: str | bytes, path: Path) -> Any:
    """A file ready to be run on the CPU, with as many threads as torch has.

    Args:
        package: See :func:`onnxruntime`.
        source: Its path, or its content.
        path: Where it is, for the reader.

    Raises:
        DataError: It cannot be run.
    """
    options = package.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    options.inter_op_num_threads = 1
    try:
        return package.InferenceSession(
            source, sess_options=options, providers=["CPUExecutionProvider"]
        )
    except Exception as error:  # The package raises a class of its own for every cause.
        raise DataError(f"{path} is no model that can be run.", why=str(error)) from error
