"""For all tests: one thread each, a cache of their own, and tiny runs to work on."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from tests.copied import copier
from tests.processes import Commands, Jobs

MakePicture = Callable[..., Path]

pytest_plugins = ["tests.media_runs", "tests.words_runs"]

# Small tensors gain nothing from more, and suites run side by side.
torch.set_num_threads(1)

TINY = (
    "medium.size=16",
    "backbone.patch=2",
    "backbone.widths=[16, 32]",
    "backbone.blocks=[1, 1]",
    "backbone.attention=[false, true]",
    "backbone.head_dim=16",
    "backbone.embedding=32",
    "engine.batch=4",
    "engine.learning_rate.warmup=8",
    "engine.threads=1",
    "engine.preview_minutes=null",
    "engine.progress_seconds=0",
    "sampling.steps=4",
)
TINY_TRANSFORMER = (
    "medium.size=16",
    "backbone.dim=32",
    "backbone.depth=2",
    *(change for change in TINY if not change.startswith(("backbone.", "medium."))),
)


@pytest.fixture(scope="session", autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """No test reads or fills the user's cache."""
    folder = tmp_path_factory.mktemp("cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SFUMATO_CACHE", str(folder))
        yield folder


@pytest.fixture(scope="session")
def jobs() -> Iterator[Jobs]:
    """Starts work of the engine in processes that can be killed."""
    server = Jobs()
    yield server
    server.close()


@pytest.fixture(scope="session")
def commands() -> Iterator[Commands]:
    """Starts commands in processes that can be killed."""
    server = Commands()
    yield server
    server.close()


@pytest.fixture(scope="session")
def tiny() -> tuple[str, ...]:
    """Settings of a run that takes no time."""
    return TINY


def paint(folder: Path, counts: dict[str, int], size: int = 16) -> Path:
    """Small pictures, all different, in one folder per class."""
    for kind, (label, count) in enumerate(counts.items()):
        (folder / label).mkdir(parents=True)
        for number in range(count):
            pixels = np.random.default_rng([kind, number]).integers(0, 256, (size, size, 3))
            pixels[..., kind % 3] //= 4
            Image.fromarray(pixels.astype(np.uint8)).save(folder / label / f"{number}.png")
    return folder


@pytest.fixture(scope="session")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Nine pictures of cats and three of dogs, 16 x 16. Not to be changed."""
    return paint(tmp_path_factory.mktemp("data") / "pictures", {"cat": 9, "dog": 3})


@pytest.fixture
def own_pictures(tmp_path: Path, pictures: Path) -> Path:
    """A copy of the pictures that a test may change."""
    # Without their times, by which decoded copies are found again.
    folder = tmp_path / "pictures"
    return Path(shutil.copytree(pictures, folder, copy_function=shutil.copyfile))


@pytest.fixture
def make_picture(tmp_path: Path) -> MakePicture:
    """Write a small colour picture, different for every seed, below ``tmp_path / "data"``."""

    def make(name: str, seed: int = 0, size: tuple[int, int] = (12, 10)) -> Path:
        path = tmp_path / "data" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        pixels = np.random.default_rng(seed).integers(0, 256, (*size, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(path)
        return path

    return make


@pytest.fixture(scope="session")
def unlabelled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six pictures without classes. Not to be changed."""
    return paint(tmp_path_factory.mktemp("plain") / "pictures", {"all": 6}) / "all"


@pytest.fixture(scope="session")
def finished_runs(
    tmp_path_factory: pytest.TempPathFactory, pictures: Path, unlabelled: Path
) -> Path:
    """A folder of three runs of four steps: ``unet``, ``transformer`` and ``plain``."""
    from sfumato.training.train import planned, train

    root = tmp_path_factory.mktemp("finished") / "runs"
    unet = planned("image", steps=4, changes=TINY)
    transformer = planned("image-transformer", steps=4, changes=TINY_TRANSFORMER)
    for name, plan, data in (
        ("unet", unet, pictures),
        ("transformer", transformer, pictures),
        ("plain", unet, unlabelled),
    ):
        for _ in train(data, plan, name, root):
            pass
    return root


@pytest.fixture
def runs(
    tmp_path: Path, finished_runs: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Path]:
    """Copies finished runs to ``runs/`` of a fresh working folder, and gives the first's place."""
    monkeypatch.chdir(tmp_path)
    return copier(finished_runs, tmp_path)
