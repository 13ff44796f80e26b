"""Colour profiles made from a few numbers, for files that state their colours without one.

A profile of three primaries and one curve is a small table (ICC.1:2022, 8.3.3 and 10.18): so one
engine of colour converts everything.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sfumato.imaging.png import PngFacts

SRGB_CHROMATICITIES = (0.3127, 0.329, 0.64, 0.33, 0.3, 0.6, 0.15, 0.06)
_P3 = (0.3127, 0.329, 0.68, 0.32, 0.265, 0.69, 0.15, 0.06)
_ADOBE = (0.3127, 0.329, 0.64, 0.33, 0.21, 0.71, 0.15, 0.06)
_BT2020 = (0.3127, 0.329, 0.708, 0.292, 0.17, 0.797, 0.131, 0.046)
_BT601 = (0.3127, 0.329, 0.63, 0.34, 0.31, 0.595, 0.155, 0.07)
_PAL = (0.3127, 0.329, 0.64, 0.33, 0.29, 0.6, 0.15, 0.06)
_PRIMARIES = {1: SRGB_CHROMATICITIES, 5: _PAL, 6: _BT601, 7: _BT601, 9: _BT2020, 12: _P3}
# g, a, b, c, d of ((a x + b)^g above d, c x below).
_SRGB_CURVE = (2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)
_VIDEO_CURVE = (1 / 0.45, 1 / 1.099, 0.099 / 1.099, 1 / 4.5, 0.081)
_CURVES: dict[int, tuple[float, ...]] = {
    1: _VIDEO_CURVE, 6: _VIDEO_CURVE, 14: _VIDEO_CURVE, 15: _VIDEO_CURVE,
    4: (2.2,), 5: (2.8,), 8: (1.0,), 13: _SRGB_CURVE,
}  # fmt: skip
_SRGB_CODE = (1, 13)
# Programs write the exponent of their screens; what is so near to sRGB is meant to be sRGB.
_NEAR_GAMMA, _NEAR_CHROMATICITY = 0.05, 0.004
_BRADFORD = np.array(
    [[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]]
)
_D50 = np.array([0.9642, 1.0, 0.8249])


class Stated(NamedTuple):
    """The colours that a file states.

    Attributes:
        profile: The colour profile; None for sRGB.
        damaged: Whether there is a profile that cannot be used.
    """

    profile: bytes | None
    damaged: bool = False


def adobe_rgb() -> bytes:
    """The profile of Adobe RGB (1998), which cameras name in their EXIF data."""
    return matrix_profile(_ADOBE, (2.19921875,), "Adobe RGB (1998)")


def stated_by(facts: PngFacts) -> Stated:
    """The colours of a PNG: by cICP, iCCP, sRGB, or gAMA and cHRM, the first of them that is there.

    See the PNG specification, third edition, 4.3. Codes of high dynamic range (PQ, HLG) have no
    equivalent in sRGB and are passed over.
    """
    coded = None if facts.code is None else stated_by_code(*facts.code)
    if coded is not None:
        return coded
    if facts.profile is not None:
        return Stated(facts.profile or None, damaged=not facts.profile)
    if facts.srgb:
        return Stated(None)
    return Stated(_of_gamma(facts.gamma, facts.chromaticities))


def stated_by_code(primaries: int, transfer: int) -> Stated | None:
    """The colours of two numbers of ITU-T H.273, as PNG and HEIC have; None for other numbers."""
    if (primaries, transfer) == _SRGB_CODE:
        return Stated(None)
    if primaries not in _PRIMARIES or transfer not in _CURVES:
        return None
    return Stated(matrix_profile(_PRIMARIES[primaries], _CURVES[transfer]))


def _of_gamma(gamma: float | None, chromaticities: tuple[float, ...] | None) -> bytes | None:
    curve: tuple[float, ...] = _SRGB_CURVE
    if gamma is not None and abs(gamma * 2.2 - 1) > _NEAR_GAMMA:
        # Beyond these no screen could show a picture.
        if not 0.1 <= gamma <= 10:
            return None
        curve = (1 / gamma,)
    primaries: tuple[float, ...] = SRGB_CHROMATICITIES
    if chromaticities is not None:
        apart = np.abs(np.subtract(chromaticities, SRGB_CHROMATICITIES)).max()
        if apart > _NEAR_CHROMATICITY:
            primaries = chromaticities
            curve = (2.2,) if gamma is not None and curve is _SRGB_CURVE else curve
    if primaries is SRGB_CHROMATICITIES and curve is _SRGB_CURVE:
        return None
    try:
        return matrix_profile(primaries, curve)
    except (ValueError, ArithmeticError, np.linalg.LinAlgError, struct.error):
        return None


def matrix_profile(
    chromaticities: Sequence[float], curve: Sequence[float], name: str = "stated in numbers"
) -> bytes:
    """A colour profile of three primaries.

    Args:
        chromaticities: x and y of white, red, green and blue, in CIE 1931.
        curve: The exponent of the samples, or g, a, b, c and d of a curve with a straight foot.
        name: Its name in ASCII.

    Raises:
        ValueError: The chromaticities are those of no screen.
        LinAlgError: The same.
    """
    columns = _columns(chromaticities)
    kind = 0 if len(curve) == 1 else 3
    response = b"para\0\0\0\0" + struct.pack(">HH", kind, 0) + b"".join(map(_fixed, curve))
    text = struct.pack(">I", len(name) + 1) + name.encode("ascii") + b"\0"
    tags = [(b"desc", b"desc\0\0\0\0" + text + bytes(78)), (b"wtpt", _xyz(_D50))]
    tags += [
        (name, _xyz(column))
        for name, column in zip((b"rXYZ", b"gXYZ", b"bXYZ"), columns.T, strict=True)
    ]
    tags += [(name, response) for name in (b"rTRC", b"gTRC", b"bTRC")]
    start, table, data = 128 + 4 + 12 * len(tags), b"", b""
    for tag, body in tags:
        table += tag + struct.pack(">II", start + len(data), len(body))
        data += body + b"\0" * (-len(body) % 4)
    head = struct.pack(
        ">I4sI4s4s4s12x4s28x", start + len(data), b"\0\0\0\0", 0x02400000, b"mntr", b"RGB ",
        b"XYZ ", b"acsp",
    )  # fmt: skip
    head += b"".join(map(_fixed, _D50))
    return head + b"\0" * (128 - len(head)) + struct.pack(">I", len(tags)) + table + data


def _columns(chromaticities: Sequence[float]) -> NDArray[np.float64]:
    """XYZ of red, green and blue as columns, with white brought to D50 by Bradford's matrix."""
    points = np.asarray(chromaticities, np.float64).reshape(4, 2)
    if not (points[:, 1] > 0).all() or not np.isfinite(points).all():
        raise ValueError("these chromaticities are those of no screen")
    xyz = np.stack([points[:, 0], points[:, 1], 1 - points.sum(1)], 1) / points[:, 1:]
    white, primaries = xyz[0], xyz[1:].T
    scaled = primaries * np.linalg.solve(primaries, white)
    cones = (_BRADFORD @ _D50) / (_BRADFORD @ white)
    adapted: NDArray[np.float64] = np.linalg.inv(_BRADFORD) @ np.diag(cones) @ _BRADFORD @ scaled
    return adapted


def _fixed(value: float) -> bytes:
    return struct.pack(">i", round(value * 65536))


def _xyz(values: NDArray[np.float64]) -> bytes:
    return b"XYZ \0\0\0\0" + b"".join(map(_fixed, values.tolist()))
