"""Batches of items with pairs, of images and of audio."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from PIL import Image

from sfumato.media.number_data import NumberData
from sfumato.media.registry import find
from sfumato.recipes import override
from sfumato.training.batches import Batches
from sfumato.training.data import prepare
from tests.media_runs import RATE, TINY_SOUNDS


def batches(folder: Path, recipe: str, settings: tuple[str, ...]) -> Batches:
    plan = override(
        find(recipe), [*settings, "conditions.twin.kind=pair", "conditions.twin.drop=0.25"]
    )
    *_, data = prepare(folder, plan)
    assert isinstance(data, NumberData)
    return Batches(data, plan, 0, False)


@pytest.fixture
def images(tmp_path: Path, tiny: tuple[str, ...]) -> Batches:
    """Pictures with equal twins."""
    for number in range(8):
        pixels = np.random.default_rng(number).integers(0, 256, (16, 16, 3), dtype=np.uint8)
        for folder in ("one", "twin"):
            (tmp_path / folder).mkdir(exist_ok=True)
            Image.fromarray(pixels).save(tmp_path / folder / f"{number}.png")
    varied = ("medium.flip=true", "medium.shift=3", "engine.batch=64")
    return batches(tmp_path, "image", (*tiny, *varied))


def test_a_pair_is_varied_like_its_item(images: Batches) -> None:
    batch = images(3)
    twin = batch.further["twin"]
    known = twin[:, -1, 0, 0] == 1
    assert 0 < known.sum() < len(known)
    assert torch.equal(twin[known, :-1], batch.x0[known])
    assert torch.equal(twin[known, -1], torch.ones_like(twin[known, -1]))
    assert not twin[~known].any()
    plain = images.typical(8)
    assert torch.equal(plain.further["twin"][:, :-1], plain.x0)
    assert not torch.equal(batch.x0[:8], plain.x0)


def test_a_batch_is_its_step_s(images: Batches) -> None:
    expected = images(5)
    images(6)
    assert torch.equal(images(5).further["twin"], expected.further["twin"])


def test_clips_have_pairs_too(tmp_path: Path) -> None:
    for number in range(4):
        samples = np.random.default_rng(number).integers(-9999, 9999, 1000).astype(np.int16)
        for folder in ("one", "twin"):
            (tmp_path / folder).mkdir(exist_ok=True)
            soundfile.write(tmp_path / folder / f"{number}.wav", samples, RATE)
    found = batches(tmp_path, "audio", (*TINY_SOUNDS, "engine.batch=8"))
    batch = found(1)
    twin = batch.further["twin"]
    known = twin[:, -1].flatten(1)[:, 0] == 1
    assert twin.shape[2:] == batch.x0.shape[2:]
    assert torch.equal(twin[known, :-1], batch.x0[known])
