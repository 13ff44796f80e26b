"""Samples of a compiled network: recorded, made again, and the same in any batch."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from sfumato.engine import compiling
from sfumato.errors import SettingError
from sfumato.media.text.medium import TextMedium
from sfumato.model.options import SampleOptions
from sfumato.run import open_run
from sfumato.verbs.sample import sample_files

Runs = Callable[..., Path]


@pytest.fixture
def compiler(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """A compiler that writes nothing but notes the rows of each graph that it is given."""
    seen: list[int] = []

    def noted(graph: torch.fx.GraphModule, inputs: list[torch.Tensor]) -> Any:
        rows = [one.shape[0] for one in inputs if one.ndim == 3]
        seen.append(rows[0] if rows else 0)
        return graph.forward

    real = nn.Module.compile
    monkeypatch.setattr(nn.Module, "compile", lambda self, **how: real(self, backend=noted, **how))
    monkeypatch.setattr(compiling, "cpp_compiler", lambda: "/bin/c++")
    monkeypatch.setattr(compiling, "trial", lambda device: "")
    torch._dynamo.reset()
    return seen


def texts(out: str, like: Path | None = None, **keywords: Any) -> list[str]:
    run = "labelled" if like is None else None
    *_, written = sample_files(run, SampleOptions(**keywords), out=Path(out), like=like)
    made: list[str] = written.out.texts
    return made


def test_a_compiled_text_is_recorded_and_made_again(text_runs: Runs, compiler: list[int]) -> None:
    text_runs("labelled")
    whole = texts("a", n=5, compiled=True)
    assert compiler
    assert texts("b", n=5, compiled=True, batch=1) == whole
    line = Path("a/samples.jsonl:2")
    assert TextMedium.read_provenance(line)["compiled"]
    assert texts("c", like=line) == whole[1:2]
    assert json.loads(Path("c/samples.jsonl").read_text())["recipe"]["compiled"]


def test_every_shape_is_compiled_for_itself(runs: Runs, compiler: list[int]) -> None:
    runs("transformer")
    run = open_run("transformer")
    run.sample(1, compiled=True, scale=1.0)
    plain = len(compiler)
    run.sample(1, compiled=True, scale=2.0, label="dog")
    assert len(compiler) == 2 * plain
    run.sample(3, compiled=True, scale=2.0, batch=2)
    assert len(compiler) == 2 * plain


def test_the_run_s_own_network_stays_as_it_was_written(runs: Runs, compiler: list[int]) -> None:
    runs("transformer")
    run = open_run("transformer")
    expected = run.sample(1).provenance[0].stored()
    assert not expected["compiled"]
    assert run.sample(1, compiled=True).provenance[0].stored()["compiled"]
    compiler.clear()
    run.sample(1)
    assert not compiler


def test_without_a_compiler_it_is_refused_before_a_folder_is_made(
    runs: Runs, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs("unet")
    monkeypatch.setattr(compiling, "cpp_compiler", lambda: None)
    with pytest.raises(SettingError, match="compile = on cannot work"):
        list(sample_files("unet", SampleOptions(compiled=True), out=Path("out")))
    assert not Path("out").exists()
