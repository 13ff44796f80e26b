"""Runs that learn from captions, and captions of all sorts, from files to a trained run."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from sfumato.errors import DataError, RunError, SettingError
from sfumato.media.medium import Reading
from sfumato.model.options import CheckOptions
from sfumato.recipes import override
from sfumato.run import open_run
from sfumato.runs.directory import RunDirectory
from sfumato.training.source import recipe_for, suited
from sfumato.training.train import planned, resume, train
from sfumato.verbs.check import check
from tests.words_runs import MANY

CAPTIONS: dict[str, bytes] = {
    "german": "ein grüner Vogel".encode(),
    "japanese": "赤い凧".encode(),
    "arabic": "طائر أحمر".encode(),
    "emoji": "\N{BIRD}\N{ZERO WIDTH JOINER}\N{KITE}".encode(),
    "long": b"a red kite " * 1000,
    "windows": b"a red kite\r\nthe kite is red\r\n",
    "marked": b"\xef\xbb\xbfa red kite",
    "utf-16": "a red kite".encode("utf-16"),
    "latin": "ein grüner Vogel".encode("latin-1"),
    "binary": b"\xff\x00\xfe\x9d\x81",
    "empty": b"",
    "blank": b" \r\n\t\n",
}


def picture(path: Path, seed: int = 0) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 256, (8, 8, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(path)


def captioned(folder: Path, count: int, total: int) -> Path:
    for number in range(total):
        picture(folder / f"{number}.png", number)
        if number < count:
            (folder / f"{number}.txt").write_text("a red kite")
    return folder


def rows(place: Path) -> dict[str, str]:
    return dict(check(str(place), CheckOptions()).table())


@pytest.fixture(scope="module")
def mixed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("captions") / "mixed"
    for seed, (name, content) in enumerate(CAPTIONS.items()):
        picture(folder / f"{name}.png", seed)
        (folder / f"{name}.txt").write_bytes(content)
    (folder / "nothing.txt").write_text("a caption without a picture")
    return folder


@pytest.fixture(scope="module")
def few(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return captioned(tmp_path_factory.mktemp("few") / "few", 3, 50)


class TestEveryCaption:
    def test_none_stops_a_training(
        self, mixed: Path, tmp_path: Path, tiny_words: tuple[str, ...]
    ) -> None:
        aside = set()
        for event in train(mixed, planned("image-words", 2, changes=tiny_words), "run", tmp_path):
            if isinstance(event, Reading):
                aside.add(event.rejected)
        assert aside == {0}
        run = open_run(tmp_path / "run")
        assert run.spec.data.count == len(CAPTIONS)
        words = {str(example["words"]) for example in run.spec.data.examples}
        assert {"ein grüner Vogel", "赤い凧", "طائر أحمر"} <= words
        assert not any("\r" in text or "\ufeff" in text for text in words)
        for text in words:
            assert len(run.sample(1, steps=1, prompt=text)) == 1

    def test_what_is_wrong_is_said_and_costs_no_picture(self, mixed: Path) -> None:
        found = rows(mixed)
        assert found["images"].startswith(f"{len(CAPTIONS)} ")
        assert found["set aside"] == "0"
        notes = found["caption notes"]
        for name, reason in (
            ("empty", "is empty"),
            ("blank", "is empty"),
            ("latin", "was read as Windows-1252"),
            ("nothing", "none of the images has its name"),
        ):
            assert re.search(rf"{name}\.txt: a caption.* {reason}", notes), (name, notes)

    def test_plain_data_have_them_apart_too(self, mixed: Path) -> None:
        plain = json.loads(json.dumps(check(str(mixed), CheckOptions()).to_json()))
        assert plain["rejected"] == []
        assert {"path": "empty.txt", "reason": "a caption that is empty"} in plain["caption_notes"]


class TestFewCaptions:
    def test_a_recipe_for_words_refuses(
        self, few: Path, tmp_path: Path, tiny_words: tuple[str, ...]
    ) -> None:
        with pytest.raises(DataError, match=r"Only 3 of 50 items in '.*few' have a caption"):
            list(
                train(few, planned("image-words", 2, changes=tiny_words), "run", tmp_path / "runs")
            )
        assert not (tmp_path / "runs" / "run").exists()

    def test_another_recipe_is_chosen_and_they_are_counted(self, few: Path) -> None:
        assert suited(few) == "image"
        assert recipe_for(few).name == "image"
        assert rows(few)["captions"] == "3"

    def test_with_more_of_them_it_is_the_one_for_words(self, tmp_path: Path) -> None:
        assert suited(captioned(tmp_path / "most", 6, 8)) == "image-words"
        assert suited(captioned(tmp_path / "half", 4, 8)) == "image"

    def test_classes_go_before_captions(self, described: Path) -> None:
        assert suited(described) == "image"


class TestSettings:
    def test_conditions_are_added_and_removed_by_name(self) -> None:
        plain = planned("image", 2)
        with_age = override(plain, ["conditions.age.kind=number"])
        assert list(with_age.conditions) == ["age"]
        assert override(with_age, ["conditions.age=null"]) == plain
        assert override(planned("image-words", 2), ["conditions.words=null"]).conditions == {}

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            ("conditions.blend.kind=number", "a condition cannot be named 'blend'"),
            ("conditions.words_second.kind=words", "a condition cannot be named 'words_second'"),
            ("conditions.label.kind=label", "a condition cannot be named 'label'"),
            ("conditions.age.kind=numbr", r"numbr(.|\n)*number"),
            ("conditions.words.encoder.kind=bert", "bert"),
        ],
    )
    def test_what_cannot_be_is_refused(self, change: str, message: str) -> None:
        with pytest.raises(SettingError, match=message):
            planned("image-words", 2, changes=[change])


class TestResuming:
    def test_it_ends_at_the_same_bits(
        self, described: Path, tmp_path: Path, state_of: Callable[[Path], dict[str, str]]
    ) -> None:
        changes = (*MANY, "data.held_out=0.2", "backbone.dropout=0.2")
        for name, steps in (("whole", 6), ("cut", 3)):
            list(train(described, planned("image", steps, changes=changes), name, tmp_path))
        list(resume(RunDirectory(tmp_path / "cut"), steps=6))
        whole, cut = (open_run(tmp_path / name) for name in ("whole", "cut"))
        assert state_of(tmp_path / "cut") == state_of(tmp_path / "whole")
        for one, other in zip(
            whole.denoiser.backbone.parameters(), cut.denoiser.backbone.parameters(), strict=True
        ):
            assert torch.equal(one, other)
        assert whole.spec.recipe.conditions == cut.spec.recipe.conditions

    def test_changed_captions_are_refused_and_named(
        self, own_described: Path, tmp_path: Path, tiny_words: tuple[str, ...]
    ) -> None:
        list(train(own_described, planned("image-words", 2, changes=tiny_words), "run", tmp_path))
        path = own_described / "red" / "0.txt"
        before = path.read_text()
        path.write_text("something else")
        with pytest.raises(RunError, match="The captions of the data are not what this") as error:
            list(resume(RunDirectory(tmp_path / "run"), steps=3))
        assert "the condition 'words' has other values" in str(error.value.why)
        path.write_text(before)
        list(resume(RunDirectory(tmp_path / "run"), steps=3))

    def test_so_are_changed_columns(self, own_described: Path, tmp_path: Path) -> None:
        list(train(own_described, planned("image", 2, changes=MANY), "run", tmp_path))
        path = own_described / "metadata.jsonl"
        path.write_text(path.read_text().replace('"price": 4', '"price": 5'))
        with pytest.raises(RunError, match="The numbers of the data") as error:
            list(resume(RunDirectory(tmp_path / "run"), steps=3))
        assert "the condition 'price' has other values" in str(error.value.why)
