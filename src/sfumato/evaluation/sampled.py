"""The samples that are measured."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from sfumato.model.numbers import GaussianModel
from sfumato.model.request import Made, Request
from sfumato.runs.measuring import Measuring

# Larger batches than for a user's own samples: nobody waits for the first one.
AT_ONCE = 64


@dataclass(frozen=True)
class Sampled:
    """Samples of a run on pictures or sounds.

    Attributes:
        items: As the medium decodes them, shape (n, ...).
        labels: The classes asked for, int64, shape (n,); None without classes.
        recipes: One for each.
    """

    items: NDArray[Any]
    labels: Tensor | None
    recipes: tuple[dict[str, Any], ...]


def sampled(
    model: GaussianModel[Any], request: Request, what: str = "sampling"
) -> Generator[Measuring, None, Sampled]:
    """Make the samples of a request; yields progress."""
    batches: list[Made] = []
    for event in model.sample(request):
        if isinstance(event, Made):
            batches.append(event)
        else:
            made = f"{what}: {event.done:,} of {event.total:,} done, step"
            yield Measuring(made, event.state.step, event.state.steps)
    recipes = tuple(recipe for batch in batches for recipe in batch.recipes)
    classes = model.spec.data.classes
    labels = None
    if model.spec.classes:
        labels = torch.tensor([classes.index(str(recipe["label"])) for recipe in recipes])
    return Sampled(np.concatenate([batch.items for batch in batches]), labels, recipes)


def sampling_of(request: Request) -> dict[str, Any]:
    """How samples were made, for the report."""
    return {
        "n": request.n,
        "sampler": request.sampler.model_dump(mode="json"),
        "steps": request.steps,
        "label": request.label,
        "scale": request.scale,
    }
