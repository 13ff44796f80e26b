"""Maps with three channels of floats, such as height, moisture and warmth, from ``.npy`` files.

This is a whole medium of numbers as a user of the library would write it. Nothing of the package
knows of it, apart from the one call that registers it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor

from sfumato import storage
from sfumato.data.index import FileKind
from sfumato.data.items import Encoded
from sfumato.engine.settings import EngineSettings
from sfumato.errors import DataError
from sfumato.media.display import image_html
from sfumato.media.folder import SampleFolder, save_png
from sfumato.media.numbers import NumberMedium
from sfumato.nets.specs import UNetSpec
from sfumato.recipes import GaussianRecipe
from sfumato.recipes.recipe import BudgetSettings

CHANNELS = 3
_METRES = 1000.0


class HeightSettings(BaseModel):
    """How maps are read: they have to be square already."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["heights"] = "heights"
    size: int = Field(16, ge=8, le=512, description="side of a map, in cells")
    mirror: bool = Field(False, description="augmentation: mirror half of the maps")


class HeightRecipe(GaussianRecipe):
    """The plan of a run on maps."""

    medium: HeightSettings = HeightSettings()


def heights() -> HeightRecipe:
    """A small U-Net for small maps."""
    return HeightRecipe(
        name="heights",
        backbone=UNetSpec(
            widths=(16, 32), blocks=(1, 1), attention=(False, True), head_dim=16, embedding=32
        ),
        engine=EngineSettings(batch=4, threads=1, preview_minutes=None),
        budget=BudgetSettings(steps=8),
    )


class HeightFolder(SampleFolder):
    """Writes each map as ``00000.npy`` and its provenance as ``00000.json``."""

    formats = ("npy",)

    @property
    def sheet(self) -> None:
        """There is no contact sheet."""

    def occupied(self, name: str, indices: Sequence[int]) -> bool:
        """See :meth:`SampleFolder.occupied`."""
        stem, _, suffix = name.rpartition(".")
        return suffix in ("npy", "json") and stem.isdigit() and int(stem) in indices

    def add(
        self, indices: Sequence[int], items: Any, provenance: Sequence[Mapping[str, Any]]
    ) -> None:
        """See :meth:`SampleFolder.add`; items are float32 (B, 3, S, S), in metres."""
        for index, item, origin in zip(indices, items, provenance, strict=True):
            path = self.path / f"{index:05d}.npy"
            with storage.replacing(path) as draft, draft.open("wb") as file:
                np.save(file, item, allow_pickle=False)
            storage.write_sealed_json(path.with_suffix(".json"), dict(origin))
            self.files.append(path)

    def add_trajectory(self, index: int, frames: NDArray[np.float32]) -> None:
        """Write some states of one map, float32 (F, 3, S, S)."""
        path = self.path / f"{index:05d}-from-noise.png"
        save_png(_drawn(frames), path)
        self.trajectories.append(path)


class HeightMedium(NumberMedium):
    """Maps of three channels, in metres; a process sees kilometres."""

    name = "heights"
    singular, plural = "map", "maps"
    suffixes = frozenset({".npy"})
    kind = FileKind("maps", suffixes)
    recipe = HeightRecipe
    recipes: ClassVar[Mapping[str, Any]] = {"heights": heights}
    variations = 1
    settings: HeightSettings

    @property
    def shape(self) -> tuple[int, int, int]:
        """(3, S, S)."""
        return CHANNELS, self.settings.size, self.settings.size

    @property
    def dtype(self) -> np.dtype[Any]:
        """Metres as float32."""
        return np.dtype(np.float32)

    @property
    def cache_key(self) -> str:
        """See :attr:`NumberMedium.cache_key`."""
        return json.dumps({"heights": 1, "size": self.settings.size})

    def read(self, path: Path, part: int = 0) -> NDArray[np.float32]:
        """See :meth:`NumberMedium.read`."""
        try:
            found = np.load(path, allow_pickle=False)
        except (OSError, ValueError) as error:
            raise DataError(
                f"'{path}' cannot be read as a map.", why="it is no array of numbers"
            ) from error
        if found.shape != self.shape or not np.isfinite(found).all():
            why = f"it has the shape {found.shape}, and maps have {self.shape}"
            raise DataError(f"'{path}' is not a map.", why=why)
        return found.astype(np.float32)

    def examples(self, items: NDArray[Any], uniforms: Tensor | None = None) -> Encoded:
        """See :meth:`NumberMedium.examples`."""
        x0 = torch.as_tensor(items) / _METRES
        if uniforms is not None and self.settings.mirror:
            x0 = torch.where(uniforms[:, 0, None, None, None] < 0.5, x0.flip(-1), x0)
        return Encoded(x0)

    def decode(self, x0: Tensor) -> NDArray[np.float32]:
        """See :meth:`NumberMedium.decode`."""
        metres: NDArray[np.float32] = (x0.detach().cpu().float() * _METRES).numpy()
        return metres

    def write_preview(
        self, items: NDArray[Any], paths: Sequence[Path], captions: Sequence[str] = ()
    ) -> None:
        """See :meth:`NumberMedium.write_preview`."""
        for path in paths:
            save_png(_drawn(items), path.with_suffix(".png"))

    @classmethod
    def read_provenance(cls, path: Path) -> dict[str, Any]:
        """See :meth:`Medium.read_provenance`."""
        found: dict[str, Any] = storage.read_sealed_json(path.with_suffix(".json"))
        return found

    def folder(self, path: Path, format: str | None = None) -> HeightFolder:
        """See :meth:`Medium.folder`."""
        return HeightFolder(path, format or "")

    def contact_sheet(self, items: Sequence[Any], captions: Sequence[str] = ()) -> Image.Image:
        """See :meth:`Medium.contact_sheet`."""
        return _drawn(np.stack(items))

    def html(self, items: Sequence[Any], captions: Sequence[str] = ()) -> str:
        """See :meth:`Medium.html`."""
        return image_html(self.contact_sheet(items), pixelated=True)


def _drawn(maps: NDArray[np.float32]) -> Image.Image:
    """Maps (B, 3, S, S) beside each other, each channel as a colour."""
    levels = np.clip(maps / _METRES * 127.5 + 127.5, 0, 255).astype(np.uint8)
    return Image.fromarray(np.ascontiguousarray(np.concatenate([*levels.transpose(0, 2, 3, 1)], 1)))
