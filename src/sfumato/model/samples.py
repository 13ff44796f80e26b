"""Samples in memory: one sequence for all media."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from sfumato.errors import SettingError
from sfumato.media.captions import caption_of
from sfumato.media.folder import Items
from sfumato.media.medium import Medium
from sfumato.model.keywords import converted
from sfumato.model.provenance import Fit, Made, Provenance


class Samples(Sequence[Any]):
    """A sequence of samples: arrays of pixels, waveforms, or texts.

    An index gives one sample: an image as uint8 (H, W, C), an audio clip as float32 (C, T) up to
    its end, a text as a string. A slice gives samples again. A notebook shows them as an image, as
    players, or as texts; below images and players are the words that they were made of.

    Args:
        items: All decoded samples: an array (N, ...), or a list of texts.
        provenance: The provenance of each sample.
        medium: The medium of the samples.
        fits: How well each explains what is known, for edits; else empty.
    """

    def __init__(
        self,
        items: Items,
        provenance: Sequence[Provenance],
        medium: Medium,
        fits: Sequence[Fit] = (),
    ) -> None:
        self.items = items
        self.provenance = tuple(provenance)
        self.medium = medium
        self.fits = tuple(fits)

    @classmethod
    def of(cls, batches: Sequence[Made], medium: Medium) -> Samples:
        """All samples of some batches."""
        provenance = [origin for batch in batches for origin in batch.provenance]
        fits = [fit for batch in batches for fit in batch.fits]
        return cls(joined([batch.items for batch in batches]), provenance, medium, fits)

    def __len__(self) -> int:
        return len(self.provenance)

    @overload
    def __getitem__(self, place: int) -> Any: ...
    @overload
    def __getitem__(self, place: slice) -> Samples: ...

    def __getitem__(self, place: int | slice) -> Any:
        """One sample, or a part of them."""
        if isinstance(place, slice):
            return Samples(self.items[place], self.provenance[place], self.medium, self.fits[place])
        place = range(len(self))[place]
        return self.medium.item(self.items, place, self.provenance[place].stored())

    def __iter__(self) -> Iterator[Any]:
        return (self[place] for place in range(len(self)))

    def __repr__(self) -> str:
        noun = self.medium.singular if len(self) == 1 else self.medium.plural
        if not len(self):
            return f"<Samples: no {noun}>"
        first = self.provenance[0]
        shape = getattr(self.items, "shape", None)
        size = "" if shape is None else f", {' x '.join(map(str, shape[1:]))} each"
        return f"<Samples: {len(self)} {noun}{size}, of the run '{first.run}', seed {first.seed}>"

    def _repr_html_(self) -> str:
        return self.medium.html(list(self), self._captions)

    @property
    def rate(self) -> int:
        """Samples per second of audio clips, in Hz.

        Raises:
            SettingError: The samples are of another medium.
        """
        return self.medium.sampling_rate

    @property
    def clips(self) -> NDArray[np.float32]:
        """All samples of audio over the whole window, (N, C, T), each silent after its own end."""
        return np.asarray(self.items, np.float32)

    @property
    def texts(self) -> list[str]:
        """The samples of a run on text.

        Raises:
            SettingError: The samples are no texts.
        """
        if isinstance(self.items, np.ndarray):
            raise SettingError(f"There are no texts among {self.medium.plural}.")
        return list(self.items)

    def sheet(self) -> Image.Image:
        """A contact sheet of all samples, with their words if they have any.

        Raises:
            SettingError: The medium has no contact sheets, for example text.
        """
        return self.medium.contact_sheet(list(self), self._captions)

    @property
    def _captions(self) -> list[str]:
        """The words and other conditions of each sample; empty where there are none."""
        return [caption_of(origin.stored()) for origin in self.provenance]

    def save(self, folder: str | Path, format: str | None = None) -> list[Path]:
        """Write the samples with their provenance, and a contact sheet if the medium has them.

        Args:
            folder: The folder for the files; it is created.
            format: Format of the files, such as ``flac`` for audio; None takes the default.

        Returns:
            The files of the samples: one for each, or one for all texts.

        Raises:
            SettingError: A file would be overwritten, or the medium has no such format.
        """
        folder = converted("folder", folder, str | Path)
        out = self.medium.folder(Path(folder), converted("format", format, str | None))
        indices = [origin.index for origin in self.provenance]
        out.require_free(indices)
        out.add(indices, self.items, [origin.stored() for origin in self.provenance])
        out.finish()
        return out.files


def joined(batches: Sequence[Items]) -> Items:
    """Concatenate the items of one or more batches into one array or list."""
    arrays = [batch for batch in batches if isinstance(batch, np.ndarray)]
    if arrays:
        return np.concatenate(arrays)
    return [item for batch in batches for item in batch]
