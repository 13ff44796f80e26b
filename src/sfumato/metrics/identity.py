"""The identity of an extractor: a digest of all that its vectors depend on."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

import torch
from torch import Tensor

_DIGITS = 16


def identity_of(settings: str, tensors: Mapping[str, Tensor]) -> str:
    """16 hex digits of a SHA-256 of settings and tensors.

    Args:
        settings: Name, version and whatever else the vectors depend on.
        tensors: Each counts with its name, type, shape and bits, in the order of the names.
    """
    digest = hashlib.sha256(settings.encode())
    for name, tensor in sorted(tensors.items()):
        # Ends where the bits begin, so that no two sets of tensors give the same bytes.
        digest.update(f"\0{name} {tensor.dtype} {tuple(tensor.shape)}\0".encode())
        flat = tensor.detach().cpu().contiguous().reshape(-1)
        digest.update(flat.view(torch.uint8).numpy().data)
    return digest.hexdigest()[:_DIGITS]


def identity_of_bytes(settings: str, data: bytes) -> str:
    """The same of settings and the content of a file."""
    digest = hashlib.sha256(settings.encode() + b"\0")
    digest.update(data)
    return digest.hexdigest()[:_DIGITS]
