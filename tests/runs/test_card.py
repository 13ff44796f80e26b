from __future__ import annotations

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
