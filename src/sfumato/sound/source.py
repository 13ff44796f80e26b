"""The interface of an opened audio file, whichever package decodes it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

Block = NDArray[np.float32]
"""Samples in the order of a file, shape (n, C), full scale at 1."""


class Header(NamedTuple):
    """The header of an audio file.

    Attributes:
        rate: Sampling rate in Hz.
        channels: Number of channels.
        frames: Samples per channel, as the header states; ``None`` if it does not.
        format: Format of the file, such as ``WAV`` or ``FLAC``.
        subtype: Format of the samples, such as ``PCM_16`` or ``VORBIS``.
        note: What was wrong with the header, if it was read in spite of it.
    """

    rate: int
    channels: int
    frames: int | None
    format: str
    subtype: str
    note: str = ""


class Source(Protocol):
    """An opened audio file."""

    @property
    def header(self) -> Header:
        """The header."""

    def blocks(self, begin: int, wanted: int | None) -> Iterator[Block]:
        """Decode samples in order; after the first ones, an error counts as the end of the file.

        Args:
            begin: Number of samples per channel to leave out.
            wanted: Largest number of samples per channel to yield; None for all.
        """
