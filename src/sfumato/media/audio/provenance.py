"""Audio files that contain their provenance: JSON in the comment of a WAV or FLAC file.

In WAV it is the ``ICMT`` of a ``LIST`` chunk of type ``INFO`` after the samples (Multimedia
Programming Interface and Data Specifications 1.0, 1991); libsndfile reads at most 2,000 bytes of
it, so it is written and read here. In FLAC it is the field ``COMMENT`` of the Vorbis comment
(RFC 9639, 8.6). Reading walks the chunks and decodes no samples.
"""

from __future__ import annotations

import importlib
import io
import json
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from sfumato.data.marks import CHUNK_LIMIT, KEY, OUTPUT, RECIPE_LIMIT, audio_comments
from sfumato.errors import DataError, MissingExtra
from sfumato.storage import write_bytes

SUFFIXES = frozenset({".wav", ".flac"})
"""Suffixes of the files that can contain provenance."""

_FULL_SCALE = 32768
_WAV_LIMIT = 0xFFFF_FFFF - CHUNK_LIMIT


def write_audio(
    path: Path,
    samples: NDArray[np.floating[Any]],
    rate: int,
    recipe: Mapping[str, Any] | None,
    output: str | None = None,
) -> None:
    """Write an audio file atomically, in 16 bits, rounded to the nearest step.

    Args:
        path: Path that ends in ``.wav`` or ``.flac``; the folder must exist.
        samples: In [-1, 1], shape (N, C); C is 1 or 2.
        rate: Sampling rate in Hz.
        recipe: The provenance: any JSON object with finite numbers.
        output: What the file is, if it is an output without provenance; it is marked as such.

    Raises:
        ValueError: A sample is not finite or out of range, the recipe is not JSON or is larger
            than 1 MiB, or the suffix is not supported.
        MissingExtra: The format is FLAC, and soundfile is not installed.
        DiskFull: There is not enough room.
    """
    write = {".wav": _wav, ".flac": _flac}.get(path.suffix.lower())
    if write is None:
        raise ValueError(f"audio is written as .wav or .flac, not as '{path.suffix}'")
    steps = _sixteen_bits(samples)
    comment = {KEY: recipe} if recipe is not None else {OUTPUT: output}
    text = None if recipe is None and output is None else _text(comment)
    write_bytes(path, write(steps, rate, text))


def read_recipe(path: Path) -> dict[str, Any]:
    """Read the provenance of an audio file.

    Raises:
        DataError: The file is missing, is neither WAV nor FLAC, or has no readable provenance.
    """
    try:
        with path.open("rb") as file:
            return _recipe(file)
    except OSError as error:
        raise DataError(f"'{path}' cannot be opened.", why=error.strerror or str(error)) from error
    except (ValueError, RecursionError) as error:
        raise DataError(
            f"'{path}' carries no recipe.",
            why=str(error),
            hint="only WAV and FLAC files that Sfumato wrote, and that were not saved again, "
            "carry one.",
        ) from error


def _sixteen_bits(samples: NDArray[np.floating[Any]]) -> NDArray[np.int16]:
    if samples.ndim != 2 or samples.shape[1] not in (1, 2) or not len(samples):
        raise ValueError(f"samples of shape {samples.shape} are not (N, 1) or (N, 2)")
    if not np.isfinite(samples).all():
        raise ValueError("some samples are not finite")
    if np.abs(samples).max() > 1:
        raise ValueError("some samples are outside [-1, 1]")
    steps: NDArray[Any] = np.rint(samples * _FULL_SCALE)
    return steps.clip(max=_FULL_SCALE - 1).astype("<i2")


def _text(comment: Mapping[str, Any]) -> str:
    # The key distinguishes a recipe from other comments that happen to be JSON.
    text = json.dumps(comment, ensure_ascii=False, allow_nan=False, sort_keys=True)
    if len(text.encode()) > RECIPE_LIMIT:
        raise ValueError("the recipe is larger than 1 MiB")
    return text


def _wav(steps: NDArray[np.int16], rate: int, text: str | None) -> bytes:
    width = steps.shape[1] * steps.itemsize
    if steps.nbytes > _WAV_LIMIT:
        raise ValueError("the audio is too long for a WAV file")
    layout = struct.pack("<HHIIHH", 1, steps.shape[1], rate, rate * width, width, 16)
    body = b"WAVE" + _chunk(b"fmt ", layout) + _chunk(b"data", steps.tobytes())
    if text is not None:
        body += _chunk(b"LIST", b"INFO" + _chunk(b"ICMT", text.encode() + b"\0"))
    return _chunk(b"RIFF", body)


def _chunk(kind: bytes, data: bytes) -> bytes:
    return kind + struct.pack("<I", len(data)) + data + bytes(len(data) % 2)


def _flac(steps: NDArray[np.int16], rate: int, text: str | None) -> bytes:
    try:
        package = importlib.import_module("soundfile")
    except (ImportError, OSError) as error:
        raise MissingExtra("soundfile", "audio", "Writing FLAC files") from error
    buffer = io.BytesIO()
    try:
        with package.SoundFile(
            buffer, "w", rate, steps.shape[1], subtype="PCM_16", format="FLAC"
        ) as file:
            if text is not None:
                file.comment = text
            file.write(steps)
    except RuntimeError as error:
        raise ValueError(f"FLAC cannot hold this audio at {rate} Hz: {error}") from error
    return buffer.getvalue()


def _recipe(file: BinaryIO) -> dict[str, Any]:
    for comment in audio_comments(file):
        value = json.loads(comment) if comment.lstrip().startswith(b"{") else None
        if isinstance(value, dict) and isinstance(value.get(KEY), dict):
            recipe: dict[str, Any] = value[KEY]
            return recipe
    raise ValueError("none of its comments is a recipe")
