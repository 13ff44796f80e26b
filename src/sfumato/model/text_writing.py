"""From a request to files of text, as a stream of events."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sfumato.media.text.folder import TextFolder
from sfumato.model.model import Making
from sfumato.model.text_request import MadeTexts, TextRequest
from sfumato.model.tokens import TextModel
from sfumato.runs.directory import RunDirectory, new_folder


@dataclass(frozen=True)
class TextState:
    """Texts on their way.

    Attributes:
        done: Texts finished before this batch.
        total: Texts asked for.
        step: Of the sampler, from 0 to ``steps``.
        steps: Of the grid.
        texts: The texts of this batch as they are now, with a sign at every masked place.
    """

    done: int
    total: int
    step: int
    steps: int
    texts: list[str]


@dataclass(frozen=True)
class WrittenTexts:
    """Texts in files.

    Attributes:
        folder: Where they are.
        file: One text a line, as JSON, with its recipe.
        trajectory: The states of each text, if asked for.
        texts: What was written.
        seconds: It took.
    """

    folder: Path
    file: Path
    trajectory: Path | None
    texts: list[str]
    seconds: float

    def to_json(self) -> dict[str, Any]:
        """As plain data."""
        return {
            "folder": str(self.folder),
            "file": str(self.file),
            "trajectory": None if self.trajectory is None else str(self.trajectory),
            "texts": self.texts,
            "seconds": round(self.seconds, 2),
        }


def write_texts(
    directory: RunDirectory,
    model: TextModel,
    request: TextRequest,
    out: Path | None,
    trajectory: bool = False,
) -> Iterator[TextState | MadeTexts | WrittenTexts]:
    """Carry out a request, writing each batch as it is finished."""
    began = time.monotonic()
    folder = TextFolder(out or new_folder(directory))
    folder.require_free()
    ways: list[list[dict[str, Any]]] = []
    for event in model.sample(request):
        if isinstance(event, Making):
            state = _seen(model, request, event)
            yield state
            if trajectory:
                _note(ways, event.state.t, state.texts)
            continue
        yield event
        folder.add(event.texts, event.recipes)
        if trajectory:
            folder.add_states(event.indices, ways)
            ways = []
    kept = folder.trajectory if trajectory else None
    yield WrittenTexts(folder.folder, folder.samples, kept, folder.texts, time.monotonic() - began)


def _seen(model: TextModel, request: TextRequest, event: Making) -> TextState:
    state = event.state
    first = request.first + event.done
    lengths = model.lengths(request, range(first, first + len(state.x_t)))
    texts = model.shown(state.x_t, lengths)
    return TextState(event.done, event.total, state.step, state.steps, texts)


def _note(ways: list[list[dict[str, Any]]], t: float, texts: Sequence[str]) -> None:
    if not ways:
        ways += [[] for _ in texts]
    for way, text in zip(ways, texts, strict=True):
        # A state in which nothing happened to this text tells nothing new.
        if not way or way[-1]["text"] != text:
            way.append({"t": round(t, 6), "text": text})
