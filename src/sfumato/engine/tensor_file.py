"""Named tensors in safetensors files. Nothing in such a file is ever executed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor

from sfumato.errors import DamagedFile
from sfumato.storage import replacing, require


def write_tensors(
    path: Path, tensors: Mapping[str, Tensor], metadata: Mapping[str, str] | None = None
) -> None:
    """Replace ``path`` by a safetensors file.

    Args:
        path: Destination.
        tensors: Named tensors on any device; names may not share storage.
        metadata: Short strings for the header.
    """
    with replacing(path) as draft:
        save_tensors(draft, tensors, metadata)


def save_tensors(
    path: Path, tensors: Mapping[str, Tensor], metadata: Mapping[str, str] | None = None
) -> None:
    """Write a safetensors file in place: for use inside :func:`~sfumato.storage.replacing`."""
    # safetensors stores row-major order only; channels-last weights are copied here.
    rows = {name: tensor.detach().contiguous() for name, tensor in tensors.items()}
    save_file(rows, path, metadata=dict(metadata) if metadata else None)


def read_tensors(path: Path) -> dict[str, Tensor]:
    """Read a safetensors file onto the CPU.

    Raises:
        RunError: There is no such file.
        DamagedFile: It is truncated, corrupted or not a safetensors file at all.
    """
    require(path)
    try:
        return load_file(path)
    except (SafetensorError, OSError, ValueError, RuntimeError) as error:
        raise DamagedFile(
            f"{path} is not a readable safetensors file.",
            why=str(error),
            hint="It was cut short or changed after it was written: restore it from a copy.",
        ) from error


def header_of(content: bytes) -> dict[str, str]:
    """The short strings in the header of a safetensors file that was read; empty without any."""
    # Eight bytes tell how long the header is, which is JSON.
    size = int.from_bytes(content[:8], "little")
    told: dict[str, str] = json.loads(content[8 : 8 + size]).get("__metadata__", {})
    return told


def read_header(path: Path) -> dict[str, str]:
    """The same of a file, without reading its tensors; empty too if it cannot be read."""
    try:
        with safe_open(path, framework="pt") as stream:
            return dict(stream.metadata() or {})
    except (OSError, SafetensorError):
        return {}
