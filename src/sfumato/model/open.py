"""Opening the trained model of a run of any medium."""

from __future__ import annotations

from pathlib import Path

from sfumato.media.numbers import NumberMedium
from sfumato.model.edits import EditingModel
from sfumato.model.provenance import Made, Request
from sfumato.model.samples import Samples
from sfumato.model.tokens import TokenModel
from sfumato.runs import spec as specs
from sfumato.runs.directory import RunDirectory, locate
from sfumato.runs.weights import LATEST

AnyModel = EditingModel | TokenModel


def open_model(run: str | Path | RunDirectory, snapshot: str = LATEST) -> AnyModel:
    """The trained model of a run.

    Args:
        run: The run's directory, its path, or its name under ``runs/``.
        snapshot: The weights to load, ``latest`` or ``best``.

    Raises:
        RunError: There is no such run, or it has no weights yet.
        DamagedFile: Its spec or its weights cannot be read.
    """
    directory = run if isinstance(run, RunDirectory) else locate(run)
    spec = specs.read(directory.spec)
    kind = EditingModel if issubclass(spec.medium, NumberMedium) else TokenModel
    return kind(directory, spec, snapshot)


def make(model: AnyModel, request: Request) -> Samples:
    """Make the samples of a request, in memory."""
    batches = [event for event in model.sample(request) if isinstance(event, Made)]
    return Samples.of(batches, model.medium)
