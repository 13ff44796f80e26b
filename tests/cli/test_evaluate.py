"""``sfumato evaluate``: what it prints, and what it refuses."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

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
FEW = ("-n", "4", "--rows", "4", "--draws", "1")


class Said(Protocol):
    code: int
    out: str
    err: str


Command = Callable[..., Said]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("evaluate")
    draw = random.Random(0)
    words = ["the", "cat", "sat", "on", "a", "mat", "and", "saw", "its", "hat"]
    text = root / "text.txt"
    text.write_text("\n".join(" ".join(draw.choices(words, k=5)) for _ in range(600)))
    for _ in train(text, planned("text", steps=4, changes=TINY), "tiny", root / "runs"):
        pass
    return root / "runs" / "tiny"


def test_tables(sfumato: Command, run: Path) -> None:
    said = sfumato("evaluate", run, *FEW)
    assert said.code == 0, said.err
    for line in ("bits per character", "known words", "longest copy", "runs of 4", "n is small"):
        assert line in said.out
    assert said.out.splitlines()[-1] == f"report: {run / 'evaluation.json'}"


def test_json(sfumato: Command, run: Path, tmp_path: Path) -> None:
    out = tmp_path / "report.json"
    said = sfumato("evaluate", run, *FEW, "--sampler", "bridge", "--out", out, "--json")
    assert said.code == 0, said.err
    assert json.loads(said.out) == json.loads(out.read_text())


def test_refusals(refused: Command, run: Path, runs: Callable[..., Path], tmp_path: Path) -> None:
    assert "runs on text and sounds so far" in refused("evaluate", runs("plain")).err
    assert "sampler" in refused("evaluate", run, "--sampler", "nosuch").err
    assert "is a folder" in refused("evaluate", run, "--out", tmp_path).err
