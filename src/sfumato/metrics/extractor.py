"""The interface of an extractor, which turns items into feature vectors where near means alike.

Distances, coverage, diversity, copies and classes are all measured on features, so one interface
serves every medium: a trained network, one of random weights, counts of n-grams, a user's own file.
"""

from __future__ import annotations

import hashlib
import importlib
from collections.abc import Mapping
from typing import NamedTuple, Protocol, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from sfumato.errors import DataError, MissingExtra

ItemsT = TypeVar("ItemsT", contravariant=True)

_DIGITS = 16


class Clips(NamedTuple):
    """A batch of audio clips of one length.

    Attributes:
        samples: float32, shape (B, C, N), full scale is 1.
        rate: Samples per second.
    """

    samples: Tensor
    rate: int

    def mono_at(self, rate: int) -> NDArray[np.float32]:
        """The mean of the channels, resampled with the high quality of the package ``soxr``.

        Args:
            rate: Samples per second of the result.

        Returns:
            Shape (B, round(N * rate / self.rate)), full scale is 1, free of aliasing to 100 dB.

        Raises:
            MissingExtra: soxr is not installed, and the rates differ.
        """
        mono = self.samples.detach().float().mean(1).numpy()
        if rate == self.rate or not len(mono):
            return np.asarray(mono, np.float32)
        try:
            soxr = importlib.import_module("soxr")
        except ImportError as error:
            raise MissingExtra("soxr", "audio", f"Resampling from {self.rate} Hz") from error
        return np.stack([soxr.resample(clip, self.rate, rate) for clip in mono]).astype(np.float32)


class Extractor(Protocol[ItemsT]):
    """Turns items into vectors of one size.

    Items are images, a uint8 array of shape (B, C, H, W); audio clips, :class:`Clips`; or texts, a
    sequence of strings.
    """

    @property
    def name(self) -> str:
        """A short name that a reader understands, such as ``log-mel``."""
        ...

    @property
    def identity(self) -> str:
        """16 hex digits of a SHA-256 of all that the vectors depend on: weights, settings, version.

        Figures under different identities cannot be compared.
        """
        ...

    @property
    def dimension(self) -> int:
        """The number of entries of a vector."""
        ...

    def __call__(self, items: ItemsT) -> Tensor:
        """Turn items into vectors; each vector depends on its own item only.

        Returns:
            float32 on the CPU, shape (B, dimension).
        """
        ...


def identity_of(settings: str, tensors: Mapping[str, Tensor]) -> str:
    """16 hex digits of a SHA-256 of settings and tensors: see :attr:`Extractor.identity`.

    Args:
        settings: Name, version and whatever else the vectors depend on.
        tensors: Each counts with its name, type, shape and bits, in the order of the names.
    """
    digest = hashlib.sha256(settings.encode())
    for name, tensor in sorted(tensors.items()):
        # This header shows where the bits begin, so that no two sets of tensors give the same
        # bytes.
        digest.update(f"\0{name} {tensor.dtype} {tuple(tensor.shape)}\0".encode())
        flat = tensor.detach().cpu().contiguous().reshape(-1)
        digest.update(flat.view(torch.uint8).numpy().data)
    return digest.hexdigest()[:_DIGITS]


def identity_of_bytes(settings: str, data: bytes) -> str:
    """The same digest for settings and the content of a file."""
    digest = hashlib.sha256(settings.encode() + b"\0")
    digest.update(data)
    return digest.hexdigest()[:_DIGITS]


def require_finite(*sets: Tensor) -> None:
    """Refuse features that are not finite numbers.

    Args:
        sets: Tensors of any shape.

    Raises:
        DataError: A feature is not finite.
    """
    if not all(features.isfinite().all() for features in sets):
        raise DataError("A feature is not finite.", hint="check the items it was extracted from.")
