"""Tuned samplers as a run keeps them: one file for each number of evaluations and each guidance."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from sfumato import storage
from sfumato.errors import DamagedFile
from sfumato.runs.directory import RunDirectory
from sfumato.runs.measuring import Measuring
from sfumato.sampling import AnySampler
from sfumato.sampling.tokens import AnyTokenSampler


class Kept(BaseModel):
    """What a sampler was fitted to, and how good it is.

    Attributes:
        model: Fingerprint of the weights.
        steps: Evaluations.
        scale: Guidance, 1 = off.
        measure: What was compared on held-out noise or texts; less is better.
        error: Of the fitted sampler.
        untuned: The best sampler without fitting.
        untuned_error: Its error.
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


class KeptForSignals(Kept):
    """The same with the sampler, of pictures or sounds."""

    sampler: AnySampler


class KeptForText(Kept):
    """The same with the sampler, of tokens."""

    sampler: AnyTokenSampler


KeptT = TypeVar("KeptT", bound=Kept)


@dataclass(frozen=True)
class Fitted:
    """The end of a fit.

    Attributes:
        kept: What was found.
        path: Where it lies; None if it was not better than the best untuned sampler.
    """

    kept: Kept
    path: Path | None


Events = Iterator[Measuring | Fitted]


def keep_if_better(directory: RunDirectory, kept: Kept) -> Fitted:
    """Store a fitted sampler, unless one without fitting is as good."""
    if kept.error >= kept.untuned_error:
        return Fitted(kept, None)
    path = _path(directory, kept.steps, kept.scale)
    path.parent.mkdir(exist_ok=True)
    storage.write_sealed_json(path, kept.model_dump(mode="json"))
    return Fitted(kept, path)


def kept_for(
    directory: RunDirectory, kind: type[KeptT], model: str, steps: int, scale: float
) -> KeptT | None:
    """The sampler that was fitted to these weights, evaluations and guidance; None without one.

    Args:
        directory: Of the run.
        kind: Of samplers, by the run's medium.
        model: Fingerprint of the weights.
        steps: Evaluations.
        scale: Guidance.

    Raises:
        DamagedFile: Its file is not what was written.
    """
    path = _path(directory, steps, scale)
    if not path.is_file():
        return None
    try:
        kept = kind.model_validate(storage.read_sealed_json(path))
    except ValidationError as error:
        raise DamagedFile(
            f"{path} is not a tuned sampler.",
            why=error.errors()[0]["msg"],
            hint=f"delete it, or tune again: sfumato tune {directory.name} --steps {steps}",
        ) from error
    # Trained on since, the run has other weights, to which nothing was fitted.
    return kept if kept.model == model else None


def _path(directory: RunDirectory, steps: int, scale: float) -> Path:
    return directory.tuned / f"steps-{steps}-scale-{scale:g}.json"
