"""Files of a cache folder: memory-mapped arrays, and seals that reveal damage."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from sfumato.errors import DamagedFile
from sfumato.regular import irregular


class ArrayWriter:
    """Appends rows to a ``.npy`` file; the header gets the number of rows at the end.

    Args:
        path: The file, which is replaced.
        most: The largest number of rows.
        shape: The shape of a row.
        dtype: The type of its elements.
    """

    def __init__(self, path: Path, most: int, shape: tuple[int, ...], dtype: np.dtype[Any]) -> None:
        self._path = path
        self._shape = shape
        self._dtype = dtype
        self._rows = 0
        self._file = path.open("w+b")
        self._write_header(most)
        self._start = self._file.tell()

    def __enter__(self) -> ArrayWriter:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with self._file:
            if kind is None:
                self._file.seek(0)
                self._write_header(self._rows)
                # NumPy pads the header for a growing first axis; rows would be lost otherwise.
                if self._file.tell() != self._start:
                    raise RuntimeError(f"the header of '{self._path}' changed its length")

    def append(self, row: NDArray[Any]) -> None:
        """Add a row.

        Raises:
            ValueError: The row has another shape or type.
        """
        if row.shape != self._shape or row.dtype != self._dtype:
            raise ValueError(f"expected {self._shape} {self._dtype}: {row.shape} {row.dtype}")
        self._file.write(np.ascontiguousarray(row).data)
        self._rows += 1

    def _write_header(self, rows: int) -> None:
        npy.write_array_header_1_0(
            self._file,
            {
                "descr": npy.dtype_to_descr(self._dtype),
                "fortran_order": False,
                "shape": (rows, *self._shape),
            },
        )


def open_array(path: Path, shape: tuple[int, ...], dtype: np.dtype[Any]) -> NDArray[Any]:
    """Map a ``.npy`` file into memory, read-only.

    Raises:
        OSError: The file is missing, or is a pipe or a device.
        ValueError: The file is cut short, or has another shape or type.
    """
    _require_file(path)
    array = np.load(path, mmap_mode="r", allow_pickle=False)
    if array.shape != shape or array.dtype != dtype:
        raise ValueError(f"expected {shape} {dtype}: {array.shape} {array.dtype}")
    # A plain view: indexing a numpy.memmap returns a memmap again, slower and with surprises.
    plain: NDArray[Any] = array.view(np.ndarray)
    return plain


def write_arrays(folder: Path, arrays: Mapping[str, NDArray[Any]]) -> None:
    """Write arrays as ``.npy`` files of the given names."""
    for name, array in arrays.items():
        np.save(folder / name, array, allow_pickle=False)


def seals(folder: Path, names: Iterable[str]) -> dict[str, str]:
    """The SHA-256 of some files of a folder, by name."""
    return {name: _sha256(folder / name) for name in names}


def require_seals(folder: Path, expected: Mapping[str, str]) -> None:
    """Compare files of a folder with their seals.

    Raises:
        OSError: A file is missing.
        DamagedFile: A file differs from its seal.
    """
    for name, digest in expected.items():
        if _sha256(folder / name) != digest:
            raise DamagedFile(f"{folder / name} is not what was written.")


def _require_file(path: Path) -> None:
    """Refuse a pipe before it is opened, which would wait for a writer."""
    if why := irregular(path):
        raise OSError(why)


def _sha256(path: Path) -> str:
    _require_file(path)
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
