"""``sfumato sample``: from options to files of samples, for any medium."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sfumato.errors import SettingError
from sfumato.media.folder import SampleFolder
from sfumato.model.open import AnyModel, open_model
from sfumato.model.options import SampleOptions
from sfumato.model.provenance import Made, Making, Request, run_named_in
from sfumato.runs.directory import new_folder
from sfumato.runs.weights import LATEST


@dataclass(frozen=True)
class Written:
    """Samples in files.

    Attributes:
        out: The folder, and the files in it.
        noun: What the samples are called.
        seconds: How long it took.
    """

    out: SampleFolder
    noun: str
    seconds: float

    def to_json(self) -> dict[str, Any]:
        """What was written, as plain data."""
        return {**self.out.to_json(), "seconds": round(self.seconds, 2)}

    def lines(self) -> list[str]:
        """What was written, in lines for a reader."""
        return self.out.lines(self.noun, self.seconds)


def sample_files(
    run: str | Path | None,
    options: SampleOptions,
    *,
    out: Path | None = None,
    trajectory: bool = False,
    like: Path | None = None,
    format: str | None = None,
    snapshot: str = LATEST,
) -> Iterator[Making | Made | Written]:
    """Sample a run into files.

    Args:
        run: Name or path of the run; may be None with ``like``, whose file names it.
        options: How to sample; not used with ``like``.
        out: Folder for the files; a new one in the run's ``samples`` if None.
        trajectory: Also write how each sample emerged from noise.
        like: A sample to make again: an image, an audio file, or a line of a ``samples.jsonl`` as
            ``FILE:N``.
        format: Kind of the files; if None that of ``like``, or the medium's default.
        snapshot: Which weights, ``latest`` or ``best``.

    Yields:
        Every state of every batch, every finished batch, and at last what was written.

    Raises:
        SettingError: Neither a run nor a file was named, an option does not fit, or a file would be
            overwritten.
        SfumatoError: See :meth:`~sfumato.model.model.Model.request`.
    """
    if run is None:
        if like is None:
            hint = "sfumato sample RUN   (see the folder runs/)"
            raise SettingError("No run was named.", hint=hint)
        run = run_named_in(like)
    model = open_model(run, snapshot)
    request = model.request(options) if like is None else model.like(like)
    medium = model.medium
    if format is None and like is not None and like.suffix[1:].lower() in _formats(model):
        format = like.suffix[1:].lower()
    medium.folder(Path(), format)  # Refuses a format that is none, before a folder is made.
    folder = medium.folder(out or new_folder(model.directory), format)
    yield from write_samples(folder, model, request, trajectory)


def write_samples(
    folder: SampleFolder, model: AnyModel, request: Request, trajectory: bool = False
) -> Iterator[Making | Made | Written]:
    """Carry out a request, writing each batch as soon as it is finished."""
    began = time.monotonic()
    folder.require_free(request.indices)
    states = model.trajectory()
    for event in model.sample(request):
        yield event
        if isinstance(event, Making):
            if trajectory:
                states.add(event)
            continue
        provenance = [origin.stored() for origin in event.provenance]
        folder.add(event.indices, event.items, provenance)
        if trajectory:
            for index, frames in zip(event.indices, states.frames(), strict=True):
                folder.add_trajectory(index, frames)
            states = model.trajectory()
    folder.finish()
    noun = model.medium.singular if request.n == 1 else model.medium.plural
    yield Written(folder, noun, time.monotonic() - began)


def _formats(model: AnyModel) -> tuple[str, ...]:
    return model.medium.folder(Path()).formats
