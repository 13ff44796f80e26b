"""``sfumato evaluate`` and ``compare``: what they print, and what they refuse."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from pathlib import Path

import pytest

from sfumato.evaluation.of import text
from sfumato.training.train import planned, train
from tests.cli.console import Command
from tests.media_runs import TINY_TEXT

FEW = ("-n", "4", "--rows", "4", "--draws", "1")


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("evaluate")
    draw = random.Random(0)
    words = ["the", "cat", "sat", "on", "a", "mat", "and", "saw", "its", "hat"]
    text = root / "text.txt"
    text.write_text("\n".join(" ".join(draw.choices(words, k=5)) for _ in range(600)))
    for _ in train(text, planned("text", steps=4, changes=TINY_TEXT), "tiny", root / "runs"):
        pass
    return root / "runs" / "tiny"


@pytest.fixture(autouse=True)
def no_fetching(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(text, "asset_here", lambda name: None)


def test_tables(sfumato: Command, run: Path) -> None:
    result = sfumato("evaluate", run, *FEW)
    assert result.code == 0, result.err
    for line in (
        "bits per character",
        "known words",
        "longest copy",
        "character 4-grams",
        "only 4",
    ):
        assert line in result.out
    assert result.out.splitlines()[-2:] == [
        f"report: {run / 'evaluation/report.json'}",
        f"page: {run / 'evaluation/report.html'}",
    ]


def test_json(sfumato: Command, run: Path, tmp_path: Path) -> None:
    out = tmp_path / "report"
    result = sfumato("evaluate", run, *FEW, "--sampler", "bridge", "--out", out, "--json")
    assert result.code == 0, result.err
    assert json.loads(result.out) == json.loads((out / "report.json").read_text())


def test_refusals(refused: Command, run: Path, tmp_path: Path) -> None:
    assert "sampler" in refused("evaluate", run, "--sampler", "nosuch").err
    (tmp_path / "taken").touch()
    assert "is a file" in refused("evaluate", run, "--out", tmp_path / "taken").err
    assert "is not for text" in refused("evaluate", run, "--extractors", "eye.onnx").err


class TestCompare:
    def test_a_table(self, sfumato: Command, runs: Callable[..., Path]) -> None:
        first = runs("unet", "transformer")
        options = ("-n", "6", "--at", "1", "--at", "2")
        result = sfumato("compare", "unet", "transformer", *options)
        assert result.code == 0, result.err
        for line in ("distance, random-features", "samples to held-out", "unet", "transformer"):
            assert line in result.out
        page = first / "evaluation/unet-transformer.html"
        assert result.out.splitlines()[-1] == f"page: {page.relative_to(Path.cwd())}"
        assert page.is_file()

    def test_json(self, sfumato: Command, runs: Callable[..., Path], tmp_path: Path) -> None:
        runs("unet", "transformer")
        out = tmp_path / "both"
        result = sfumato("compare", "unet", "transformer", "-n", "6", "--at", "1", "--out", out,
                       "--json")  # fmt: skip
        assert json.loads(result.out) == json.loads((out / "unet-transformer.json").read_text())

    def test_refusals(self, refused: Command, runs: Callable[..., Path]) -> None:
        runs("unet", "plain")
        assert "cannot be compared" in refused("compare", "unet", "plain").err
        assert "no run" in refused("compare", "unet", "nothing").err


class TestRestoration:
    def test_tables_in_a_folder_of_their_own(
        self, sfumato: Command, runs: Callable[..., Path]
    ) -> None:
        place = runs("unet")
        options = ("-n", "3", "--steps", "2", "--restore-samples", "2")
        trials = ("--restore", "inpaint", "--restore", "denoise")
        result = sfumato("evaluate", "unet", *options, *trials)
        assert result.code == 0, result.err
        for line in ("restore: inpaint", "restore: denoise", "reference", "PSNR, dB, one sample"):
            assert line in result.out
        page = place / "evaluation/restore/report.html"
        assert result.out.splitlines()[-1] == f"page: {page.relative_to(Path.cwd())}"
        assert not (place / "evaluation/report.json").exists()
        report = json.loads(page.with_suffix(".json").read_text())
        assert [section["beside"] for section in report["sections"]] == ["reference"] * 4

    def test_refusals(self, refused: Command, runs: Callable[..., Path], run: Path) -> None:
        runs("unet")
        assert "super-resolve" in refused("evaluate", "unet", "--restore", "super-resolv").err
        assert "is not for texts" in refused("evaluate", run, "--restore", "inpaint").err
