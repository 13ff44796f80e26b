"""``spec.json``: what a run was asked, fully resolved, with a format version."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal, Self, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError, model_validator

from sfumato import storage
from sfumato.errors import DamagedFile, NewerFormat, RunError
from sfumato.media.registry import AnyRecipe
from sfumato.media.audio.recipe import AudioRecipe
from sfumato.recipes import GaussianRecipe, RecipeBase
from sfumato.media.image.recipe import ImageRecipe
from sfumato.media.text.recipe import TextRecipe

FORMAT: Literal[1] = 1

RecipeT = TypeVar("RecipeT", bound=RecipeBase)


class DataFacts(BaseModel):
    """What the data was when the run began.

    Attributes:
        source: Name in the catalogue, or the folder's path.
        catalogued: Whether ``source`` is a name in the catalogue.
        fingerprint: Of the files, see ``media.data.index``; checkpoints carry it.
        content: Of the decoded items, see ``media.data.dataset``; empty in runs that are older, which
            go by the fingerprint.
        count: Items that can be used, before some are held out: pictures, sounds or documents.
        classes: Names of the classes in the order of their numbers; empty if unlabelled.
        frequencies: Share of each class in the training data.
        licence: Licence of the data, where known.
        attribution: Whom to name, where known.
        vocabulary: Text only: number of clean tokens.
        lengths: Text only: how many pieces of ``i`` tokens there are in the training data, up to
            the context.
        seconds: Sounds only: evenly spaced quantiles of how long the training sounds of each class
            are, or of all of them without classes; empty if all fill the window.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    source: str
    catalogued: bool
    fingerprint: str
    content: str = ""
    count: int
    classes: tuple[str, ...] = ()
    frequencies: tuple[float, ...] = ()
    licence: str = ""
    attribution: str = ""
    vocabulary: int = 0
    lengths: tuple[int, ...] = ()
    seconds: tuple[tuple[float, ...], ...] = ()

    @model_validator(mode="after")
    def _each_class_has_a_share(self) -> Self:
        if len(self.frequencies) != len(self.classes):
            raise ValueError("frequencies and classes differ in number")
        return self

    @model_validator(mode="after")
    def _lengths_are_quantiles(self) -> Self:
        # Of each class, or of all together where the labels are not used.
        if len(self.seconds) not in (0, 1, len(self.classes)):
            raise ValueError("seconds and classes differ in number")
        if len({len(row) for row in self.seconds}) > 1 or any(len(row) < 2 for row in self.seconds):
            raise ValueError("every row of seconds needs the same number of quantiles, two or more")
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
    def lengths(self) -> bool:
        """Whether the model is told how much of its extent an item fills."""
        return bool(self.data.seconds)

    @property
    def medium(self) -> str:
        """What the run is on, in the plural: ``pictures``, ``sounds`` or ``text``."""
        return _NOUNS[type(self.recipe)]

    @property
    def gaussian(self) -> GaussianRecipe:
        """The recipe of a run on pictures or sounds; RunError if it is on another medium."""
        return self._of(GaussianRecipe, "pictures or sounds", "openmoji")

    @property
    def image(self) -> ImageRecipe:
        """The recipe of a run on pictures; RunError if it is on another medium."""
        return self._of(ImageRecipe, "pictures", "openmoji")

    @property
    def audio(self) -> AudioRecipe:
        """The recipe of a run on sounds; RunError if it is on another medium."""
        return self._of(AudioRecipe, "sounds", "one-shots")

    @property
    def text(self) -> TextRecipe:
        """The recipe of a run on text; RunError if it is on another medium."""
        return self._of(TextRecipe, "text", "shakespeare")

    def _of(self, kind: type[RecipeT], wanted: str, example: str) -> RecipeT:
        if not isinstance(self.recipe, kind):
            raise RunError(
                f"This is a run on {self.medium}, and no run on {wanted}.",
                hint=f"train one with: sfumato train {example}",
            )
        return self.recipe


_NOUNS: Mapping[type[RecipeBase], str] = MappingProxyType(
    {ImageRecipe: "pictures", AudioRecipe: "sounds", TextRecipe: "text"}
)


def write(path: Path, spec: Spec) -> None:
    """Write a spec atomically."""
    storage.write_sealed_json(path, spec.model_dump(mode="json"))


def read(path: Path) -> Spec:
    """Read a spec.

    Raises:
        RunError: It is missing, or a newer version wrote it.
        DamagedFile: It is not a spec.
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
            hint="restore the file from a copy; the checkpoints beside it are untouched.",
        ) from error
