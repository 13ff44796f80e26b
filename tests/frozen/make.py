"""Makes the runs that later versions must be able to read.

    python tests/frozen/make.py

Writes one tiny run of each medium into a folder named by the format of runs, with the samples that
it gives. Never write over a folder that is committed: what it is for is to stay as it is.
"""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

import sfumato
from sfumato import storage
from sfumato.run import open_run
from sfumato.runs.directory import RunDirectory
from sfumato.runs.spec import FORMAT
from sfumato.training.train import planned, train

HERE = Path(__file__).parent
_ENGINE = (
    "engine.batch=4",
    "engine.threads=1",
    "engine.precision=fp32",
    "engine.preview_minutes=null",
    "engine.keep=1",
    "data.held_out=0.2",
)
_PICTURES = (
    "medium.size=16",
    "backbone.widths=[16]",
    "backbone.blocks=[1]",
    "backbone.attention=[true]",
    "backbone.head_dim=16",
    "backbone.embedding=16",
    "backbone.patch=4",
)
_SOUNDS = (
    "medium.rate=4000",
    "medium.seconds=0.25",
    "medium.shift=0.02",
    "medium.representation.patch=16",
    "backbone.patch=16",
    "backbone.dim=16",
    "backbone.depth=1",
    "backbone.heads=2",
)
_TEXTS = ("medium.context=32", "backbone.dim=16", "backbone.depth=1", "backbone.heads=2")


def main() -> None:
    """Make them."""
    place = HERE / f"format-{FORMAT}"
    if place.exists():
        sys.exit(f"{place} is there already, and stays as it is.")
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        _make(place / "pictures", _pictures(root / "p"), "image", (*_ENGINE, *_PICTURES))
        _make(place / "sounds", _sounds(root / "s"), "audio-waveform", (*_ENGINE, *_SOUNDS))
        _make(place / "texts", _texts(root / "t"), "text", (*_ENGINE, *_TEXTS))


def _make(place: Path, data: Path, recipe: str, changes: Sequence[str]) -> None:
    place.mkdir(parents=True)
    shutil.copytree(data, place / "data")
    for _ in train(place / "data", planned(recipe, steps=6, changes=changes), "run", place):
        pass
    run = RunDirectory(place / "run")
    for name in ("log.jsonl", "lock", "README.md"):
        (run.root / name).unlink()
    for folder in (run.early, run.previews):
        shutil.rmtree(folder, ignore_errors=True)
    # The path of this machine is of no use to others.
    spec = storage.read_sealed_json(run.spec)
    spec["data"]["source"] = "data"
    storage.write_sealed_json(run.spec, spec)
    expected = {"version": sfumato.__version__, "samples": samples_of(run)}
    (place / "expected.json").write_text(json.dumps(expected))


def samples_of(run: RunDirectory) -> list[Any]:
    """A few numbers of two samples of a run, or two texts."""
    made = open_run(run.root).sample(2, steps=4, precision="fp32")
    thin = {"image": 16, "audio": 50}.get(made.medium.name)
    return [one if thin is None else one.ravel()[::thin].tolist() for one in made]


def _pictures(folder: Path) -> Path:
    for kind, label in enumerate(("cat", "dog")):
        (folder / label).mkdir(parents=True)
        for number in range(4):
            pixels = np.random.default_rng([kind, number]).integers(0, 256, (16, 16, 3))
            pixels[..., kind] //= 4
            Image.fromarray(pixels.astype(np.uint8)).save(folder / label / f"{number}.png")
    return folder


def _sounds(folder: Path) -> Path:
    import soundfile

    for label, pitch in (("high", 800), ("low", 200)):
        (folder / label).mkdir(parents=True)
        for number in range(3):
            seconds = np.arange(800) / 4000
            tone = np.sin(2 * np.pi * pitch * (1 + number / 20) * seconds) * np.exp(-6 * seconds)
            soundfile.write(folder / label / f"{number}.wav", tone, 4000)
    return folder


def _texts(folder: Path) -> Path:
    folder.mkdir()
    words = ("the", "sea", "is", "blue", "and", "green", "under", "clouds")
    draw = np.random.default_rng(0)
    for number in range(8):
        (folder / f"{number}.txt").write_text(" ".join(draw.choice(words, 24)))
    return folder


if __name__ == "__main__":
    main()
