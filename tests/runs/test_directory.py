from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from sfumato.errors import RunError, SettingError
from sfumato.runs.directory import RunDirectory, checked_name, claim, locate

Runs = Callable[..., Path]


@pytest.mark.parametrize("name", ["a", "emoji-1", "A.b_c", "9", "x" * 100])
def test_good_names(name: str) -> None:
    assert checked_name(name) == name


@pytest.mark.parametrize(
    "name", ["", ".", "..", "../x", "a/b", "/x", "a\\b", "a b", "-x", "a\0", "a\n", "é", "x" * 101]
)
def test_bad_names(name: str) -> None:
    with pytest.raises(SettingError, match="letters, digits"):
        checked_name(name)


def test_the_first_free_name_is_taken_at_once(tmp_path: Path) -> None:
    places = [claim("cats & dogs!", tmp_path / "runs") for _ in range(3)]
    assert [place.name for place in places] == ["cats-dogs", "cats-dogs-2", "cats-dogs-3"]
    assert all(place.is_dir() for place in places)


@pytest.mark.parametrize("stem", ["", "...", "/", "日本", "-" * 200])
def test_a_stem_without_letters_is_a_run(tmp_path: Path, stem: str) -> None:
    assert claim(stem, tmp_path) == tmp_path / "run"
    assert checked_name(claim("x" * 300, tmp_path).name)


def test_by_name_and_by_path(runs: Runs, monkeypatch: pytest.MonkeyPatch) -> None:
    run = runs("unet")
    assert locate("unet").root == Path("runs/unet")
    assert locate("runs/unet/").name == "unet"
    assert locate(run).root == run
    monkeypatch.chdir(run)
    assert locate(".").name == "unet"


def test_a_wrong_name_gets_a_suggestion(runs: Runs) -> None:
    runs("unet", "plain")
    with pytest.raises(RunError, match="did you mean 'unet'"):
        locate("unett")
    with pytest.raises(RunError, match="known: plain, unet"):
        locate("zzz")


@pytest.mark.parametrize("name", ["", "../x", "a\0b", "/nowhere"])
def test_a_name_of_nothing(runs: Runs, name: str) -> None:
    runs("unet")
    with pytest.raises(RunError):
        locate(name)


def test_without_runs_it_says_how_to_begin(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="sfumato train"):
        locate("x", tmp_path / "runs")


def test_all_places_are_inside(tmp_path: Path) -> None:
    run = RunDirectory(tmp_path / "a")
    for place in (
        run.spec,
        run.model,
        run.checkpoints,
        run.log,
        run.previews,
        run.samples,
        run.card,
    ):
        assert place.parent == run.root
