"""Which recipe suits what a user names, and what the catalogue has to say of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from sfumato.media.catalogue import CATALOGUE
from sfumato.recipes import AudioRecipe, find, override
from sfumato.run import source
from sfumato.run.source import settled_on, suited


@pytest.mark.parametrize(
    ("names", "recipe"),
    [
        (["a.txt"], "text"),
        (["a.JSONL", "b.pdf"], "text"),
        (["a.png", "a.txt"], "image"),  # a picture with its caption
        (["in/a.csv"], "text"),
        ([".hidden.png", "a.md"], "text"),
        (["a.pdf"], "image"),
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


class TestSettledOn:
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

    def audio(self, *changes: str) -> AudioRecipe:
        recipe = override(find("audio"), changes)
        assert isinstance(recipe, AudioRecipe)
        return recipe

    def test_the_set_has_its_say(self) -> None:
        recipe = settled_on("one-shots", self.audio("engine.batch=3"))
        assert (recipe.medium.rate, recipe.data.held_out) == (8000, 0)
        assert recipe.medium.representation.model_dump()["window"] == 128
        changes = "medium.rate=8000", "data.held_out=0", "medium.representation.window=128"
        assert recipe == self.audio("engine.batch=3", *changes)

    def test_what_the_user_set_stays(self) -> None:
        asked = self.audio("medium.rate=22050", "medium.representation.window=64")
        recipe = settled_on("one-shots", asked)
        assert (recipe.medium.rate, recipe.data.held_out) == (22050, 0)
        assert recipe.medium.representation.model_dump()["window"] == 64

    def test_a_set_that_wants_nothing_changes_nothing(self) -> None:
        assert settled_on("drums", self.audio()) == self.audio()

    def test_a_recipe_of_another_name_is_settled_too(self) -> None:
        assert settled_on("one-shots", self.audio("name=mine")).medium.rate == 8000
        image = override(find("image"), ["name=mine"])
        assert settled_on("openmoji", image) == image

    def test_a_recipe_for_another_medium_is_left_alone(self) -> None:
        assert settled_on("one-shots", find("image")) == find("image")


def test_every_setting_of_the_catalogue_is_one() -> None:
    for name, entry in CATALOGUE.items():
        changed = settled_on(name, find(entry.recipe))
        tree = changed.model_dump()
        for path, value in entry.settings.items():
            node = tree
            for part in path.split("."):
                node = node[part]
            assert node == value
