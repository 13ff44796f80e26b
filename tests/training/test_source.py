"""Which recipe suits what a user names, and what the catalogue has to say of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from sfumato.catalogue import CATALOGUE
from sfumato.errors import DataError
from sfumato.media.audio.recipes import AudioRecipe
from sfumato.media.audio.settings import SpectrogramSpec
from sfumato.media.registry import find
from sfumato.recipes import override
from sfumato.training import source
from sfumato.training.source import recipe_for, suited


@pytest.mark.parametrize(
    ("names", "recipe"),
    [
        (["a.txt"], "text"),
        (["a.JSONL", "b.pdf"], "text"),
        (["a.png", "a.txt"], "image"),  # a picture with its caption
        (["in/a.csv"], "text"),
        ([".hidden.png", "a.md"], "text"),
        (["a.pdf"], "text"),
        (["a.bin"], "image"),
        (["a.wav"], "audio"),
        (["in/a.FLAC", "in/b.mp3", "c.ogg"], "audio"),
        (["a.wav", "b.wav", "cover.jpg"], "audio"),
        (["a.png", "b.png", "clip.wav"], "image"),
        (["a.png", "a.wav"], "image"),
        (["a.wav", "a.txt", "b.txt", "c.txt"], "audio"),  # sounds with captions
        ([".hidden/a.wav", ".b.wav", "a.txt"], "text"),
    ],
)
def test_files_tell_which_recipe_suits_them(tmp_path: Path, names: list[str], recipe: str) -> None:
    for name in names:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    assert suited(tmp_path) == recipe


@pytest.mark.parametrize(
    ("name", "recipe"),
    [("a.txt", "text"), ("a.png", "image"), ("a.Wav", "audio"), ("a.odt", "text"), ("a", "text")],
)
def test_so_does_a_file_alone(tmp_path: Path, name: str, recipe: str) -> None:
    (tmp_path / name).touch()
    assert suited(tmp_path / name) == recipe


@pytest.mark.parametrize("name", CATALOGUE)
def test_a_set_of_the_catalogue_has_its_own(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert suited(name) == CATALOGUE[name].recipe
    assert find(suited(name)).medium.model_dump().get("kind", "image") == CATALOGUE[name].medium


def test_a_folder_at_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "a.wav").touch()
    assert suited("~") == suited("~/a.wav") == "audio"


def test_a_name_that_is_none_is_left_to_who_reads_it(tmp_path: Path) -> None:
    assert suited(tmp_path / "nowhere") == "image"


class TestRecipeFor:
    @pytest.fixture(autouse=True)
    def other_settings(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """A set that wants three settings, at several depths, to be others."""
        wanted: Mapping[str, str | float] = {
            "medium.rate": 8000,
            "data.held_out": 0,
            "medium.representation.window": 128,
        }
        entry = replace(CATALOGUE["one-shots"], settings=wanted)
        monkeypatch.setattr(source, "CATALOGUE", {**CATALOGUE, "one-shots": entry})

    def test_the_set_has_its_say(self) -> None:
        own = "medium.rate=8000", "data.held_out=0", "medium.representation.window=128"
        wanted = *own, "medium.cut=start"
        changes = "engine.batch=3", "name=mine"
        assert recipe_for("one-shots", changes=changes) == override(
            find("audio"), [*wanted, *changes]
        )

    def test_the_user_has_the_last_word(self) -> None:
        # Even for what a recipe says anyway, and for parts that replace those of the set.
        recipe = recipe_for("one-shots", changes=["medium.rate=16000"])
        assert isinstance(recipe, AudioRecipe)
        assert (recipe.medium.rate, recipe.data.held_out) == (16_000, 0)
        other = ["medium.representation.kind=spectrogram", "medium.representation.power=0.7"]
        changed = recipe_for("one-shots", changes=other)
        assert isinstance(changed, AudioRecipe)
        assert changed.medium.representation == SpectrogramSpec(power=0.7)

    def test_a_set_says_what_is_automatic_and_leaves_what_a_recipe_chose(self) -> None:
        assert recipe_for("drums") == override(find("audio"), ["medium.cut=start"])
        assert recipe_for("drums", "audio-large") == find("audio-large")
        assert recipe_for("drums", changes=["medium.cut=all"]).medium.cut == "all"

    def test_a_set_that_wants_nothing_changes_nothing(self) -> None:
        assert recipe_for("mnist5k") == find(CATALOGUE["mnist5k"].recipe)

    def test_a_recipe_for_another_medium_is_left_alone(self) -> None:
        assert recipe_for("one-shots", "image") == find("image")

    def test_a_folder_of_that_name_is_no_set(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.chdir(tmp_path)
        Path("one-shots").mkdir()
        assert recipe_for("one-shots", "audio") == find("audio")


def test_every_setting_of_the_catalogue_is_one() -> None:
    for name, entry in CATALOGUE.items():
        tree = recipe_for(name).model_dump()
        for path, value in {**entry.settings, **entry.automatic}.items():
            node = tree
            for part in path.split("."):
                node = node[part]
            assert node == value


def test_a_folder_beside_is_suggested(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "photos").mkdir()
    (tmp_path / ".photso").mkdir()
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DataError, match="did you mean 'photos'"):
        source.located("photso")
