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
from sfumato.metrics.extractor import identity_of_bytes

_BATCH = 32


@dataclass(frozen=True)
class OnnxModel:
    """The function that an ONNX file computes.

    Attributes:
        path: The path of the file.
        identity: 16 hex digits of the SHA-256 of its content.
        axes: The sizes of its input after the first axis, that of items; None where any size is
            accepted.
        batch: The number of items at a time.
        run: Maps float32 of shape (b, *axes) to the first output.
    """

    path: Path
    identity: str
    axes: tuple[int | None, ...]
    batch: int
    run: Callable[[NDArray[np.float32]], NDArray[np.float32]]

    @classmethod
    def open(cls, path: Path) -> OnnxModel:
        """Read a file that contains its weights.

        Raises:
            DataError: The file is missing, cannot be run, has several inputs, an input that is not
                float32, or a fixed number of items above 1.
            MissingExtra: onnxruntime is not installed.
        """
        if not path.is_file():
            raise DataError(
                f"There is no file '{path}'.",
                why="nor is it the name of an extractor that can be fetched",
                hint="give the path of an ONNX file, efficientnet-lite0 or sentence-embedding.",
            )
        # The session is made from these bytes, so that the identity is that of the code that runs.
        content = path.read_bytes()
        model = session(onnxruntime(f"Running {path.name}"), content, path)
        inputs = model.get_inputs()
        if len(inputs) != 1 or inputs[0].type != "tensor(float)":
            actual = ", ".join(f"{each.name} {each.type}" for each in inputs)
            raise DataError(f"{path} should take one float32 input.", why=f"it takes {actual}")
        name, (items, *rest) = inputs[0].name, inputs[0].shape or [None]
        if isinstance(items, int) and items > 1:
            raise DataError(
                f"{path} takes exactly {items} items at a time.",
                hint="export it with a dynamic first axis, or with a first axis of size 1.",
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
        """The number of outputs for an item of this shape, found by running the model on zeros."""
        return math.prod(self.run(np.zeros((1, *shape), np.float32)).shape[1:])

    def vectors(self, items: Tensor, dimension: int) -> Tensor:
        """Run the model.

        Args:
            items: float32, shape (B, ...).
            dimension: The expected number of outputs for each item.

        Returns:
            float32, shape (B, dimension).

        Raises:
            DataError: It gives another number of outputs, or cannot be run.
        """
        parts = [torch.empty(0, dimension)]
        for low in range(0, len(items), self.batch):
            piece = items[low : low + self.batch].contiguous().numpy()
            values = self.run(piece)
            if values.shape[:1] != (len(piece),) or values.size != len(piece) * dimension:
                raise DataError(
                    f"{self.path} should give {dimension} numbers for each item.",
                    why=f"for an input of shape {piece.shape} it gave shape {values.shape}",
                )
            parts.append(torch.from_numpy(values.reshape(len(piece), dimension)))
        return torch.cat(parts)


def onnxruntime(use: str) -> Any:
    """Import the package.

    Args:
        use: What needs it, for the error message.

    Raises:
        MissingExtra: It is not installed.
    """
    try:
        return importlib.import_module("onnxruntime")
    except ImportError as error:
        raise MissingExtra("onnxruntime", "audio-metrics", use) from error


def session(package: Any, source: str | bytes, path: Path) -> Any:
    """An inference session on the CPU, with as many threads as torch has.

    Args:
        package: See :func:`onnxruntime`.
        source: The path of the file, or its content.
        path: The path, for the error message.

    Raises:
        DataError: The model cannot be run.
    """
    options = package.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    options.inter_op_num_threads = 1
    try:
        return package.InferenceSession(
            source, sess_options=options, providers=["CPUExecutionProvider"]
        )
    except Exception as error:  # The package raises a class of its own for every cause.
        raise DataError(f"{path} is not a model that can be run.", why=str(error)) from error
