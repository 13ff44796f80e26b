"""Pictures in memory-mapped form."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from sfumato import storage
from sfumato.media.data.dataset import Dataset
from sfumato.media.data.index import scan
from sfumato.media.image.medium import ImageMedium
from sfumato.media.image.recipe import ImageRecipe
from sfumato.media.numbers import GaussianData, facts_of, opened
from sfumato.training.source import Reading


@dataclass(frozen=True)
class ImageData(GaussianData[ImageMedium, ImageRecipe]):
    """A set of pictures as a run uses it."""

    def settled(self) -> ImageRecipe:
        """See :meth:`GaussianData.settled`."""
        return self.recipe.settled(self.medium.settings, self.sigma())

    def preview(self, x0: Tensor, paths: Sequence[Path]) -> None:
        """Write a sheet, a PNG, to each path."""
        picture = self.medium.sheet(self.medium.decode(x0))
        for path in paths:
            with storage.replacing(path.with_suffix(".png")) as draft:
                picture.save(draft, format="PNG")


def read(folder: Path, entry: str | None, recipe: ImageRecipe) -> Iterator[Reading | ImageData]:
    """Read a folder of pictures; yields progress, and at the end the data.

    Args:
        folder: Where they are.
        entry: Their name in the catalogue, if they come from there.
        recipe: Of the run.

    Raises:
        DataError: There is nothing that can be used.
    """
    index = scan(folder, ImageMedium.kind)
    medium = ImageMedium(recipe.medium.resolve(index))
    for event in opened(index, medium):
        if isinstance(event, Dataset):
            training, held_out = event.split(recipe.data.held_out)
            facts = facts_of(folder, entry, event, training)
            yield ImageData(recipe, event, medium, training, held_out, facts)
        else:
            yield event
