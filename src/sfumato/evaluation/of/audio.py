"""Evaluating a model of audio: in addition levels, similarity of waveforms, and spoken words."""

from __future__ import annotations

import importlib.util
from collections.abc import Generator, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from sfumato.catalogue import fetch_asset
from sfumato.errors import SettingError
from sfumato.evaluation.display import AudioClips, Display, Images
from sfumato.evaluation.of.numbers import NumberView
from sfumato.evaluation.of.view import Samples
from sfumato.evaluation.real import Real
from sfumato.evaluation.result import Figure, Section
from sfumato.media.audio.folder import until_end
from sfumato.media.audio.medium import AudioMedium
from sfumato.media.display import png
from sfumato.metrics.audio_features import LogMel, SpeechEmbedding
from sfumato.metrics.custom_extractor import OnnxExtractor
from sfumato.metrics.extractor import Clips, Extractor
from sfumato.metrics.interval import share_interval
from sfumato.metrics.levels import levels
from sfumato.metrics.memorisation import Memorisation
from sfumato.metrics.neighbours import AudioNeighbours, nearest_audio
from sfumato.metrics.speech import Recogniser, word_accuracy
from sfumato.model.options import EvaluateOptions
from sfumato.runs.progress import Progress

_SPOKEN = "spoken-numbers"
_SHOWN, _COLUMNS = 24, 6
_PLAYERS = 12
_COMPARED = 6
# Two takes of the same note on one instrument hardly reach this similarity. A copy does.
_COPY = 0.9
_FULL_SCALE = 32768


class AudioView(NumberView):
    """Audio clips: features of their mel spectrograms, and by a network trained on speech."""

    n = 200

    def __init__(self, model: Any, options: EvaluateOptions) -> None:
        super().__init__(model, options)
        self._rate = model.medium.settings.rate
        self._recogniser = self._find_recogniser()

    def extractor(self, name: str) -> Extractor[Clips]:
        """An extractor in an ONNX file of waveforms."""
        return OnnxExtractor.of_audio(Path(name))

    def extractors(self, real: Real[NDArray[Any]]) -> Sequence[Extractor[Clips]]:
        """See :meth:`View.extractors`."""
        return [LogMel(), *_trained()]

    def prepare(self, items: NDArray[Any]) -> Clips:
        """See :meth:`View.prepare`."""
        return Clips(waveforms(items), self._rate)

    def own(
        self, samples: Samples, real: Real[NDArray[Any]]
    ) -> Generator[Progress, None, tuple[list[Section], list[Display]]]:
        """Levels, the similarity of waveforms, and words."""
        clips = waveforms(samples.items)
        yield Progress("comparing waveforms: samples", 0, len(clips))
        known = torch.cat([waveforms(real.training), waveforms(real.held_out)])
        section, neighbours = similarity_section(clips, real, self._rate)
        sections = [level_section(clips, known), section]
        if self._recogniser is not None and samples.labels is not None:
            yield Progress("recognising words in samples", 0, len(clips))
            sections.append(self._words(self._recogniser, clips, samples.labels, real))
        image = beside_nearest(self.model.medium, samples.items, real.training, neighbours)
        display = Images(
            "samples over their most similar training clips",
            "the first six samples, and the six samples that are most similar to a training clip",
            (("samples and training clips", png(image)),),
        )
        return sections, [display]

    def displays(
        self, samples: Samples, real: Real[NDArray[Any]], copies: Memorisation
    ) -> Iterator[Display]:
        """Players and spectrograms of the first samples, and players of real clips."""
        medium, provenance = self.model.medium, samples.provenance[:_SHOWN]
        clips = [
            until_end(clip, self._rate, origin.seconds)
            for clip, origin in zip(samples.items, provenance, strict=False)
        ]
        names = [
            " ".join(filter(None, [f"{number}", origin.label]))
            for number, origin in enumerate(provenance)
        ]
        yield AudioClips(
            "samples to listen to",
            f"the first {min(len(clips), _PLAYERS)}, in order",
            _players(medium, clips[:_PLAYERS], names),
        )
        sheet = png(medium.sheet(clips, names, columns=_COLUMNS))
        yield Images("samples", "waveforms over mel spectrograms", (("samples", sheet),))
        places = np.unique(np.linspace(0, len(real.training) - 1, _PLAYERS).astype(np.int64))
        yield AudioClips(
            "real clips to listen to",
            "training clips at even intervals",
            _players(medium, list(waveforms(real.training[places]).numpy()), map(str, places)),
        )

    def _find_recogniser(self) -> Recogniser | None:
        """The recogniser, or nothing if no words are measured."""
        spec, speech = self.model.spec, self.options.speech
        spoken = spec.data.catalogued and spec.data.source == _SPOKEN
        if speech and not spec.classes:
            raise SettingError(
                "There are no words to recognise.", why="the run was trained without classes"
            )
        if speech or (spoken and importlib.util.find_spec("faster_whisper") is not None):
            return Recogniser(fetch_asset("whisper-tiny-en"))
        return None

    def _words(
        self, recogniser: Recogniser, clips: Tensor, labels: Tensor, real: Real[NDArray[Any]]
    ) -> Section:
        """In how many samples, and training clips of the same words, the word is recognised."""
        known = real.training_labels
        if known is None:
            raise RuntimeError("a run with classes has labels")
        classes = self.model.spec.data.classes

        def accuracy(clips: Tensor, labels: Tensor) -> float:
            words = [classes[number] for number in labels.tolist()]
            return word_accuracy(recogniser.transcribe(clips, self._rate), words)

        same_words = torch.isin(known, labels)
        spoken = waveforms(real.training[same_words.numpy()])
        share = share_interval(round(accuracy(clips, labels) * len(clips)), len(clips))
        beside = accuracy(spoken, known[same_words]) if len(spoken) else None
        n = len(clips), len(spoken)
        return Section(
            "words",
            "words",
            "Share of clips in which a recogniser understands the requested word. The column "
            "'real' is the same for training clips of these words, so it shows how reliable the "
            "recogniser is.",
            (Figure("understood", "word understood", *share, beside, n, ".1%"),),
        )


def waveforms(clips: NDArray[Any]) -> Tensor:
    """Clips of int16 as float32 with full scale 1; clips of floats keep their scale."""
    if clips.dtype == np.int16:
        return torch.from_numpy(clips.astype(np.float32)) / _FULL_SCALE
    return torch.from_numpy(np.asarray(clips, np.float32))


def level_section(samples: Tensor, real: Tensor) -> Section:
    """How loud samples are, and whether they are clipped or silent.

    Args:
        samples: Waveforms, shape (B, C, N).
        real: Waveforms of all real clips, shape (M, C, N).
    """
    ours, theirs = levels(samples), levels(real)
    n = ours.count, theirs.count
    figures = [Figure("loudness", "loudness, dB", ours.rms, real=theirs.rms, n=n, form=".1f")]
    for key in ("clipped", "silent"):
        share = share_interval(round(getattr(ours, key) * ours.count), ours.count)
        low, high, beside = share.low, share.high, getattr(theirs, key)
        figures.append(Figure(key, key, getattr(ours, key), low, high, beside, n, ".1%"))
    about = (
        "Loudness is the median RMS of a clip, including silence at its end. A clipped clip has at "
        "least three samples in a row at full scale. A silent clip is below -60 dB."
    )
    return Section("levels", "levels", about, tuple(figures))


def similarity_section(
    samples: Tensor, real: Real[NDArray[Any]], rate: int
) -> tuple[Section, AudioNeighbours]:
    """How similar samples, and held-out clips, are to the waveforms of training clips.

    Args:
        samples: Waveforms, shape (B, C, N).
        real: Real clips.
        rate: Samples per second.
    """
    neighbours = nearest_audio(samples, real.training, rate)
    ours, theirs = neighbours.similarities, None
    if len(real.held_out):
        theirs = nearest_audio(waveforms(real.held_out), real.training, rate).similarities
    n = (len(ours),) if theirs is None else (len(ours), len(theirs))
    figures = []
    for key, title, share in (("median", "median", 0.5), ("p95", "95th percentile", 0.95)):
        beside = None if theirs is None else float(np.quantile(theirs, share))
        value = float(np.quantile(ours, share))
        figures.append(Figure(key, title, value, real=beside, n=n, form=".2f"))
    beside = None if theirs is None else float((theirs > _COPY).mean())
    copies = share_interval(int((ours > _COPY).sum()), len(ours))
    figures.append(Figure("copies", "copies (above 0.9)", *copies, beside, n, ".1%"))
    about = (
        "The largest cross-correlation of the two waveforms over shifts of up to 0.1 s, whatever "
        "their gain and sign. Equal recordings reach 1, and a similarity above 0.9 means a copy."
    )
    title = "similarity to the nearest training clip"
    return Section("likeness", title, about, tuple(figures)), neighbours


def beside_nearest(
    medium: AudioMedium,
    samples: NDArray[Any],
    training: NDArray[np.int16],
    neighbours: AudioNeighbours,
) -> Image.Image:
    """The first six samples over their nearest training clips, then the six most similar samples.

    Args:
        medium: Draws clips.
        samples: Waveforms, shape (B, C, N).
        training: Training clips, shape (M, C, N).
        neighbours: The nearest training clip of each sample.
    """
    likest = np.argsort(-neighbours.similarities, kind="stable")[:_COMPARED]
    heard = waveforms(samples).numpy()
    clips, captions = [], []
    for title, rows in (("sample", range(min(_COMPARED, len(heard)))), ("likest", likest)):
        chosen = [int(row) for row in rows]
        clips += [heard[row] for row in chosen]
        captions += [f"{title} {row}" for row in chosen]
        clips += list(waveforms(training[neighbours.indices[chosen]]).numpy())
        captions += [f"nearest real: {neighbours.similarities[row]:.2f}" for row in chosen]
    return medium.sheet(clips, captions, columns=min(_COMPARED, len(heard)))


def _trained() -> list[Extractor[Clips]]:
    """The network trained on speech, if the package that runs it is installed."""
    if importlib.util.find_spec("onnxruntime") is None:
        return []
    return [SpeechEmbedding(fetch_asset("audio-embedding"))]


def _players(
    medium: AudioMedium, clips: Sequence[NDArray[np.float32]], names: Iterable[str]
) -> tuple[tuple[str, bytes], ...]:
    """The clips as files, each with its name."""
    return tuple((name, medium.encoded(clip)) for name, clip in zip(names, clips, strict=False))
