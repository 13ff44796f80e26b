"""Evaluating a model of sounds: its samples beside real ones."""

from __future__ import annotations

import importlib.util
from collections.abc import Generator, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

import sfumato
from sfumato.errors import SettingError
from sfumato.media.catalogue import fetch_asset
from sfumato.metrics.audio_embedding import Embedding, LogMel
from sfumato.metrics.onnx_embedding import OnnxEmbedding
from sfumato.metrics.speech import Recogniser, word_accuracy
from sfumato.run.audio.data import AudioData
from sfumato.run.audio.quality import Quality, Real, floats, quality_of
from sfumato.run.audio.sampling import AudioModel
from sfumato.run.gaussian.sampling import Made, Request
from sfumato.run.measuring import Measuring
from sfumato.run.reopened import reopened
from sfumato.run.trained import LAST, require_within

_FORMAT = 1
_FEW = 50
_MOST = 1_000_000
_SPOKEN = "spoken-numbers"


@dataclass(frozen=True)
class SoundEvaluation:
    """What to measure.

    Attributes:
        n: Sounds that are sampled.
        seed: Of all that is drawn.
        steps: Network evaluations per sound; None takes the run's default.
        sampler: The rule for one step; None takes the run's default.
        label: Class of all samples; None draws it as often as in the data.
        scale: Guidance towards the label, 1 = off; None takes the run's default.
        speech: Let a recogniser write down samples whose classes are words; done anyway for the
            catalogue's spoken numbers where the recogniser is installed.
    """

    n: int = 200
    seed: int = 0
    steps: int | None = None
    sampler: str | None = None
    label: str | None = None
    scale: float | None = None
    speech: bool = False


@dataclass(frozen=True)
class Words:
    """Share of sounds in which a recogniser hears the word asked for.

    Attributes:
        samples: Of the samples.
        real: Of the training sounds of the same words: what the recogniser is worth.
        n: Samples.
        real_n: Training sounds.
    """

    samples: float
    real: float
    n: int
    real_n: int


@dataclass(frozen=True)
class SoundReport:
    """What an evaluation found.

    Attributes:
        run: Name of the run.
        model: Fingerprint of its weights.
        data: Source of its data.
        seed: Of all that was drawn.
        sampling: How the sounds were sampled.
        quality: Of the samples.
        words: What a recogniser heard; None if it was not asked.
        samples: Waveforms, shape (B, C, N); not part of the JSON.
        real: The real sounds; not part of the JSON.
        notes: What to bear in mind.
    """

    run: str
    model: str
    data: str
    seed: int
    sampling: dict[str, Any]
    quality: Quality
    words: Words | None
    samples: Tensor
    real: Real
    notes: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """As plain data."""
        quality = {name: value for name, value in vars(self.quality).items() if name != "nearest"}
        return {
            "format": _FORMAT,
            "sfumato": sfumato.__version__,
            **{name: getattr(self, name) for name in ("run", "model", "data", "seed", "sampling")},
            "quality": _plain(quality),
            "words": _plain(self.words),
            "notes": list(self.notes),
        }


def evaluate(model: AudioModel, asked: SoundEvaluation) -> Iterator[Measuring | SoundReport]:
    """Evaluate a model; yields progress, and at last the report.

    The report is a function of the weights, the data and what is asked.

    Raises:
        SettingError: A value is out of range.
        DataError: The data are gone.
        RunError: They are not what the run began with.
        MissingExtra: Words are asked for and the recogniser is not installed.
    """
    require_within("n", asked.n, 3, _MOST)
    require_within("seed", asked.seed, 0, LAST)
    request = model.request(
        asked.n,
        seed=asked.seed,
        steps=asked.steps,
        sampler=asked.sampler,
        label=asked.label,
        scale=asked.scale,
    )
    recogniser = _recogniser(model, asked)
    data = yield from reopened(model.directory, model.spec, AudioData)
    real = Real.of(data)
    samples, names = yield from _samples(model, request)
    classes = model.spec.data.classes
    labels = None
    if model.spec.classes:
        labels = torch.tensor([classes.index(str(name)) for name in names])
    yield Measuring("comparing with real sounds: samples", 0, request.n)
    quality = quality_of(samples, labels, real, _embeddings(), asked.seed)
    words = None
    if recogniser is not None and labels is not None:
        yield Measuring("recognising words in samples", 0, request.n)
        words = _words(recogniser, samples, labels, real, classes)
    yield SoundReport(
        run=model.directory.name,
        model=model.fingerprint,
        data=model.spec.data.source,
        seed=asked.seed,
        sampling=_sampling(request),
        quality=quality,
        words=words,
        samples=samples,
        real=real,
        notes=tuple(_notes(quality, asked.label)),
    )


def _recogniser(model: AudioModel, asked: SoundEvaluation) -> Recogniser | None:
    data = model.spec.data
    spoken = data.catalogued and data.source == _SPOKEN
    if asked.speech and not model.spec.classes:
        raise SettingError(
            "There are no words to listen for.", why="the run was trained without classes"
        )
    if asked.speech or (spoken and importlib.util.find_spec("faster_whisper") is not None):
        return Recogniser(fetch_asset("whisper-tiny-en"))
    return None


def _embeddings() -> list[Embedding]:
    found: list[Embedding] = [LogMel()]
    if importlib.util.find_spec("onnxruntime") is not None:
        found.append(OnnxEmbedding(fetch_asset("audio-embedding")))
    return found


def _samples(
    model: AudioModel, request: Request
) -> Generator[Measuring, None, tuple[Tensor, list[str | None]]]:
    """Waveforms, silent after their ends, and the names of their classes."""
    parts: list[Tensor] = []
    names: list[str | None] = []
    for event in model.sample(request):
        if isinstance(event, Made):
            parts.append(_ended(model, event))
            names += [recipe["label"] for recipe in event.recipes]
        else:
            made = f"sampling: {event.done} of {event.total} sounds, step"
            yield Measuring(made, event.state.step, event.state.steps)
    return torch.cat(parts), names


def _ended(model: AudioModel, made: Made) -> Tensor:
    clips = np.zeros_like(made.items)
    for out, clip, recipe in zip(clips, made.items, made.recipes, strict=True):
        lasting = model.medium.lasting(clip, recipe["seconds"])
        out[:, : lasting.shape[1]] = lasting
    return torch.from_numpy(clips)


def _words(
    recogniser: Recogniser,
    samples: Tensor,
    labels: Tensor,
    real: Real,
    classes: Sequence[str],
) -> Words:
    heard = recogniser.heard(samples, real.rate)
    found = word_accuracy(heard, [classes[number] for number in labels.tolist()])
    known = real.training_labels
    if known is None:
        raise RuntimeError("a run with classes has labels")
    those = torch.isin(known, labels)
    clips = floats(real.training[those.numpy()])
    spoken = [classes[number] for number in known[those].tolist()]
    reference = word_accuracy(recogniser.heard(clips, real.rate), spoken)
    return Words(found, reference, len(samples), len(clips))


def _sampling(request: Request) -> dict[str, Any]:
    return {
        "n": request.n,
        "sampler": request.sampler.model_dump(mode="json"),
        "steps": request.steps,
        "label": request.label,
        "scale": request.scale,
    }


def _plain(value: Any) -> Any:
    """Dataclasses and named tuples as mappings, all the way down."""
    if hasattr(value, "_asdict"):
        return _plain(value._asdict())
    if hasattr(value, "__dataclass_fields__"):
        return _plain(asdict(value))
    if isinstance(value, dict):
        return {name: _plain(part) for name, part in value.items()}
    if isinstance(value, tuple | list):
        return [_plain(part) for part in value]
    return value


def _notes(quality: Quality, label: str | None) -> Iterator[str]:
    yield "distances are squared, unbiased and times 100: 0 = alike, and chance goes below it"
    if label is not None:
        yield f"all samples are of '{label}' and real sounds of all classes: distances are large"
    if len(quality.distances) == 1:
        yield "for a second, trained ear: pip install 'sfumato[audio-metrics]'"
    samples, held_out, _ = quality.distances[0].n
    if not held_out:
        yield "nothing was held out, so copies cannot be told from good samples"
    elif held_out < _FEW:
        yield f"n is small: {held_out} held-out sounds"
    if samples < _FEW:
        yield f"n is small: {samples} samples"
