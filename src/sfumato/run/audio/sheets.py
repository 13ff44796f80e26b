"""Pictures that show how new samples are: each over the training sound that is likest to it."""

from __future__ import annotations

import numpy as np
from PIL import Image
from torch import Tensor

from sfumato.media.audio.medium import AudioMedium
from sfumato.metrics.sound_neighbours import SoundNeighbours
from sfumato.run.audio.quality import Real, floats

_COMPARED = 6


def beside_nearest(
    medium: AudioMedium, samples: Tensor, real: Real, found: SoundNeighbours
) -> Image.Image:
    """The first six samples over their likest training sounds, then the six likest of all.

    Args:
        medium: How sounds become pictures.
        samples: Waveforms, shape (B, C, N).
        real: What they were compared with.
        found: The likest training sound of each sample.
    """
    likest = np.argsort(-found.similarities, kind="stable")[:_COMPARED]
    clips, captions = [], []
    for title, rows in (("sample", range(min(_COMPARED, len(samples)))), ("likest", likest)):
        chosen = [int(row) for row in rows]
        clips += [samples[row].numpy() for row in chosen]
        captions += [f"{title} {row}" for row in chosen]
        clips += list(floats(real.training[found.indices[chosen]]).numpy())
        captions += [f"nearest real: {found.similarities[row]:.2f}" for row in chosen]
    return medium.sheet(clips, captions, columns=min(_COMPARED, len(samples)))
