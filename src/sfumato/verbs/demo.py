"""The demonstrations: from nothing to new pictures, sounds or texts in minutes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import Any, Literal, NamedTuple

from sfumato.catalogue import DEFAULT, DEFAULT_AUDIO, DEFAULT_TEXT
from sfumato.catalogue import find as find_data
from sfumato.engine.signals import stop_on_signals
from sfumato.model.options import TrainOptions
from sfumato.runs.directory import RunDirectory
from sfumato.training import train as training
from sfumato.verbs import demo_audio as audio
from sfumato.verbs import demo_image as image
from sfumato.verbs import demo_text as text
from sfumato.verbs.demo_events import Finished, Note

Medium = Literal["images", "audio", "text"]


class _Show(NamedTuple):
    """A data set, what is learnt from it, and what is done with the model."""

    data: str
    learns: str
    show: Callable[[RunDirectory], Iterator[Note | Finished]]


_SHOWS: Mapping[Medium, _Show] = MappingProxyType(
    {
        "images": _Show(DEFAULT, "draw emoji", image.show),
        "audio": _Show(DEFAULT_AUDIO, "play drums and other short sounds", audio.show),
        "text": _Show(DEFAULT_TEXT, "write like Shakespeare", text.show),
    }
)


def run(medium: Medium, minutes: float, name: str | None = None) -> Iterator[Any]:
    """Train on a default data set, sample, and compare with the training data.

    Yields:
        Notes, the events of training, and at last what to look at.
    """
    shown = _SHOWS[medium]
    entry = find_data(shown.data)
    yield Note(f"Sfumato learns to {shown.learns}: {entry.title}.")
    options = TrainOptions(minutes=minutes, name=name)
    directory: RunDirectory | None = None
    with stop_on_signals() as stop:
        for event in training.train_with(shown.data, options, stop=stop):
            if isinstance(event, RunDirectory):
                directory = event
                yield event
                yield Note(f"Training for {minutes:g} minutes. Watch {event.previews}.")
            else:
                yield event
    if directory is None:
        raise RuntimeError("training ended without a run")
    yield Note("Sampling ...")
    yield from shown.show(directory)


__all__ = ["Finished", "Medium", "Note", "run"]
