from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

RATE = 4_000
_QUICK = (
    f"medium.rate={RATE}",
    "medium.seconds=0.25",
    "medium.shift=0.02",
    "engine.batch=4",
    "engine.threads=1",
    "engine.preview_minutes=null",
    "engine.progress_seconds=0",
    "sampling.steps=4",
)
TINY = (
    *_QUICK,
    "medium.representation.window=64",
    "backbone.widths=[16, 32]",
    "backbone.blocks=[1, 1]",
    "backbone.attention=[false, true]",
    "backbone.head_dim=16",
    "backbone.embedding=32",
)
WAVE = (
    *_QUICK,
    "medium.representation.patch=16",
    "backbone.patch=16",
    "backbone.dim=32",
    "backbone.depth=2",
    "backbone.heads=2",
)


def play(folder: Path, count: int = 6, shortest: float = 0.1) -> Path:
    """Tones of two pitches and several lengths, each as it dies away, a folder a class."""
    draw = np.random.default_rng(0)
    for label, pitch in (("high", 800), ("low", 200)):
        (folder / label).mkdir(parents=True)
        for number in range(count):
            seconds = np.arange(int(RATE * draw.uniform(shortest, 0.25))) / RATE
            tone = np.sin(2 * np.pi * pitch * seconds * draw.uniform(0.9, 1.1))
            soundfile.write(folder / label / f"{number}.wav", tone * np.exp(-6 * seconds), RATE)
    return folder


@pytest.fixture(scope="session")
def tiny_sounds() -> tuple[str, ...]:
    """Settings of a run on sounds that takes no time."""
    return TINY


@pytest.fixture(scope="session")
def tiny_waves() -> tuple[str, ...]:
    """The same on waveforms."""
    return WAVE


@pytest.fixture(scope="session")
def sounds(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six high and six low tones of at most a quarter of a second. Not to be changed."""
    return play(tmp_path_factory.mktemp("data") / "tones")


@pytest.fixture(scope="session")
def finished_sounds(tmp_path_factory: pytest.TempPathFactory, sounds: Path) -> Path:
    """A folder of three runs of four steps: ``tones``, ``wave`` and ``hum``, without classes."""
    from sfumato.run.training import planned, train

    root = tmp_path_factory.mktemp("finished-sounds") / "runs"
    for name, plan, data in (
        ("tones", planned("audio", steps=4, changes=TINY), sounds),
        ("wave", planned("audio-waveform", steps=4, changes=WAVE), sounds),
        ("hum", planned("audio", steps=4, changes=TINY), sounds / "low"),
    ):
        for _ in train(data, plan, name, root):
            pass
    return root


@pytest.fixture
def sound_runs(
    tmp_path: Path, finished_sounds: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Path]:
    """Copies finished runs to ``runs/`` of a fresh working folder, and gives the first's place."""
    monkeypatch.chdir(tmp_path)

    def copy(*names: str) -> Path:
        for name in names:
            shutil.copytree(finished_sounds / name, tmp_path / "runs" / name)
        return tmp_path / "runs" / names[0]

    return copy
