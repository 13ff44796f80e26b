"""Reading a kernel from a file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sfumato.errors import DataError, SettingError, SfumatoError
from sfumato.imaging.decode import Wanted, decode, opened
from sfumato.imaging.limits import MOST_PIXELS
from sfumato.regular import require_regular
from sfumato.restoration.blur import MOST_TAPS, Border, Kernel


def kernel_from(path: Path | str, border: Border = "reflect") -> Kernel:
    """The kernel that a file holds, divided by its sum.

    Args:
        path: An array of numbers as NumPy stores it (``.npy``), with one or two axes, or a picture,
            of which the grey values are taken as they are.
        border: How the data go on beyond their border.

    Raises:
        DataError: The file is missing, damaged or holds something else, or the kernel is too large,
            not finite, or has no positive sum.
    """
    path = Path(path)
    require_regular(path)
    try:
        values = _array(path) if path.suffix.lower() == ".npy" else _grey_values(path)
        return Kernel.of(values, border)
    except SettingError as error:
        raise DataError(
            f"'{path}' cannot be a kernel.", error.why or error.what, error.hint
        ) from None
    except SfumatoError:
        raise
    # On damaged data decoders raise nearly anything.
    except Exception as error:
        why = f"{error}".strip() or type(error).__name__
        raise DataError(f"'{path}' cannot be read as a kernel.", why=why) from error


def _array(path: Path) -> NDArray[Any]:
    """The array of a file; no more of it is read than a kernel can have."""
    values = np.load(path, mmap_mode="r", allow_pickle=False)
    if not isinstance(values, np.ndarray) or values.dtype.kind not in "fiub":
        raise ValueError("it is not an array of real numbers")
    _require_small(values.shape)
    return np.array(values)


def _grey_values(path: Path) -> NDArray[Any]:
    with opened(path, Wanted(MOST_PIXELS)) as file:
        _require_small(file.image.size[::-1])
    return np.asarray(decode(path, Wanted(MOST_TAPS)).convert("L"))


def _require_small(shape: tuple[int, ...]) -> None:
    if np.prod(shape, dtype=object) > MOST_TAPS:
        raise ValueError(
            f"it has the shape {shape}, and a kernel has at most {MOST_TAPS:,} values; "
            "crop it to its centre"
        )
