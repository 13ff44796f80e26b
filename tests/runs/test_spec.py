from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from sfumato import storage
from sfumato.errors import DamagedFile, RunError
from sfumato.runs import spec as specs


@pytest.fixture
def tree(finished_runs: Path) -> dict[str, Any]:
    return storage.read_sealed_json(finished_runs / "unet/spec.json")


def read(folder: Path, content: str) -> specs.Spec:
    (folder / "spec.json").write_text(content)
    return specs.read(folder / "spec.json")


def test_it_survives_the_file(finished_runs: Path, tmp_path: Path) -> None:
    for name in ("unet", "transformer", "plain"):
        spec = specs.read(finished_runs / name / "spec.json")
        specs.write(tmp_path / "spec.json", spec)
        assert specs.read(tmp_path / "spec.json") == spec
        assert (tmp_path / "spec.json").read_bytes() == (
            finished_runs / name / "spec.json"
        ).read_bytes()


def test_nothing_is_left_to_a_default(tree: dict[str, Any], tmp_path: Path) -> None:
    """A default that changes later must not change an old run."""

    def count(node: object) -> int:
        if isinstance(node, dict):
            return len(node) + sum(map(count, node.values()))
        return 0

    spec = read(tmp_path, json.dumps(tree))
    assert count(spec.model_dump(mode="json")) == count(tree)


def test_a_newer_one_is_refused(tree: dict[str, Any], tmp_path: Path) -> None:
    # Whatever else a later format holds.
    newer = {"format": 2, "version": "9.9", "everything": "else"}
    with pytest.raises(RunError, match=r"newer Sfumato \(9\.9\)(.|\n)*up to 1(.|\n)*--upgrade"):
        read(tmp_path, json.dumps(newer))


@pytest.mark.parametrize("content", ["", "{", "[]", "null", '"x"', "\x00\x01", "{}", "[" * 100_000])
def test_what_is_no_spec_is_damaged(tmp_path: Path, content: str) -> None:
    with pytest.raises(DamagedFile):
        read(tmp_path, content)


@pytest.mark.parametrize(
    ("path", "value", "named"),
    [
        (["recipe", "backbone", "widths"], "wide", "recipe.backbone.unet.widths"),
        (["recipe", "backbone", "kind"], "none", "recipe.backbone"),
        (["recipe", "new"], 1, "recipe.new"),
        (["format"], "1", "format"),
        (["format"], 0, "format"),
        (["data", "frequencies"], [1.0], "data"),
        (["data", "classes"], None, "data.classes"),
        (["recipe", "engine", "threads"], 10**9, "recipe.engine.threads"),
        (["recipe", "engine", "loaders"], 10**9, "recipe.engine.loaders"),
        (["recipe", "engine", "batch"], 10**18, "recipe.engine.batch"),
        (["initial"], {"run": "a"}, "initial.model"),
    ],
)
def test_damage_is_named(
    tree: dict[str, Any], tmp_path: Path, path: list[str], value: object, named: str
) -> None:
    node = tree
    for part in path[:-1]:
        node = node[part]
    node[path[-1]] = value
    with pytest.raises(DamagedFile) as caught:
        read(tmp_path, json.dumps(tree))
    assert caught.value.why.startswith(f"{named}: ")
    assert caught.value.exit_code == 3


def test_a_changed_setting_is_noticed(finished_runs: Path, tmp_path: Path) -> None:
    """It would still be a valid spec, of another run."""
    content = (finished_runs / "unet/spec.json").read_text()
    changed = content.replace('"seed": 0', '"seed": 1')
    assert changed != content
    with pytest.raises(DamagedFile, match=r"spec\.json is not what was written"):
        read(tmp_path, changed)


def test_a_missing_one_is_said(tmp_path: Path) -> None:
    with pytest.raises(RunError):
        specs.read(tmp_path / "spec.json")


def test_labels_that_are_not_used_are_no_classes(tree: dict[str, Any], tmp_path: Path) -> None:
    assert read(tmp_path, json.dumps(tree)).classes == 2
    tree["recipe"]["data"]["labels"] = False
    assert read(tmp_path, json.dumps(tree)).classes == 0


@pytest.mark.parametrize(
    "facts",
    [
        {"frequencies": [1.5, -0.5]},
        {"frequencies": [0.0, 0.0]},
        {"frequencies": [0.9, 0.9]},
        {"frequencies": [1.0]},
        {"frequencies": ["a", 0.5]},
        {"classes": ["cat", "cat"]},
        {"classes": "cat"},
        {"count": -1},
        {"count": 10**40},
        {"vocabulary": 10**12},
        {"vocabulary": -1},
        {"lengths": [0, 0]},
        {"lengths": [0, -1]},
        {"seconds": [[1.0, 0.5]]},
        {"seconds": [[0.0, 1e300]]},
        {"seconds": [[]]},
        {"source": None},
    ],
)
def test_odd_facts_about_the_data_are_damage(
    tree: dict[str, Any], tmp_path: Path, facts: dict[str, Any]
) -> None:
    tree["data"].update(facts)
    with pytest.raises(DamagedFile, match="not a valid spec"):
        read(tmp_path, json.dumps(tree))
