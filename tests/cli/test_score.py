"""``sfumato score``: what it prints, and what it refuses."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from tests.cli.console import Command

QUICK = ("--draws", "2", "--steps", "2", "--held-out", "2")


Runs = Callable[..., Path]


def test_a_table(sfumato: Command, runs: Runs, pictures: Path, tmp_path: Path) -> None:
    runs("unet")
    (tmp_path / "bad.png").write_bytes(b"no picture")
    result = sfumato("score", "unet", pictures / "dog", tmp_path / "bad.png", *QUICK)
    assert result.code == 0, result.err
    head, *rows = result.out.splitlines()
    assert head.split() == ["file", "bits", "per", "dimension", "held-out", "less", "likely", "z"]
    ranks = [row.split() for row in rows[:3]]
    assert [row[0] for row in ranks] == ["1", "2", "3"]
    assert {row[1] for row in ranks} == {str(path) for path in (pictures / "dog").iterdir()}
    assert all(row[3] == "±" for row in ranks)
    found = [float(row[2]) for row in ranks]
    assert found == sorted(found, reverse=True)
    assert rows[3].startswith("mean: ")
    assert " ± " in rows[3]
    assert rows[4].startswith("held out: ")
    assert rows[5].startswith(f"set aside: {tmp_path / 'bad.png'}: not an image in a known")


def test_without_held_out_items_there_are_no_columns_for_them(
    sfumato: Command, runs: Runs, pictures: Path
) -> None:
    runs("unet")
    result = sfumato("score", "unet", pictures / "dog", "--draws", "1", "--steps", "2",
                   "--held-out", "0")  # fmt: skip
    assert "held" not in result.out
    assert "±" not in result.out


def test_json(sfumato: Command, runs: Runs, pictures: Path) -> None:
    runs("unet")
    result = sfumato("score", "unet", pictures / "dog", "--method", "ode", "--probes", "2",
                   "--label", "dog", "--seed", "5", *QUICK, "--json")  # fmt: skip
    assert result.code == 0, result.err
    found = json.loads(result.out)
    assert len(found["items"]) == 3
    expected = {"run": "unet", "snapshot": "latest", "method": "ode", "probes": 2, "label": "dog",
             "seed": 5, "draws": 2, "steps": 2}  # fmt: skip
    assert expected.items() <= found.items()


def test_refusals(refused: Command, runs: Runs, pictures: Path, tmp_path: Path) -> None:
    runs("unet")
    assert "None of the files" in refused("score", "unet", tmp_path / "nowhere").err
    assert "None of the files" in refused("score", "unet").err
    assert "is for --method ode" in refused("score", "unet", pictures, "--probes", "2").err
    assert "no label" in refused("score", "unet", pictures, "--label", "cow").err
    assert "no run" in refused("score", "nothing", pictures).err
