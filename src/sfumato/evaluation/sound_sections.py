"""What sounds alone are measured by: levels, likeness of waveforms, words."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from sfumato.evaluation.real import Real
from sfumato.evaluation.report import Figure, Section
from sfumato.metrics.interval import share_interval
from sfumato.metrics.levels import Levels, levels
from sfumato.metrics.neighbours import AudioNeighbours, nearest_audio
from sfumato.metrics.speech import Recogniser, word_accuracy

# Two takes of one sound on one instrument hardly reach it: what does is the same recording.
_COPY = 0.9
_FULL_SCALE = 32768


def floats(clips: NDArray[Any]) -> Tensor:
    """Clips of int16 as waveforms with full scale 1, float32; waveforms stay as they are."""
    if clips.dtype == np.int16:
        return torch.from_numpy(clips.astype(np.float32)) / _FULL_SCALE
    return torch.from_numpy(np.asarray(clips, np.float32))


def level_section(samples: Tensor, real: Tensor) -> Section:
    """How loud sounds are, and what is wrong with them.

    Args:
        samples: Waveforms, shape (B, C, N).
        real: All real ones, the same.
    """
    return Section(
        "levels",
        "levels",
        "Loudness is the median RMS over the window, silence at the end included. Clipped has "
        "three samples in a row at full scale; silent is below -60 dB.",
        tuple(_levels(levels(samples), levels(real))),
    )


def _levels(ours: Levels, theirs: Levels) -> Iterator[Figure]:
    n = ours.count, theirs.count
    yield Figure("loudness", "loudness, dB", ours.rms, real=theirs.rms, n=n, form=".1f")
    for key in ("clipped", "silent"):
        share, real = getattr(ours, key), getattr(theirs, key)
        bounds = share_interval(round(share * ours.count), ours.count)
        yield Figure(key, key, share, bounds.low, bounds.high, real, n, ".1%")


def likeness_section(samples: Tensor, real: Real, rate: int) -> tuple[Section, AudioNeighbours]:
    """How like the nearest training sound's waveform each sample is, beside held-out sounds."""
    found = nearest_audio(samples, real.training, rate)
    reference = None
    if len(real.held_out):
        reference = nearest_audio(floats(real.held_out), real.training, rate).similarities
    section = Section(
        "likeness",
        "likeness to the nearest training sound",
        "The largest cross-correlation of waveforms over shifts of up to 0.1 s, whatever the gain "
        "and the sign: 1 is the same recording. What is above 0.9 is a copy.",
        tuple(_likeness(found.similarities, reference)),
    )
    return section, found


def _likeness(ours: NDArray[np.float32], theirs: NDArray[np.float32] | None) -> Iterator[Figure]:
    n = (len(ours),) if theirs is None else (len(ours), len(theirs))
    for key, title, share in (("median", "median", 0.5), ("p95", "95 % stay below", 0.95)):
        beside = None if theirs is None else float(np.quantile(theirs, share))
        yield Figure(key, title, float(np.quantile(ours, share)), real=beside, n=n, form=".2f")
    beside = None if theirs is None else float((theirs > _COPY).mean())
    bounds = share_interval(int((ours > _COPY).sum()), len(ours))
    yield Figure(
        "copies", "above 0.9: a copy", bounds.mean, bounds.low, bounds.high, beside, n, ".1%"
    )


def word_section(
    recogniser: Recogniser,
    samples: Tensor,
    labels: Tensor,
    real: Real,
    classes: Sequence[str],
    rate: int,
) -> Section:
    """In how many sounds a recogniser hears the word asked for.

    Args:
        recogniser: What listens.
        samples: Waveforms, shape (B, C, N).
        labels: The classes asked for, shape (B,).
        real: Of it, the training sounds of the same words show what the recogniser is worth.
        classes: The words.
        rate: Samples per second.
    """
    known = real.training_labels
    if known is None:
        raise RuntimeError("a run with classes has labels")
    those = torch.isin(known, labels)
    spoken, spoken_labels = floats(real.training[those.numpy()]), known[those]
    share = _accuracy(recogniser, samples, labels, classes, rate)
    bounds = share_interval(round(share * len(samples)), len(samples))
    beside = None
    if len(spoken):
        beside = _accuracy(recogniser, spoken, spoken_labels, classes, rate)
    n = len(samples), len(spoken)
    return Section(
        "words",
        "words",
        "Share of sounds in which a recogniser hears the word asked for; beside it the same of the "
        "training sounds of these words, which is what the recogniser is worth.",
        (Figure("understood", "word understood", *bounds, beside, n, ".1%"),),
    )


def _accuracy(
    recogniser: Recogniser, clips: Tensor, labels: Tensor, classes: Sequence[str], rate: int
) -> float:
    wanted = [classes[number] for number in labels.tolist()]
    return word_accuracy(recogniser.transcribe(clips, rate), wanted)
