from __future__ import annotations

import re
from pathlib import Path

from sfumato.runs import spec as specs
from sfumato.runs.directory import RunDirectory
from sfumato.runs.info import card


def test_it_tells_what_was_learnt_from_what(finished_runs: Path) -> None:
    run = RunDirectory(finished_runs / "unet")
    spec = specs.read(run.spec)
    content = card(run, spec, 1234)
    assert content.startswith("# unet\n")
    assert "1,234 of 4 samples" in content
    assert "12 images, 2 classes" in content
    assert "licence of the data | not stated" in content
    assert "Attribution" not in content
    assert run.card.read_text() == card(run, spec, 4)


def test_a_licence_that_asks_to_share_alike_is_passed_on(finished_runs: Path) -> None:
    run = RunDirectory(finished_runs / "unet")
    spec = specs.read(run.spec)
    facts = {"licence": "CC-BY-SA-4.0", "attribution": "All pictures by Ann."}
    content = card(run, spec.model_copy(update={"data": spec.data.model_copy(update=facts)}), 1)
    assert "| CC-BY-SA-4.0 |" in content
    assert "All pictures by Ann." in content
    assert "shared alike" in content


EVIL = "a|b`c\n## d<script>[e](f)\x1b[31m\u202e"


def test_names_are_neither_markdown_nor_html(finished_runs: Path, tmp_path: Path) -> None:
    spec = specs.read(finished_runs / "unet/spec.json")
    facts = {
        "source": f"/home/ann/secret/{EVIL}",
        "licence": EVIL,
        "attribution": f"One\n{EVIL}",
    }
    changed = spec.model_copy(
        update={
            "data": spec.data.model_copy(update=facts),
            "recipe": spec.recipe.model_copy(update={"name": EVIL}),
            "version": EVIL,
        }
    )
    content = card(RunDirectory(tmp_path / EVIL.replace("/", "")), changed, 1)
    assert "<script>" not in content
    assert "\x1b" not in content
    assert "\u202e" not in content
    headings = [line for line in content.splitlines() if line.startswith("#")]
    assert headings[1:] == ["## Use", "## Attribution of the data"]
    rows = [line for line in content.splitlines() if line.startswith("|")]
    assert all(len(re.findall(r"(?<!\\)\|", row)) == 3 for row in rows)
    assert content.count("```") == 2
    assert "secret" not in content


def test_the_place_of_the_data_is_left_out(finished_runs: Path) -> None:
    run = RunDirectory(finished_runs / "unet")
    spec = specs.read(run.spec)
    assert Path(spec.data.source).is_absolute()
    assert "| data | pictures: 12 images" in run.card.read_text()
    for path in run.root.rglob("*"):
        if path.is_file() and path.name != "spec.json":
            assert spec.data.source.encode() not in path.read_bytes(), path
            assert str(finished_runs).encode() not in path.read_bytes(), path
