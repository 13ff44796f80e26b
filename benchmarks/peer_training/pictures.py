"""The same pictures for all: ours from the cache, the peers' as PNG files of the same pixels."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from sfumato.media.number_data import NumberData
from sfumato.media.registry import AnyRecipe
from sfumato.training.data import prepare


def data_of(source: str, recipe: AnyRecipe) -> NumberData:
    """The pictures of a source as a run on them would read and split them."""
    for event in prepare(source, recipe):
        if isinstance(event, NumberData):
            return event
    raise TypeError(f"{source} holds no pictures")


def exported(data: NumberData, folder: Path) -> Path:
    """The training pictures as PNG files in a folder, written unless they are there already."""
    done = folder / "whole"
    if done.exists() and done.read_text() == _state(data):
        return folder
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob("*.png"):
        old.unlink()
    items, _ = data.dataset.gather(data.training)
    for number, item in enumerate(items):
        # Grey pictures have no third axis in Pillow.
        pixels = (
            np.squeeze(item.transpose(1, 2, 0), axis=2)
            if len(item) == 1
            else item.transpose(1, 2, 0)
        )
        Image.fromarray(np.ascontiguousarray(pixels)).save(folder / f"{number:06d}.png")
    done.write_text(_state(data))
    return folder


def _state(data: NumberData) -> str:
    return f"{data.facts.fingerprint} {data.medium.cache_key} {len(data.training)}"


class Folder(Dataset[Tensor]):
    """PNG files as an ordinary program reads them: float32 in [-1, 1], shape (C, H, W).

    Args:
        folder: Holds the files.
        channels: 1 or 3.
    """

    def __init__(self, folder: Path, channels: int) -> None:
        self._paths = sorted(folder.glob("*.png"))
        self._mode = {1: "L", 3: "RGB"}[channels]

    def __len__(self) -> int:
        return len(self._paths)

    def __getitem__(self, index: int) -> Tensor:
        with Image.open(self._paths[index]) as file:
            pixels = np.array(file.convert(self._mode), dtype=np.float32)
        return torch.from_numpy(np.atleast_3d(pixels).transpose(2, 0, 1) / 127.5 - 1.0)


def loader(folder: Path, channels: int, batch: int) -> DataLoader[Any]:
    """Shuffled batches read in the main process, as diffusers' example does unless told."""
    return DataLoader(Folder(folder, channels), batch_size=batch, shuffle=True, drop_last=True)
