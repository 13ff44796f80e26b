"""What a set of sounds is like beside real ones: distances, classes, levels, copies, words."""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from sfumato.metrics.audio_embedding import Embedding
from sfumato.metrics.classifier import ClassAccuracy, Classifier, class_accuracy
from sfumato.metrics.kernel_distance import GaussianKernel, KernelDistance, kernel_distance
from sfumato.metrics.levels import Levels, levels
from sfumato.metrics.sound_neighbours import SoundNeighbours, nearest_sounds
from sfumato.process.rng import Stream, uniform
from sfumato.run.audio.data import AudioData

_FULL_SCALE = 32768
_SPLITS = 50
_LEAST = 3
# Two takes of one sound on one instrument hardly reach it: what does is the same recording.
_COPY = 0.9


@dataclass(frozen=True)
class Real:
    """The real sounds of a run, as waveforms.

    Attributes:
        training: Those trained on, int16, shape (M, C, N).
        held_out: Those held out, the same.
        training_labels: Class numbers, shape (M,); None without classes.
        held_out_labels: The same of those held out.
        groups: For all of them, training first: which are near-duplicates or belong together.
        rate: Samples in a second.
    """

    training: NDArray[np.int16]
    held_out: NDArray[np.int16]
    training_labels: Tensor | None
    held_out_labels: Tensor | None
    groups: tuple[str, ...]
    rate: int

    @classmethod
    def of(cls, data: AudioData) -> Real:
        """The sounds of a run."""
        known, known_labels = data.dataset.gather(data.training)
        unseen, unseen_labels = data.dataset.gather(data.held_out)
        items = data.dataset.items
        order = [*data.training.tolist(), *data.held_out.tolist()]
        return cls(
            known,
            unseen,
            None if known_labels is None else torch.from_numpy(known_labels),
            None if unseen_labels is None else torch.from_numpy(unseen_labels),
            tuple(items[number].group or items[number].name for number in order),
            data.medium.settings.rate,
        )


@dataclass(frozen=True)
class Distances:
    """How far samples are from real sounds under one embedding.

    All are squared maximum mean discrepancies times 100, unbiased, under one Gaussian kernel: 0 =
    alike; chance puts them below 0 as well.

    Attributes:
        embedding: Its name; distances under different ones cannot be compared.
        held_out: Samples to held-out sounds; None if fewer than three are held out.
        training: Samples to training sounds.
        real: Held-out to training sounds: what a perfect model could reach.
        halves: Mean distance between two random halves of all real sounds, none of whose groups is
            divided; None if there are fewer than two groups.
        halves_95: What 95 of 100 such splits stay below.
        n: Samples, held-out and training sounds.
    """

    embedding: str
    held_out: KernelDistance | None
    training: KernelDistance
    real: KernelDistance | None
    halves: float | None
    halves_95: float | None
    n: tuple[int, int, int]


@dataclass(frozen=True)
class Copies:
    """How like the nearest training sound's waveform sounds are, from 0 to 1.

    Attributes:
        median: Of all sounds.
        p95: What 95 of 100 stay below.
        share: Share of sounds above 0.9, which only the same recording reaches.
        n: Sounds.
    """

    median: float
    p95: float
    share: float
    n: int


@dataclass(frozen=True)
class Quality:
    """What the samples are like.

    Attributes:
        distances: Under each embedding.
        classes: Share that a classifier trained on training sounds puts into their class, and the
            same of held-out sounds; None without held-out sounds or two classes to tell apart.
        levels: Of the samples.
        real_levels: Of all real sounds.
        copies: Of the samples.
        real_copies: Of held-out sounds; None if there are none.
        nearest: For each sample the number of the likest training sound.
    """

    distances: tuple[Distances, ...]
    classes: ClassAccuracy | None
    levels: Levels
    real_levels: Levels
    copies: Copies
    real_copies: Copies | None
    nearest: SoundNeighbours


class Heard(NamedTuple):
    """Features of samples, training sounds and held-out sounds, under one embedding."""

    samples: Tensor
    known: Tensor
    unseen: Tensor


def quality_of(
    samples: Tensor,
    labels: Tensor | None,
    real: Real,
    embeddings: Sequence[Embedding],
    seed: int = 0,
) -> Quality:
    """Measure samples.

    Args:
        samples: Waveforms, shape (B, C, N), silent after their ends.
        labels: The class asked for, shape (B,); None without classes.
        real: What they are compared with.
        embeddings: At least one; the classifier hears by the first.
        seed: Of the random halves.
    """
    known, unseen = floats(real.training), floats(real.held_out)
    heard = [
        Heard(*(embed(x, real.rate) for x in (samples, known, unseen))) for embed in embeddings
    ]
    distances = tuple(
        _distances(embed.name, found, real.groups, seed)
        for embed, found in zip(embeddings, heard, strict=True)
    )
    found = nearest_sounds(samples, real.training, real.rate)
    reference = nearest_sounds(unseen, real.training, real.rate) if len(unseen) else None
    return Quality(
        distances=distances,
        classes=_classes(heard[0], labels, real),
        levels=levels(samples),
        real_levels=levels(torch.cat([known, unseen])),
        copies=_copies(found),
        real_copies=None if reference is None else _copies(reference),
        nearest=found,
    )


def floats(clips: NDArray[np.int16]) -> Tensor:
    """Clips as waveforms with full scale 1, float32."""
    return torch.from_numpy(clips.astype(np.float32)) / _FULL_SCALE


def _classes(heard: Heard, asked: Tensor | None, real: Real) -> ClassAccuracy | None:
    labels, unseen_labels = real.training_labels, real.held_out_labels
    if asked is None or labels is None or unseen_labels is None or not len(unseen_labels):
        return None
    if len(set(labels.tolist())) < 2:  # The others may all be held out.
        return None
    judge = Classifier.trained(heard.known, labels)
    return class_accuracy(judge, heard.samples, asked, heard.unseen, unseen_labels)


def _distances(name: str, heard: Heard, groups: Sequence[str], seed: int) -> Distances:
    samples, known, unseen = heard
    kernel = GaussianKernel.of(known)
    enough = len(unseen) >= _LEAST
    halves = sorted(_halves(torch.cat([known, unseen]), groups, kernel, seed))
    return Distances(
        embedding=name,
        held_out=_hundredfold(kernel_distance(samples, unseen, kernel)) if enough else None,
        training=_hundredfold(kernel_distance(samples, known, kernel)),
        real=_hundredfold(kernel_distance(unseen, known, kernel)) if enough else None,
        halves=statistics.fmean(halves) if halves else None,
        halves_95=float(np.quantile(halves, 0.95)) if halves else None,
        n=(len(samples), len(unseen), len(known)),
    )


def _halves(
    features: Tensor, groups: Sequence[str], kernel: GaussianKernel, seed: int
) -> Iterator[float]:
    """Distances between random halves that divide no group."""
    names = sorted(set(groups))
    number = torch.tensor([names.index(group) for group in groups])
    keys = uniform(seed, Stream.LIKELIHOOD, range(_SPLITS), (len(names),))
    for key in keys if len(names) > 1 else ():
        chosen = torch.zeros(len(names), dtype=torch.bool)
        chosen[key.argsort()[: len(names) // 2]] = True
        one, other = features[chosen[number]], features[~chosen[number]]
        if min(len(one), len(other)) >= _LEAST:
            yield 100 * kernel_distance(one, other, kernel).value


def _hundredfold(distance: KernelDistance) -> KernelDistance:
    return KernelDistance(*(100 * value for value in distance))


def _copies(found: SoundNeighbours) -> Copies:
    alike = found.similarities
    return Copies(
        median=float(np.median(alike)),
        p95=float(np.quantile(alike, 0.95)),
        share=float((alike > _COPY).mean()),
        n=len(alike),
    )
