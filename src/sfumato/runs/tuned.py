"""The tuned samplers of a run: one file for each number of evaluations and scale of guidance."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeVar

from pydantic import BaseModel, ConfigDict, SerializeAsAny, ValidationError

from sfumato import storage
from sfumato.errors import DamagedFile
from sfumato.runs.directory import RunDirectory
from sfumato.runs.progress import Progress
from sfumato.sampling import AnySampler, Sampler
from sfumato.sampling.tokens import AnyTokenSampler


class Tuning(BaseModel):
    """A fitted sampler, what it was fitted to, and how good it is.

    Attributes:
        model: Fingerprint of the weights.
        steps: Number of network evaluations.
        scale: Strength of guidance; 1 turns it off.
        sampler: The fitted sampler.
        measure: Name of the measure, on held-out noise or texts; smaller is better.
        error: The measure of the fitted sampler.
        untuned: The best sampler without fitting.
        untuned_error: Its measure.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    format: Literal[1] = 1
    model: str
    steps: int
    scale: float
    measure: str
    error: float
    untuned: str
    untuned_error: float
    sampler: SerializeAsAny[Sampler]


class NumberTuning(Tuning):
    """A sampler fitted to a model of numbers."""

    sampler: AnySampler


class TokenTuning(Tuning):
    """A sampler fitted to a model of tokens."""

    sampler: AnyTokenSampler


TuningT = TypeVar("TuningT", bound=Tuning)


@dataclass(frozen=True)
class Tuned:
    """The result of a fit.

    Attributes:
        tuning: The fitted sampler and its measure.
        path: Its file; None if it is not better than the best sampler without fitting.
    """

    tuning: Tuning
    path: Path | None


Events = Iterator[Progress | Tuned]


def store_if_better(directory: RunDirectory, tuning: Tuning) -> Tuned:
    """Store a fitted sampler if it is better than the best one without fitting."""
    if tuning.error >= tuning.untuned_error:
        return Tuned(tuning, None)
    path = _path(directory, tuning.steps, tuning.scale)
    path.parent.mkdir(exist_ok=True)
    storage.write_sealed_json(path, tuning.model_dump(mode="json"))
    return Tuned(tuning, path)


def tuned_for(
    directory: RunDirectory, kind: type[TuningT], model: str, steps: int, scale: float
) -> TuningT | None:
    """The sampler fitted to these weights, evaluations and scale; None if there is none.

    Args:
        directory: The run's directory.
        kind: The class of the tuning, which depends on the run's process.
        model: Fingerprint of the weights.
        steps: Number of network evaluations.
        scale: Strength of guidance.

    Raises:
        DamagedFile: The file cannot be read.
    """
    path = _path(directory, steps, scale)
    if not path.is_file():
        return None
    try:
        tuning = kind.model_validate(storage.read_sealed_json(path))
    except ValidationError as error:
        raise DamagedFile(
            f"{path} is not a tuned sampler.",
            why=error.errors()[0]["msg"],
            hint=f"delete it, or tune again: sfumato tune {directory.name} --steps {steps}",
        ) from error
    # After further training the run has other weights, to which nothing was fitted.
    return tuning if tuning.model == model else None


def _path(directory: RunDirectory, steps: int, scale: float) -> Path:
    return directory.tuned / f"steps-{steps}-scale-{scale:g}.json"
