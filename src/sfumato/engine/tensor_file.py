"""Named tensors in safetensors files, from which no code is executed.

A single file is sealed: its header holds a SHA-256 of its contents, so that changes by the disk or
by another program are found when the file is read. The files of a checkpoint are sealed by its
manifest instead.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load, load_file, save_file
from torch import Tensor

from sfumato.errors import DamagedFile, panics_raised
from sfumato.storage import is_own_file, read_own, replacing, require

# A single entry, as the order of several entries in a header can vary.
_ENTRY = "sfumato"
_UNREADABLE = (SafetensorError, OSError, ValueError, RuntimeError)


def write_sealed(
    path: Path, tensors: Mapping[str, Tensor], facts: Mapping[str, str] | None = None
) -> None:
    """Replace ``path`` by a sealed safetensors file, see :func:`read_sealed`.

    Args:
        path: Destination.
        tensors: Named tensors on any device; names may not share storage.
        facts: Short strings for the header.
    """
    rows, strings = _rows(tensors), dict(facts or {})
    entry = json.dumps({"facts": strings, "sha256": _digest(rows, strings)}, sort_keys=True)
    with replacing(path) as draft:
        save_file(rows, draft, metadata={_ENTRY: entry})


def read_sealed(path: Path) -> tuple[dict[str, Tensor], bytes]:
    """Read a safetensors file onto the CPU and compare it with its seal.

    The file is read once, as another process may replace it at any moment. Files of other programs
    have no seal, and are accepted.

    Returns:
        The tensors, and the content of the file.

    Raises:
        RunError: There is no such file.
        DamagedFile: The file is a link, is not a safetensors file, or differs from its seal.
    """
    try:
        content = read_own(path)
        with panics_raised():
            tensors, header = load(content), _header_in(content)
        seal = _seal_in(header)
    except _UNREADABLE as error:
        raise _unreadable(path, error) from error
    if seal is not None and seal != _digest(tensors, facts_in(header)):
        raise DamagedFile(
            f"{path} is not what was written.",
            why="its tensors differ from the SHA-256 in its header",
            hint="The disk or another program changed it: restore it from a copy.",
        )
    return tensors, content


def save_tensors(path: Path, tensors: Mapping[str, Tensor]) -> None:
    """Write a safetensors file in place, for use inside :func:`~sfumato.storage.replacing`."""
    save_file(_rows(tensors), path)


def read_tensors(path: Path) -> dict[str, Tensor]:
    """Read a safetensors file onto the CPU.

    Raises:
        RunError: There is no such file.
        DamagedFile: The file is a link, is truncated, corrupted or not a safetensors file.
    """
    require(path)
    try:
        with panics_raised():
            return load_file(path)
    except _UNREADABLE as error:
        raise _unreadable(path, error) from error


def facts_of(content: bytes) -> dict[str, str]:
    """The facts in the header of a safetensors file from its content; empty without any."""
    return facts_in(_header_in(content))


def read_facts(path: Path) -> dict[str, str]:
    """The facts in the header of a file; empty also if it is a link or cannot be read."""
    if not is_own_file(path):
        return {}
    try:
        with panics_raised(), safe_open(path, framework="pt") as stream:
            return facts_in(stream.metadata() or {})
    except (OSError, SafetensorError, ValueError):
        return {}


def facts_in(header: Mapping[str, str]) -> dict[str, str]:
    """The facts in a header; the whole header if another program wrote the file."""
    try:
        facts = json.loads(header[_ENTRY])["facts"]
        return {str(name): str(fact) for name, fact in facts.items()}
    except (AttributeError, KeyError, TypeError, ValueError):
        return dict(header)


def _seal_in(header: Mapping[str, str]) -> str | None:
    if _ENTRY not in header:
        return None
    # A damaged seal must not count as a missing one.
    entry = json.loads(header[_ENTRY])
    return str(entry.get("sha256")) if isinstance(entry, dict) else ""


def _header_in(content: bytes) -> dict[str, str]:
    # The first eight bytes are the length of the header, which is JSON.
    size = int.from_bytes(content[:8], "little")
    strings: dict[str, str] = json.loads(content[8 : 8 + size]).get("__metadata__", {})
    return strings


def _digest(tensors: Mapping[str, Tensor], facts: Mapping[str, str]) -> str:
    """SHA-256 of the tensors and facts of a file, independent of its layout."""
    found = hashlib.sha256(json.dumps(sorted(facts.items())).encode())
    for name in sorted(tensors):
        tensor = tensors[name]
        found.update(json.dumps([name, str(tensor.dtype), list(tensor.shape)]).encode())
        found.update(tensor.reshape(-1).view(torch.uint8).numpy().data)
    return found.hexdigest()


def _rows(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    # safetensors stores row-major order only; channels-last weights are copied here.
    return {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}


def _unreadable(path: Path, error: Exception) -> DamagedFile:
    return DamagedFile(
        f"{path} is not a readable safetensors file.",
        why=" ".join(str(error).split())[:200],
        hint="It was cut short or changed after it was written: restore it from a copy.",
    )
