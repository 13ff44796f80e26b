"""Texts and JSON objects in files, optionally with a seal that reveals damage."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sfumato.errors import DamagedFile
from sfumato.storage.drafts import replacing
from sfumato.storage.own import read_own

_SEAL = "sha256"


def write_bytes(path: Path, data: bytes) -> None:
    """Replace ``path`` by ``data``."""
    with replacing(path) as draft:
        draft.write_bytes(data)


def write_text(path: Path, text: str) -> None:
    """Replace ``path`` by ``text`` in UTF-8; characters that UTF-8 does not have are escaped.

    Such characters are halves of surrogate pairs, which names of files can hold.
    """
    write_bytes(path, text.encode("utf-8", "backslashreplace"))


def write_json(path: Path, value: Mapping[str, object]) -> None:
    """Replace ``path`` by ``value`` as JSON; floats are read back exactly.

    Raises:
        ValueError: ``value`` holds a NaN or an infinity, which JSON cannot express.
    """
    write_bytes(path, to_json(value, indent=1).encode() + b"\n")


def to_json(value: object, indent: int | None = None) -> str:
    """A value as JSON that can be encoded in UTF-8, with as few escapes as possible.

    Raises:
        ValueError: ``value`` holds a NaN or an infinity, which JSON cannot express.
    """
    text = json.dumps(value, indent=indent, allow_nan=False, ensure_ascii=False)
    try:
        text.encode()
    except UnicodeEncodeError:  # Half of a surrogate pair, which JSON can only express escaped.
        return json.dumps(value, indent=indent, allow_nan=False)
    return text


def write_sealed_json(path: Path, value: Mapping[str, object]) -> None:
    """Replace ``path`` by ``value`` as sealed JSON: see :func:`read_sealed_json`."""
    write_json(path, sealed(value))


def sealed(value: Mapping[str, object]) -> dict[str, object]:
    """A JSON object with a SHA-256 of its content as last entry: see :func:`read_sealed_json`."""
    return {**value, _SEAL: _seal(value)}


def read_sealed_json(path: Path) -> dict[str, Any]:
    """Read a JSON object and verify its seal; one without a seal is accepted.

    Raises:
        RunError: There is no such file.
        DamagedFile: The file is not a JSON object, or was changed after it was written.
    """
    value = read_json(path)
    if _SEAL in value and not _matches(value.pop(_SEAL), value):
        raise DamagedFile(
            f"{path} is not what was written.",
            why=f"its content differs from the SHA-256 in its entry '{_SEAL}'",
            hint="The disk or another program changed it: restore it from a copy. If you changed "
            f"it on purpose, remove the entry '{_SEAL}'.",
        )
    return value


def read_json(path: Path) -> dict[str, Any]:
    """Read a JSON object.

    Raises:
        RunError: There is no such file.
        DamagedFile: The file is a link, is not UTF-8 or is not a JSON object.
    """
    try:
        value = json.loads(read_own(path).decode("utf-8"), parse_constant=_refused)
    except (ValueError, RecursionError, OSError) as error:
        raise DamagedFile(f"{path} is not readable JSON.", why=str(error)) from error
    if not isinstance(value, dict):
        raise DamagedFile(
            f"{path} should hold a JSON object.",
            why=f"it holds a value of type {type(value).__name__}",
        )
    return value


def _refused(constant: str) -> object:
    raise ValueError(f"it holds {constant}, which is no JSON")


def _matches(seal: object, value: Mapping[str, object]) -> bool:
    try:
        return seal == _seal(value)
    except (ValueError, RecursionError):  # It holds a NaN, which is never written.
        return False


def _seal(value: Mapping[str, object]) -> str:
    content = json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(content.encode()).hexdigest()
