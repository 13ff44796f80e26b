"""The image medium: files to uint8 arrays of one size to tensors in [-1, 1], and back.

An image file is decoded once to ``(C, H, W)`` uint8 and cached; ``encode`` maps a batch of these
arrays to floats in [-1, 1] for the process; ``decode`` maps floats to ``(B, H, W, C)`` uint8 for
display and files.
"""

from __future__ import annotations

import json
from collections.abc import Generator, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from sfumato.data.building import Progress, build, opened
from sfumato.data.dataset import Dataset
from sfumato.data.index import Index
from sfumato.data.items import Encoded
from sfumato.denoiser import NetworkDenoiser
from sfumato.errors import SettingError
from sfumato.likelihood import DiscreteReconstruction
from sfumato.media.display import image_html
from sfumato.media.editing import Edit, Task, Wanted
from sfumato.media.facts import DataFacts
from sfumato.media.folder import save_png
from sfumato.media.image import sheet as sheets
from sfumato.media.image.check import ImageReport, notices, read_as, report
from sfumato.media.image.editing import OPERATIONS, plan
from sfumato.media.image.folder import ImageFolder
from sfumato.media.image.grey import GreyReader, is_grey
from sfumato.media.image.masks import mask_of
from sfumato.media.image.open import IMAGES, UNREAD
from sfumato.media.image.provenance import read_recipe, write_png
from sfumato.media.image.read import MODES, open_with, pixels_of
from sfumato.media.image.recipes import RECIPES, ImageRecipe
from sfumato.media.image.settings import ImageSettings, require_size
from sfumato.media.image.signal import to_pixels, to_signal
from sfumato.media.image.spread import spread_map
from sfumato.media.image.survey import stored_survey, survey_events
from sfumato.media.image.tasks import task
from sfumato.media.medium import Data, Description, Reading, Source, finished
from sfumato.media.number_data import NumberData
from sfumato.media.numbers import NumberMedium
from sfumato.recipes import GaussianRecipe
from sfumato.restoration.mask import Mask

# Part of the key of every cached array: raise it when reading gives other pixels than before.
_PIXELS = 2
_SMALL = 128


class ImageMedium(NumberMedium):
    """Images of one size.

    Args:
        settings: The settings, with ``channels`` resolved.

    Raises:
        SettingError: ``channels`` is still ``auto``.
    """

    name = "image"
    singular, plural = "image", "images"
    kind = IMAGES
    suffixes = IMAGES.suffixes
    unread = UNREAD
    recipe = ImageRecipe
    recipes = RECIPES
    options: ClassVar[Mapping[str, frozenset[str]]] = {
        **NumberMedium.options,
        "check": frozenset({"size"}),
        "sample": NumberMedium.options["sample"] | {"region"},
        "edit": NumberMedium.options["edit"] | OPERATIONS,
    }
    example = "openmoji"
    words_recipe = "image-words"
    variations = 3
    reconstruction = DiscreteReconstruction()

    settings: ImageSettings

    def __init__(self, settings: ImageSettings) -> None:
        if settings.channels == "auto":
            raise SettingError(
                "The number of channels is not resolved.",
                why="channels is 'auto', which depends on the data",
                hint="use ImageMedium.resolved(settings, index), or set channels to grey, rgb or "
                "rgba.",
            )
        super().__init__(settings)

    @classmethod
    def resolved(cls, settings: ImageSettings, index: Index) -> ImageSettings:
        """Resolve ``channels="auto"`` from all images, see :meth:`resolving`."""
        found = finished(cls.resolving(settings, index), lambda event: None)
        return ImageSettings.model_validate(found)

    @classmethod
    def resolving(
        cls, settings: ImageSettings, index: Index
    ) -> Generator[Progress, None, ImageSettings]:
        """Resolve ``channels="auto"`` from the data; yields the progress of reading them.

        All images are read on the background, in colour, into the cache. If all of them are grey
        (channels within 4 levels of each other, which JPEG needs) the result is ``grey``, and the
        cache of grey images is made from that of colours; else it is ``rgb``. It is never
        ``rgba``, which has to be set explicitly.

        Raises:
            DataError: None of the images can be read.
        """
        if settings.channels != "auto":
            return settings
        coloured = settings.model_copy(update={"channels": "rgb"})
        for event in opened(index, cls(coloured)):
            if not isinstance(event, Dataset):
                yield event
            elif is_grey(event):
                grey = cls(settings.model_copy(update={"channels": "grey"}))
                yield from build(index, GreyReader(grey, event, index.root))
                return grey.settings
        return coloured

    @classmethod
    def open(
        cls, source: Source, recipe: GaussianRecipe, stored: Path | None = None
    ) -> Iterator[Reading | Data]:
        """See :meth:`Medium.open`.

        Raises:
            SettingError: The network cannot take images of the size.
        """
        require_size(cls.settings_of(recipe), recipe.backbone)
        for event in super().open(source, recipe, stored):
            if isinstance(event, NumberData):
                data, settings = event.dataset, cls.settings_of(recipe)
                for done in survey_events(source.path, data, settings):
                    yield Reading(step=0, done=done, total=len(data), rejected=0, unit="headers")
            yield event

    @classmethod
    def settings_of(cls, recipe: GaussianRecipe) -> ImageSettings:
        """The settings of images in a recipe."""
        return ImageSettings.model_validate(recipe.medium)

    @classmethod
    def denoiser(cls, recipe: GaussianRecipe, facts: DataFacts) -> NetworkDenoiser:
        """See :meth:`Medium.denoiser`."""
        require_size(cls.settings_of(recipe), recipe.backbone)
        return super().denoiser(recipe, facts)

    @property
    def dtype(self) -> np.dtype[Any]:
        """See :attr:`NumberMedium.dtype`."""
        return np.dtype(np.uint8)

    @property
    def shape(self) -> tuple[int, int, int]:
        """(C, H, W) of every image."""
        return len(MODES[self.settings.channels]), self.settings.height, self.settings.width

    @property
    def cache_key(self) -> str:
        """All settings that affect the pixels of a read image, as text."""
        settings = self.settings.model_dump(exclude={"flip", "shift"})
        return json.dumps({"image": _PIXELS, **settings}, sort_keys=True)

    def read(self, path: Path, part: int = 0) -> NDArray[np.uint8]:
        """Read an image file as uint8 of shape (C, H, W).

        Images are resized with an antialiased Lanczos filter on premultiplied colours, so that
        edges of transparent images get no dark fringe, or to the nearest pixel. With ``rgba``,
        invisible pixels get the colour of the background.

        Raises:
            DataError: The file cannot be read; ``why`` has the reason.
            MissingExtra: The file is an SVG, and the package that renders it is not installed.
        """
        return pixels_of(open_with(path, self.settings), self.settings)

    def region(self, path: Path) -> Mask:
        """See :meth:`Coding.region`; an image of another size is fitted to that of the model."""
        _, height, width = self.signal_shape
        return Mask.of(mask_of(path, (height, width), self.settings, resize=True).pixels)

    def encode(self, pixels: NDArray[np.uint8] | Tensor) -> Tensor:
        """Map uint8 in [0, 255] to float32 in [-1, 1], of the same shape."""
        return to_signal(pixels)

    def decode(self, x0: Tensor) -> NDArray[np.uint8]:
        """Map floats of shape (B, C, H, W), nominally in [-1, 1], to uint8 of shape (B, H, W, C).

        Values outside the range are clipped.

        Raises:
            Diverged: A value is not finite.
        """
        return to_pixels(x0)

    def examples(self, pixels: NDArray[np.uint8], uniforms: Tensor | None = None) -> Encoded:
        """Encode images, uint8 (B, C, H, W), and augment them if uniform numbers are passed."""
        x0 = self.encode(pixels)
        return Encoded(x0 if uniforms is None else self.augment(x0, uniforms))

    def augment(self, x0: Tensor, uniforms: NDArray[np.floating[Any]] | Tensor) -> Tensor:
        """Flip and shift images at random, as the settings allow.

        Args:
            x0: Shape (B, C, H, W).
            uniforms: In [0, 1), shape (B, 3): for the flip, the vertical and the horizontal shift.
                The result is a pure function of them.

        Returns:
            A batch of the same shape; pixels from outside the image repeat its edge.
        """
        flip, shift = self.settings.flip, self.settings.shift
        if not flip and not shift:
            return x0
        batch, _, height, width = x0.shape
        u = torch.as_tensor(uniforms, device=x0.device)
        move = (u[:, 1:] * (2 * shift + 1)).floor().long() - shift
        rows = torch.arange(height, device=x0.device) - move[:, :1]
        columns = torch.arange(width, device=x0.device) - move[:, 1:]
        rows, columns = rows.clamp(0, height - 1), columns.clamp(0, width - 1)
        if flip:
            columns = torch.where(u[:, :1] < 0.5, width - 1 - columns, columns)
        which = torch.arange(batch, device=x0.device)[:, None, None]
        moved = x0.movedim(1, -1)[which, rows[:, :, None], columns[:, None, :]]
        return moved.movedim(-1, 1).contiguous()

    def write(
        self, path: Path, pixels: NDArray[np.uint8], recipe: Mapping[str, Any] | None = None
    ) -> None:
        """Write one image, uint8 (H, W, C), as a PNG that contains its provenance.

        Raises:
            ValueError: The recipe is not JSON or is larger than 1 MiB.
            DiskFull: There is not enough room.
        """
        write_png(path, pixels, recipe)

    @classmethod
    def holds_provenance(cls, path: Path) -> bool:
        """See :meth:`Medium.holds_provenance`."""
        return path.suffix.lower() == ".png"

    @classmethod
    def read_provenance(cls, path: Path) -> dict[str, Any]:
        """See :meth:`Medium.read_provenance`."""
        return read_recipe(path)

    def folder(self, path: Path, format: str | None = None) -> ImageFolder:
        """See :meth:`Medium.folder`."""
        return ImageFolder(path, format or "")

    def write_preview(
        self, items: NDArray[Any], paths: Sequence[Path], captions: Sequence[str] = ()
    ) -> None:
        """Write a contact sheet as PNG to each path."""
        image = self.sheet(items, captions=captions)
        for path in paths:
            save_png(image, path.with_suffix(".png"))

    def plan(self, path: Path, wanted: Wanted) -> Edit:
        """See :meth:`NumberMedium.plan`."""
        return plan(path, wanted, self.settings)

    def task(self, path: Path, edit: Edit) -> Task:
        """See :meth:`NumberMedium.task`."""
        return task(path, edit, self.settings)

    def write_spread(self, items: NDArray[Any], path: Path) -> None:
        """See :meth:`NumberMedium.write_spread`."""
        save_png(spread_map(items), path)

    def reading(self, dataset: Dataset) -> Iterator[tuple[str, str]]:
        """See :meth:`NumberMedium.reading`."""
        yield "read as", read_as(self.settings)
        found = stored_survey(dataset, self.settings)
        if found is not None:
            yield from notices(found, self.settings)

    def report(self, files: Index, dataset: Dataset) -> ImageReport:
        """See :meth:`NumberMedium.report`."""
        return report(files.root, dataset, self.settings)

    @classmethod
    def describe(cls, recipe: Any, facts: DataFacts) -> Description:
        """See :meth:`Medium.describe`."""
        medium = recipe.medium
        return Description(
            subject=f"{medium.in_words} {medium.channels} images",
            rows={"prediction, schedule": f"{recipe.prediction.kind}, {recipe.schedule.kind}"},
            facts={"images": facts.count, "size": medium.size, "channels": medium.channels},
        )

    def contact_sheet(self, items: Sequence[Any], captions: Sequence[str] = ()) -> Image.Image:
        """See :meth:`Medium.contact_sheet`."""
        return self.sheet(np.stack(items), captions=captions)

    def html(self, items: Sequence[Any], captions: Sequence[str] = ()) -> str:
        """See :meth:`Medium.html`."""
        image = self.contact_sheet(items, captions)
        return image_html(image, pixelated=max(self.shape[1:]) <= _SMALL)

    def sheet(
        self,
        images: NDArray[np.uint8],
        columns: int | None = None,
        scale: int | None = None,
        captions: Sequence[str] = (),
    ) -> Image.Image:
        """Images, uint8 (B, H, W, C), on one contact sheet, with a caption below each."""
        return sheets.sheet(images, columns, scale, captions)
