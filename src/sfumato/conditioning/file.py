"""Files that samples are made from, recognised by their digests."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from sfumato.errors import DataError
from sfumato.regular import require_regular


class KnownFile(BaseModel):
    """A file that a sample is made from.

    Attributes:
        path: Path of the file. In a stored sample it is relative to the folder in which the sample
            was made, or a name.
        sha256: Digest of its bytes.
    """

    model_config = ConfigDict(frozen=True, extra="ignore", allow_inf_nan=False)

    path: str
    sha256: str


IN_MEMORY = "an array in memory"
"""Stands for the path of an array that a user gives in place of a file."""


class PairFile(KnownFile):
    """The item beside another item.

    Attributes:
        sha256: Digest of the bytes of the file; empty for a file of the data of a run, which are
            compared as a whole.
        part: Number of the part of the file, from 0, where a medium divides files.
    """

    sha256: str = ""
    part: int = Field(0, ge=0)

    @classmethod
    def at(cls, path: Path) -> Self:
        """The present state of a file.

        Raises:
            DataError: The file cannot be read.
        """
        return cls(path=stored_path(path), sha256=digest_of_file(path))

    @classmethod
    def of_array(cls, signal: NDArray[Any]) -> Self:
        """An array in place of a file; the digest is that of its bytes."""
        digest = hashlib.sha256(np.ascontiguousarray(signal).data).hexdigest()
        return cls(path=IN_MEMORY, sha256=digest)


def stored_path(path: Path) -> str:
    """The absolute path of a file, as it is stored with samples.

    Raises:
        DataError: The path is not valid UTF-8.
    """
    place = str(path.absolute())
    try:
        place.encode()
    except UnicodeEncodeError as error:
        raise DataError(
            f"The name of the file {place!r} is not valid UTF-8.", hint="rename it."
        ) from error
    return place


def digest_of_file(path: Path) -> str:
    """SHA-256 of the bytes of a file, in hexadecimal digits.

    Raises:
        DataError: The file cannot be read.
    """
    require_regular(path)
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise DataError(f"'{path}' cannot be read.", why=error.strerror or str(error)) from error
