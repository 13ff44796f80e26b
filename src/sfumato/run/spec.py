"""``spec.json``: what a run was asked, fully resolved, with a format version."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, ValidationError, model_validator

from sfumato import storage
from sfumato.errors import DamagedFile, RunError
from sfumato.recipes import AnyRecipe, Recipe, TextRecipe

FORMAT: Literal[1] = 1


class DataFacts(BaseModel):
    """What the data was when the run began.

    Attributes:
        source: Name in the catalogue, or the folder's path.
        catalogued: Whether ``source`` is a name in the catalogue.
        fingerprint: Of the files, see ``media.index``.
        count: Items that can be used, before some are held out: pictures, or documents.
        classes: Names of the classes in the order of their numbers; empty if unlabelled.
        frequencies: Share of each class in the training data.
        licence: Licence of the data, where known.
        attribution: Whom to name, where known.
        vocabulary: Text only: number of clean tokens.
        lengths: Text only: how many pieces of ``i`` tokens there are in the training data, up to
            the context.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    source: str
    catalogued: bool
    fingerprint: str
    count: int
    classes: tuple[str, ...] = ()
    frequencies: tuple[float, ...] = ()
    licence: str = ""
    attribution: str = ""
    vocabulary: int = 0
    lengths: tuple[int, ...] = ()

    @model_validator(mode="after")
    def _each_class_has_a_share(self) -> Self:
        if len(self.frequencies) != len(self.classes):
            raise ValueError("frequencies and classes differ in number")
        return self


class Spec(BaseModel):
    """A run as data."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: Literal[1] = FORMAT
    version: str
    recipe: AnyRecipe
    data: DataFacts

    @property
    def classes(self) -> int:
        """How many classes the model is conditioned on; 0 = unconditional."""
        return len(self.data.classes) if self.recipe.data.labels else 0

    @property
    def image(self) -> Recipe:
        """The recipe of a run on pictures.

        Raises:
            RunError: It is a run on another medium.
        """
        if not isinstance(self.recipe, Recipe):
            raise RunError(f"This is a run on {self.recipe.medium.kind}, and no run on pictures.")
        return self.recipe

    @property
    def text(self) -> TextRecipe:
        """The recipe of a run on text.

        Raises:
            RunError: It is a run on another medium.
        """
        if not isinstance(self.recipe, TextRecipe):
            raise RunError(
                "This is a run on pictures, and no run on text.",
                hint="train one with: sfumato train shakespeare",
            )
        return self.recipe


def write(path: Path, spec: Spec) -> None:
    """Write a spec atomically."""
    storage.write_json(path, spec.model_dump(mode="json"))


def read(path: Path) -> Spec:
    """Read a spec.

    Raises:
        RunError: It is missing or was written by a newer version.
        DamagedFile: It is not a spec.
    """
    tree: dict[str, Any] = storage.read_json(path)
    version = tree.get("format")
    if isinstance(version, int) and version > FORMAT:
        raise RunError(
            f"The run '{path.parent.name}' was made by a newer Sfumato ({tree.get('version')}).",
            why=f"its format is {version}; this version reads up to {FORMAT}",
            hint="pip install --upgrade sfumato",
        )
    try:
        return Spec.model_validate(tree)
    except ValidationError as error:
        problem = error.errors()[0]
        place = ".".join(str(part) for part in problem["loc"])
        raise DamagedFile(
            f"{path} is not a valid spec.",
            why=f"{place}: {problem['msg']} (it holds {json.dumps(problem['input'])[:80]})",
            hint="restore the file from a copy; the checkpoints beside it are untouched.",
        ) from error
