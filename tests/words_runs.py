"""Small pictures with words, and tiny runs on them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.copied import copier

TINY_WORDS = (
    "medium.size=8",
    "backbone.patch=2",
    "backbone.widths=[16, 16]",
    "backbone.blocks=[1, 1]",
    "backbone.attention=[false, true]",
    "backbone.head_dim=16",
    "backbone.embedding=16",
    "conditions.words.encoder.width=16",
    "conditions.words.encoder.heads=2",
    "conditions.words.encoder.length=6",
    # At the full rate from the first step, so that words change the samples.
    "engine.learning_rate.warmup=0",
    "engine.batch=4",
    "engine.threads=1",
    "engine.preview_minutes=null",
    "engine.progress_seconds=0",
    "sampling.steps=4",
)
MANY = (
    "conditions.words.kind=words",
    *TINY_WORDS,
    "conditions.species.kind=label",
    "conditions.price.kind=number",
)
COLOURS = {"red": (220, 40, 30), "green": (40, 200, 60)}
SHAPES = ("kite", "bird")


def describe(folder: Path, count: int = 12, size: int = 8) -> Path:
    """Pictures of two colours in a folder each, with one or two captions, a species and a price."""
    lines = []
    for number in range(count):
        colour, shape = [*COLOURS][number % 2], SHAPES[number // 2 % 2]
        pixels = np.random.default_rng(number).integers(0, 40, (size, size, 3))
        pixels = np.minimum(pixels + COLOURS[colour], 255).astype(np.uint8)
        path = folder / colour / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(path)
        captions = [f"a {colour} {shape}", f"the {shape} is {colour}"][: 1 + number % 2]
        path.with_suffix(".txt").write_text("\n".join(captions))
        row = {"file_name": f"{colour}/{number}.png", "species": shape, "price": number}
        lines.append(json.dumps(row))
    (folder / "metadata.jsonl").write_text("\n".join(lines))
    return folder


@pytest.fixture(scope="session")
def tiny_words() -> tuple[str, ...]:
    """Settings of a run on words that takes no time."""
    return TINY_WORDS


@pytest.fixture(scope="session")
def described(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve pictures with words, labels, species and prices. Not to be changed."""
    return describe(tmp_path_factory.mktemp("data") / "described")


@pytest.fixture
def own_described(tmp_path: Path) -> Path:
    """Such pictures that a test may change."""
    return describe(tmp_path / "described")


@pytest.fixture(scope="session")
def finished_words(tmp_path_factory: pytest.TempPathFactory, described: Path) -> Path:
    """A folder of two runs of six steps: ``words``, and ``many`` with all of their conditions."""
    from sfumato.training.train import planned, train

    root = tmp_path_factory.mktemp("finished-words") / "runs"
    for name, recipe, changes in (("words", "image-words", TINY_WORDS), ("many", "image", MANY)):
        for _ in train(described, planned(recipe, steps=6, changes=changes), name, root):
            pass
    return root


@pytest.fixture
def word_runs(
    tmp_path: Path, finished_words: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Path]:
    """Copies finished runs to ``runs/`` of a fresh working folder, and gives the first's place."""
    monkeypatch.chdir(tmp_path)
    return copier(finished_words, tmp_path)
