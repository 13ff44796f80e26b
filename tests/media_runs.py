from __future__ import annotations

import json
import random
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
import soundfile

from tests import processes
from tests.copied import copier

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
TINY_SOUNDS = (
    *_QUICK,
    "medium.representation.window=64",
    "backbone.widths=[16, 32]",
    "backbone.blocks=[1, 1]",
    "backbone.attention=[false, true]",
    "backbone.head_dim=16",
    "backbone.embedding=32",
)
TINY_WAVES = (
    *_QUICK,
    "medium.representation.patch=16",
    "backbone.patch=16",
    "backbone.dim=32",
    "backbone.depth=2",
    "backbone.heads=2",
)


TINY_TEXT = (
    "medium.context=32",
    "backbone.dim=32",
    "backbone.depth=2",
    "backbone.heads=2",
    "engine.batch=4",
    "engine.threads=1",
    "engine.preview_minutes=null",
    "engine.progress_seconds=0",
    "sampling.steps=8",
)
WORDS = ("the", "sea", "is", "blue", "and", "green", "under", "clouds;", "it", "rains,")


@pytest.fixture
def wait_for() -> Callable[[Path], None]:
    return processes.wait_for


@pytest.fixture
def state_of() -> Callable[[Path], dict[str, str]]:
    return processes.state_of


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
    return TINY_SOUNDS


@pytest.fixture(scope="session")
def tiny_waves() -> tuple[str, ...]:
    """The same on waveforms."""
    return TINY_WAVES


@pytest.fixture(scope="session")
def sounds(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six high and six low tones of at most a quarter of a second. Not to be changed."""
    return play(tmp_path_factory.mktemp("data") / "tones")


@pytest.fixture(scope="session")
def finished_sounds(tmp_path_factory: pytest.TempPathFactory, sounds: Path) -> Path:
    """A folder of three runs of four steps: ``tones``, ``wave`` and ``hum``, without classes."""
    from sfumato.training.train import planned, train

    root = tmp_path_factory.mktemp("finished-sounds") / "runs"
    for name, plan, data in (
        ("tones", planned("audio", steps=4, changes=TINY_SOUNDS), sounds),
        ("wave", planned("audio-waveform", steps=4, changes=TINY_WAVES), sounds),
        ("hum", planned("audio", steps=4, changes=TINY_SOUNDS), sounds / "low"),
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
    return copier(finished_sounds, tmp_path)


@pytest.fixture(scope="session")
def tiny_text() -> tuple[str, ...]:
    """Settings of a run on text that takes no time."""
    return TINY_TEXT


def babble(path: Path, lines: int = 300) -> Path:
    """A file of a few words in any order."""
    source = random.Random(0)
    said = (" ".join(source.choices(WORDS, k=source.randint(3, 9))) for _ in range(lines))
    path.write_text("".join(f"{line}\n" for line in said))
    return path


@pytest.fixture(scope="session")
def prose(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file of 300 lines, one document. Not to be changed."""
    return babble(tmp_path_factory.mktemp("text") / "prose.txt")


@pytest.fixture(scope="session")
def records(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Texts of 5 to 20 digits: 60 of ``even`` ones, 20 of ``odd`` ones. Not to be changed."""
    source = random.Random(1)
    path = tmp_path_factory.mktemp("text") / "records.jsonl"
    with path.open("w") as file:
        for label, digits, count in (("even", "02468", 60), ("odd", "13579", 20)):
            for _ in range(count):
                text = "".join(source.choices(digits, k=source.choice([5, 8, 13, 20])))
                file.write(json.dumps({"text": text, "parity": label}) + "\n")
    return path


@pytest.fixture(scope="session")
def finished_texts(tmp_path_factory: pytest.TempPathFactory, prose: Path, records: Path) -> Path:
    """A folder of runs of six steps: ``prose``, ``uniform`` (the process) and ``labelled``."""
    from sfumato.training.train import planned, train

    root = tmp_path_factory.mktemp("texts") / "runs"
    # At the full rate from the first step, or labels would weigh less than bfloat16 rounds away.
    parity = ('medium.label_field="parity"', "engine.learning_rate.warmup=0")
    plans: Sequence[tuple[str, Path, tuple[str, ...]]] = (
        ("prose", prose, TINY_TEXT),
        ("uniform", prose, (*TINY_TEXT, "process.kind=uniform")),
        ("labelled", records, (*TINY_TEXT, *parity, "data.held_out=0.1")),
    )
    for name, data, changes in plans:
        for _ in train(data, planned("text", steps=6, changes=changes), name, root):
            pass
    return root


@pytest.fixture
def text_runs(
    tmp_path: Path, finished_texts: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Path]:
    """Copies finished runs to ``runs/`` of a fresh working folder, and gives the first's place."""
    monkeypatch.chdir(tmp_path)
    return copier(finished_texts, tmp_path)
