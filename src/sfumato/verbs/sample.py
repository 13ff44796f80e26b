"""``sfumato sample``: make samples of any medium and write them to files."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TypeVar

from sfumato.engine.claim import claimed
from sfumato.engine.signals import until_stopped
from sfumato.errors import Interrupted, SettingError
from sfumato.escaping import escape_line
from sfumato.media.folder import SampleFolder, require_writable
from sfumato.model.again import already_made
from sfumato.model.conditioned import notes_of
from sfumato.model.maker import maker_of
from sfumato.model.open import AnyModel, open_model
from sfumato.model.options import SampleOptions
from sfumato.model.provenance import Made, Making, Request
from sfumato.runs.directory import new_folder
from sfumato.runs.weights import LATEST
from sfumato.storage import sweep

EventT = TypeVar("EventT")


@dataclass(frozen=True)
class Begun:
    """A folder that samples are going to be written to.

    Attributes:
        out: The folder.
        noun: Noun of the samples for messages.
        indices: The indices of the samples.
    """

    out: SampleFolder
    noun: str
    indices: range


@dataclass(frozen=True)
class Written:
    """The files of a request for samples.

    Attributes:
        out: The folder with its files.
        noun: Noun of the samples for messages.
        seconds: Duration in seconds.
        notes: What a user should know of the request or of the file, in sentences.
    """

    out: SampleFolder
    noun: str
    seconds: float
    notes: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """The files as plain data."""
        seconds = round(self.seconds, 2)
        return {**self.out.to_json(), "seconds": seconds, "notes": list(self.notes)}

    def lines(self) -> list[str]:
        """The files in lines to print."""
        notes = [escape_line(f"note: {note}") for note in self.notes]
        return [*self.out.lines(self.noun, self.seconds), *notes]


def sample_files(
    run: str | Path | None,
    options: SampleOptions,
    *,
    out: Path | None = None,
    trajectory: bool = False,
    like: Path | None = None,
    format: str | None = None,
    snapshot: str = LATEST,
) -> Iterator[Begun | Making | Made | Written]:
    """Sample a run into files.

    Args:
        run: Name or path of the run; None takes the run that made ``like``.
        options: How to sample; the defaults with ``like``, which states everything.
        out: Folder for the files; by default a new one in the run's ``samples``.
        trajectory: Also write how each sample emerges from noise.
        like: A sample to make again: an image, an audio file, or a line of a ``samples.jsonl`` as
            ``FILE:N``.
        format: Format of the files; by default that of ``like``, or the medium's default.
        snapshot: Weights to use, ``latest`` or ``best``.

    Yields:
        Begun, every state of every batch and every finished batch, and finally the files.

    Raises:
        SettingError: Neither a run nor ``like`` is set, an option is invalid or set beside
            ``like``, or a file would be overwritten.
        SfumatoError: See :meth:`~sfumato.model.model.Model.request`.
    """
    if like is not None:
        _require_defaults(options)
    if run is None:
        if like is None:
            hint = "sfumato sample RUN   (see the folder runs/)"
            raise SettingError("No run was named.", hint=hint)
        run, snapshot = maker_of(like, snapshot)
    model = open_model(run, snapshot)
    request = model.request(options) if like is None else model.like(like)
    if format is None and like is not None and like.suffix[1:].lower() in _formats(model):
        format = like.suffix[1:].lower()
    folder = model.medium.folder(out or Path(), format)
    if out is None:
        folder.path = new_folder(model.directory)  # Only now that the format is known to be valid.
    yield from write_samples(folder, model, request, trajectory)


def _require_defaults(options: SampleOptions) -> None:
    """Refuse options beside ``like``, which would have no effect."""
    default = SampleOptions().given()
    names = [name for name, value in options.given().items() if value != default.get(name)]
    if names:
        raise SettingError(
            f"--like and {', '.join(names)} exclude each other.",
            why="--like makes one sample again, with the settings that are stored in it",
            hint="leave out --like, or the other options.",
        )


def write_samples(
    folder: SampleFolder, model: AnyModel, request: Request, trajectory: bool = False
) -> Iterator[Begun | Making | Made | Written]:
    """Make the samples of a request, and write each batch as soon as it is finished.

    Yields:
        Begun, every state of every batch and every finished batch, and finally the files.

    Samples of the same request that are in the folder already are not made again. Every finished
    sample is in its file when the iterator ends, also by an error or because it is closed.

    Raises:
        SettingError: The folder has samples that were made in another way, or other files that
            would be overwritten.
        RunLocked: Another process writes samples into the folder.
    """
    began = time.monotonic()
    noun = model.medium.singular if request.n == 1 else model.medium.plural
    require_writable(folder.path)
    with claimed(folder.path, "samples"):
        sweep(folder.path)
        there = already_made(folder, model, request)
        if not there:
            folder.require_free(request.indices)
        yield Begun(folder, noun, request.indices)
        finished = there & folder.with_trajectory() if trajectory else there
        try:
            for indices in _missing(request.indices, finished):
                yield from _write_stretch(folder, model, request.part(indices), there, trajectory)
        finally:
            folder.save()
            folder.save_notes()
        folder.finish()
    notes = notes_of(model.spec, request.sample)
    yield Written(folder, noun, time.monotonic() - began, notes)


def until_interrupted(events: Iterator[EventT]) -> Iterator[EventT]:
    """Yield the events of sampling until Ctrl-C, SIGTERM or SIGHUP.

    Raises:
        Interrupted: A signal arrived. The message says what is kept and how to make the rest.
    """
    begun: Begun | None = None
    try:
        for event in until_stopped(events):
            begun = event if isinstance(event, Begun) else begun
            yield event
    except Interrupted as error:
        if begun is None:
            raise
        count = sum(present.index in begun.indices for present in begun.out.present())
        total = len(begun.indices)
        raise Interrupted(
            f"Sampling was stopped; {count} of {total} {begun.noun} are in {begun.out.path}.",
            error.signum,
            hint=f"the same command with --out {begun.out.path} makes what is missing.",
        ) from error


def _write_stretch(
    folder: SampleFolder, model: AnyModel, request: Request, there: set[int], trajectory: bool
) -> Iterator[Making | Made]:
    """Make samples of consecutive indices and write those that are not there yet."""
    states = model.trajectory(request.sample)
    for event in model.sample(request):
        if isinstance(event, Making):
            yield event
            if trajectory:
                states.add(event)
            continue
        for index, fit in zip(event.indices, event.fits, strict=False):
            folder.notes[index] = asdict(fit)
        rows = [row for row, index in enumerate(event.indices) if index not in there]
        if rows:
            folder.add(
                [event.indices[row] for row in rows],
                [event.items[row] for row in rows],
                [event.provenance[row].stored() for row in rows],
            )
        if trajectory:
            for index, frames in zip(event.indices, states.frames(), strict=True):
                folder.add_trajectory(index, frames)
            states = model.trajectory(request.sample)
        yield event  # Only now, as a stop comes between two events.


def _missing(wanted: range, there: set[int]) -> Iterator[range]:
    """The wanted indices that are not there, as ranges of consecutive ones."""
    begin = wanted.start
    for index in sorted(there):
        if index in wanted:
            if begin < index:
                yield range(begin, index)
            begin = index + 1
    if begin < wanted.stop:
        yield range(begin, wanted.stop)


def _formats(model: AnyModel) -> tuple[str, ...]:
    return model.medium.folder(Path()).formats
