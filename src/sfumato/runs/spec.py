"""``spec.json``: the fully resolved settings of a run, with a format version."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from sfumato import storage
from sfumato.conditioning.condition import Condition
from sfumato.conditions import Null
from sfumato.errors import DamagedFile, NewerFormat, RunError
from sfumato.media.facts import DataFacts
from sfumato.media.medium import Medium
from sfumato.media.registry import AnyRecipe, medium_of
from sfumato.recipes import GaussianRecipe

FORMAT: Literal[1] = 1


class Initial(BaseModel):
    """The weights that a run began with, as its spec names them.

    Attributes:
        run: Name of the run that trained them.
        model: Fingerprint of the weights, as samples of that run store it.
        step: Number of optimiser steps behind them; None if their file does not state it.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    run: str
    model: str
    step: int | None


class Spec(BaseModel):
    """The settings of a run, the facts about its data, and the weights that it began with."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: Literal[1] = FORMAT
    version: str
    recipe: AnyRecipe
    data: DataFacts
    initial: Initial | None = None

    @property
    def classes(self) -> int:
        """The number of classes that the model is conditioned on; 0 if it is unconditional."""
        return len(self.data.classes) if self.recipe.data.labels else 0

    @property
    def conditions(self) -> Mapping[str, Condition]:
        """What the model has learnt besides content and class, by name; empty for texts."""
        recipe = self.recipe
        return recipe.conditions if isinstance(recipe, GaussianRecipe) else {}

    @property
    def nulls(self) -> dict[str, Null]:
        """The null value of every condition that a model can be guided by."""
        own: dict[str, Null] = {"label": self.classes} if self.classes else {}
        return own | dict.fromkeys(self.conditions, 0.0)

    @property
    def lengths(self) -> bool:
        """Whether the length of an item is a condition of the model."""
        return bool(self.data.seconds)

    @property
    def identity(self) -> dict[str, Any]:
        """What must be the same when the run is resumed, as its checkpoints store it."""
        engine = self.recipe.engine
        return {"batch": engine.batch, "data": self.data.fingerprint, "seed": self.recipe.seed}

    @property
    def medium(self) -> type[Medium]:
        """The medium of the run."""
        return medium_of(self.recipe)

    def require(self, medium: type[Medium]) -> None:
        """Check that the run is of a medium.

        Raises:
            RunError: The run is of another medium.
        """
        if self.medium is not medium:
            raise RunError(
                f"This is a run on {self.medium.plural}, and it has to be one on {medium.plural}.",
                hint=f"train one with: sfumato train {medium.example}",
            )


def write(path: Path, spec: Spec) -> None:
    """Write a spec atomically."""
    storage.write_sealed_json(path, spec.model_dump(mode="json"))


def read(path: Path) -> Spec:
    """Read a spec.

    Raises:
        RunError: The file is missing, or was written by a newer version.
        DamagedFile: The file is not a valid spec.
    """
    tree: dict[str, Any] = storage.read_sealed_json(path)
    version = tree.get("format")
    if isinstance(version, int) and version > FORMAT:
        raise NewerFormat(
            f"The run '{path.parent.name}' was made by a newer Sfumato ({tree.get('version')}).",
            version,
            FORMAT,
        )
    try:
        return Spec.model_validate(tree)
    except ValidationError as error:
        problem = error.errors()[0]
        place = ".".join(str(part) for part in problem["loc"])
        raise DamagedFile(
            f"{path} is not a valid spec.",
            why=f"{place}: {problem['msg']} (it holds {json.dumps(problem['input'])[:80]})",
            hint="if the kind is that of a class of yours, call sfumato.register with it first."
            if problem["type"] == "union_tag_invalid"
            else "restore the file from a copy; the checkpoints beside it are untouched.",
        ) from error
