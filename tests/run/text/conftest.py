"""Tiny runs on text."""

from __future__ import annotations

import json
import random
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from sfumato.run.training import planned, train

TINY = (
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


@pytest.fixture(scope="session")
def tiny_text() -> tuple[str, ...]:
    """Settings of a run on text that takes no time."""
    return TINY


@pytest.fixture(scope="session")
def prose(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file of 300 lines, one document. Not to be changed."""
    source = random.Random(0)
    lines = [" ".join(source.choices(WORDS, k=source.randint(3, 9))) for _ in range(300)]
    path = tmp_path_factory.mktemp("text") / "prose.txt"
    path.write_text("\n".join(lines) + "\n")
    return path


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
    root = tmp_path_factory.mktemp("texts") / "runs"
    # At the full rate from the first step, or labels would weigh less than bfloat16 rounds away.
    parity = ('medium.label_field="parity"', "engine.learning_rate.warmup=0")
    plans: Sequence[tuple[str, Path, tuple[str, ...]]] = (
        ("prose", prose, TINY),
        ("uniform", prose, (*TINY, "process.kind=uniform")),
        ("labelled", records, (*TINY, *parity, "data.held_out=0.1")),
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

    def copy(*names: str) -> Path:
        for name in names:
            shutil.copytree(finished_texts / name, tmp_path / "runs" / name)
        return tmp_path / "runs" / names[0]

    return copy
