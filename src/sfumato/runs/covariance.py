"""The covariance of a run's data, which restoration uses: measured once, before training."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from pathlib import Path

from sfumato.engine import tensor_file
from sfumato.errors import DamagedFile
from sfumato.restoration.covariance import Covariance
from sfumato.runs.directory import RunDirectory

_VARIANCES = "variances"
MEND = "delete it: `sfumato resume` writes it again."
"""What to do about a damaged file."""


def store(directory: RunDirectory, measure: Callable[[], Covariance | None]) -> None:
    """Measure the covariance and write it into a run, unless it is there or the data have none."""
    # Whatever is there, damaged or not, stays for `sfumato verify` to name.
    covariance = None if os.path.lexists(directory.covariance) else measure()
    if covariance is None:
        return
    bases = {f"basis{axis}": basis for axis, basis in enumerate(covariance.bases)}
    tensors = {_VARIANCES: covariance.variances, **bases}
    tensor_file.write_sealed(
        directory.covariance, {name: value.contiguous() for name, value in tensors.items()}, {}
    )


def load(directory: RunDirectory, shape: tuple[int, ...]) -> tuple[Covariance, str] | None:
    """The covariance of a run's data with its fingerprint; None if the run has none.

    Args:
        directory: The run's directory.
        shape: Shape of an encoded item, (C, *sides).

    Raises:
        DamagedFile: The file cannot be read, or belongs to data of another shape.
    """
    path = directory.covariance
    if not path.exists():
        return None
    tensors, content = tensor_file.read_sealed(path)
    variances = tensors.get(_VARIANCES)
    bases = tuple(tensors.get(f"basis{axis}") for axis in range(len(shape)))
    fits = variances is not None and tuple(variances.shape) == shape
    for basis, side in zip(bases, shape, strict=True):
        fits = fits and basis is not None and tuple(basis.shape) == (side, side)
    if not fits or variances is None or not bool((variances > 0).all()):
        raise _damaged(path)
    found = Covariance(variances, tuple(basis for basis in bases if basis is not None))
    return found, hashlib.sha256(content).hexdigest()[:16]


def _damaged(path: Path) -> DamagedFile:
    return DamagedFile(
        f"'{path}' does not hold the covariance of the run's data.",
        hint=MEND,
    )
