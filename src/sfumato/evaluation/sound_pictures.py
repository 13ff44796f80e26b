"""Pictures that show how new sounds are: each over the training sound that is likest to it."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from sfumato.evaluation.sound_sections import floats
from sfumato.media.audio.medium import AudioMedium
from sfumato.metrics.neighbours import AudioNeighbours

_COMPARED = 6


def beside_nearest(
    medium: AudioMedium, samples: NDArray[Any], training: NDArray[np.int16], found: AudioNeighbours
) -> Image.Image:
    """The first six samples over their likest training sounds, then the six likest of all.

    Args:
        medium: How sounds become pictures.
        samples: Waveforms, shape (B, C, N).
        training: Training sounds, shape (M, C, N).
        found: The likest training sound of each sample.
    """
    likest = np.argsort(-found.similarities, kind="stable")[:_COMPARED]
    heard = floats(samples).numpy()
    clips, captions = [], []
    for title, rows in (("sample", range(min(_COMPARED, len(heard)))), ("likest", likest)):
        chosen = [int(row) for row in rows]
        clips += [heard[row] for row in chosen]
        captions += [f"{title} {row}" for row in chosen]
        clips += list(floats(training[found.indices[chosen]]).numpy())
        captions += [f"nearest real: {found.similarities[row]:.2f}" for row in chosen]
    return medium.sheet(clips, captions, columns=min(_COMPARED, len(heard)))
