"""Evaluating a model of sounds."""

from __future__ import annotations

import importlib.util
from collections.abc import Generator, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from sfumato.catalogue import fetch_asset
from sfumato.errors import SettingError
from sfumato.evaluation.asked import Asked
from sfumato.evaluation.exhibits import Exhibit, Pictures, Sounds
from sfumato.evaluation.pictures import png
from sfumato.evaluation.real import Real
from sfumato.evaluation.report import Section
from sfumato.evaluation.sampled import Sampled
from sfumato.evaluation.signals import View
from sfumato.evaluation.sound_pictures import beside_nearest
from sfumato.evaluation.sound_sections import (
    floats,
    level_section,
    likeness_section,
    word_section,
)
from sfumato.media.audio.data import AudioData
from sfumato.metrics.audio_features import LogMel, SpeechEmbedding
from sfumato.metrics.custom_extractor import OnnxExtractor
from sfumato.metrics.extractor import Clips, Extractor
from sfumato.metrics.memorisation import Memorisation
from sfumato.metrics.speech import Recogniser
from sfumato.model.audio import AudioModel
from sfumato.runs.measuring import Measuring

_SPOKEN = "spoken-numbers"
_SHOWN = 24
_HEARD = 12
_COLUMNS = 6


class SoundView(View[AudioModel]):
    """How sounds are listened to: by their mel spectrograms, and by a trained ear."""

    medium = "sounds"
    data = AudioData
    n = 200

    def __init__(self, model: AudioModel, asked: Asked) -> None:
        # Better to miss a package now than after minutes.
        self._recogniser = _recogniser(model, asked)
        self._rate = model.medium.settings.rate

    def extractors(self, model: AudioModel, real: Real) -> Sequence[Extractor[Clips]]:
        """See :meth:`View.extractors`."""
        return [LogMel(), *_trained()]

    def given(self, path: str) -> Extractor[Clips]:
        """See :meth:`View.given`."""
        return OnnxExtractor.of_audio(Path(path))

    def form(self, model: AudioModel, items: NDArray[Any]) -> Clips:
        """See :meth:`View.form`."""
        return Clips(floats(items), self._rate)

    def finished(self, model: AudioModel, made: Sampled) -> Sampled:
        """Silent after their ends."""
        clips = np.zeros_like(made.items)
        for out, clip, recipe in zip(clips, made.items, made.recipes, strict=True):
            lasting = model.medium.lasting(clip, recipe["seconds"])
            out[:, : lasting.shape[1]] = lasting
        return replace(made, items=clips)

    def own(
        self, model: AudioModel, made: Sampled, real: Real, asked: Asked
    ) -> Generator[Measuring, None, tuple[list[Section], list[Exhibit]]]:
        """Levels, the likeness of waveforms, and words."""
        samples = floats(made.items)
        yield Measuring("comparing waveforms: samples", 0, len(samples))
        known = torch.cat([floats(real.training), floats(real.held_out)])
        section, likest = likeness_section(samples, real, self._rate)
        sections = [level_section(samples, known), section]
        if self._recogniser is not None and made.labels is not None:
            yield Measuring("recognising words in samples", 0, len(samples))
            classes, rate = model.spec.data.classes, self._rate
            sections.append(
                word_section(self._recogniser, samples, made.labels, real, classes, rate)
            )
        picture = beside_nearest(model.medium, made.items, real.training, likest)
        shown = Pictures(
            "samples over the likest training sounds",
            "the first six, and the six likest of all",
            (("samples and training sounds", png(picture)),),
        )
        return sections, [shown]

    def exhibits(
        self, model: AudioModel, made: Sampled, real: Real, found: Memorisation
    ) -> Iterator[Exhibit]:
        """The first samples and real sounds."""
        clips = [
            model.medium.lasting(clip, recipe["seconds"])
            for clip, recipe in zip(made.items[:_SHOWN], made.recipes, strict=False)
        ]
        names = [
            " ".join(filter(None, [f"{number}", recipe["label"]]))
            for number, recipe in enumerate(made.recipes[:_SHOWN])
        ]
        yield Sounds(
            "samples to listen to",
            f"the first {min(len(clips), _HEARD)}, not chosen",
            _players(model, clips[:_HEARD], names),
        )
        sheet = png(model.medium.sheet(clips, names, columns=_COLUMNS))
        yield Pictures("samples", "waveforms over mel spectrograms", (("samples", sheet),))
        places = np.unique(np.linspace(0, len(real.training) - 1, _HEARD).astype(np.int64))
        yield Sounds(
            "real sounds to listen to",
            "evenly spaced among those trained on",
            _players(model, list(floats(real.training[places]).numpy()), map(str, places)),
        )


def _recogniser(model: AudioModel, asked: Asked) -> Recogniser | None:
    data = model.spec.data
    spoken = data.catalogued and data.source == _SPOKEN
    if asked.speech and not model.spec.classes:
        raise SettingError(
            "There are no words to listen for.", why="the run was trained without classes"
        )
    if asked.speech or (spoken and importlib.util.find_spec("faster_whisper") is not None):
        return Recogniser(fetch_asset("whisper-tiny-en"))
    return None


def _trained() -> list[Extractor[Clips]]:
    """A network that knows speech, where what it needs is installed."""
    if importlib.util.find_spec("onnxruntime") is None:
        return []
    return [SpeechEmbedding(fetch_asset("audio-embedding"))]


def _players(
    model: AudioModel, clips: Sequence[NDArray[np.float32]], names: Iterator[str] | Sequence[str]
) -> tuple[tuple[str, bytes], ...]:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "sound.flac"
        found = []
        for clip, name in zip(clips, names, strict=False):
            model.medium.write(path, clip)
            found.append((name, path.read_bytes()))
    return tuple(found)
