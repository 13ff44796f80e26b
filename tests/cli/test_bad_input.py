"""Everything a user can get wrong: one message, a way out, and the right exit code."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from sfumato import storage
from sfumato.runs.directory import RunDirectory
from tests.cli.console import Command

Runs = Callable[..., Path]


class TestBadData:
    def test_missing(self, refused: Command, tmp_path: Path) -> None:
        for command in (["train"], ["data", "check"]):
            assert "check the path" in refused(*command, tmp_path / "nowhere").err
            assert "did you mean 'openmoji'" in refused(*command, "openmojis").err
            assert "An argument is empty" in refused(*command, "").err

    def test_empty(self, refused: Command, tmp_path: Path) -> None:
        (tmp_path / "a").mkdir()
        for command in (["train"], ["data", "check"]):
            assert "the folder is empty" in refused(*command, tmp_path / "a").err

    def test_a_file(self, refused: Command, tmp_path: Path) -> None:
        (tmp_path / "notes.odt").write_text("hello")
        for command in (["train"], ["data", "check"]):
            result = refused(*command, tmp_path / "notes.odt").err
            assert "its name ends in '.odt'" in result
            assert ".jsonl" in result
            assert "save it as .txt first" in result
        (tmp_path / "one.png").write_bytes(b"")
        assert "one of the images themselves" in refused("train", tmp_path / "one.png").err

    def test_texts_with_a_picture_in_a_hidden_folder_are_texts(
        self, sfumato: Command, tmp_path: Path
    ) -> None:
        (tmp_path / "notes" / ".git").mkdir(parents=True)
        (tmp_path / "notes" / "a.txt").write_text("some words\n" * 9)
        (tmp_path / "notes" / ".git" / "logo.png").write_bytes(b"")
        assert "some words" in sfumato("data", "check", tmp_path / "notes").out

    def test_only_a_bomb(
        self,
        refused: Command,
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
        bomb: Callable[[Path], None],
    ) -> None:
        monkeypatch.chdir(tmp_path)
        bomb(tmp_path / "a/bomb.png")
        for command in (["train"], ["data", "check"]):
            assert "bomb.png: 12,000 x 12,000 pixels" in refused(*command, "a").err
        assert [path.name for path in tmp_path.iterdir()] == ["a"]

    def test_a_bomb_among_good_ones_is_set_aside(
        self,
        sfumato: Command,
        own_pictures: Path,
        tiny_options: list[str],
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
        bomb: Callable[[Path], None],
    ) -> None:
        monkeypatch.chdir(tmp_path)
        bomb(own_pictures / "cat/bomb.png")
        result = sfumato("train", own_pictures, "--steps", "1", *tiny_options)
        assert result.code == 0
        assert "read 13 of 13 files, 1 set aside" in result.out


class TestBadSettings:
    @pytest.mark.parametrize(
        ("options", "words"),
        [
            (["--settings", "optim.lrr=1"], "did you mean 'engine.optimizer.lr'?"),
            (["--settings", "engine.batch=many"], "it should be a whole number"),
            (["--settings", "nothing"], "write it as name=value"),
            (["--recipe", "imge"], "did you mean 'image'?"),
            (["--steps", "0"], "steps cannot be 0"),
            (["--steps", "-3"], "steps cannot be -3"),
            (["--minutes", "0"], "minutes cannot be 0"),
            (["--minutes", "nan"], "minutes cannot be nan"),
            (["--minutes", "inf"], "minutes cannot be inf"),
            (["--minutes", "-3"], "minutes cannot be -3"),
            (["--minutes", "many"], "'many' is not a number"),
            (["--steps", "many"], "many"),
            (["--steps", "1.5"], "'1.5' is not a whole number"),
            (["--steps", "1e3"], "'1e3' is not a whole number"),
            (["--steps", "1_0"], "'1_0' is not a whole number"),
            (["--steps", "9" * 30], "it must be at most"),
            (["--from", "nowhere"], "There is no run 'nowhere'"),
            (["--setp", "5"], "--setp"),
            (["--name", "../x"], "cannot be the name of a run"),
            (["--name", "/x"], "cannot be the name of a run"),
            (["--name", "a\0b"], "cannot be the name of a run"),
            (["--name", ""], "--name is empty"),
            (["--name="], "--name is empty"),
            (["--settings", ""], "--settings is empty"),
            (["more"], "more"),
        ],
    )
    def test_of_training(
        self,
        refused: Command,
        pictures: Path,
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
        options: list[str],
        words: str,
    ) -> None:
        monkeypatch.chdir(tmp_path)
        assert words in refused("train", pictures, *options).err
        assert not list(tmp_path.iterdir())

    @pytest.mark.parametrize(
        ("options", "words"),
        [
            (["-n", "0"], "n cannot be 0"),
            (["-n", "-1"], "n cannot be -1"),
            (["-n", "1.5"], "'1.5' is not a whole number"),
            (["-n", "1e3"], "'1e3' is not a whole number"),
            (["-n", "٣"], "is not a whole number"),
            (["-n", ""], "-n is empty"),
            (["-n", "9" * 30], "n cannot be 999,999"),
            (["--first", "-1"], "first cannot be -1"),
            (["--out", ""], "--out is empty"),
            (["--out", " "], "--out is empty"),
            (["--out= "], "--out is empty"),
            (["--out="], "--out is empty"),
            (["--like", ""], "--like is empty"),
            (["--start", ""], "--start is empty"),
            (["--format", ""], "--format is empty"),
            (["--interval", "0.2"], "--interval takes 2 values, and only 1 was given"),
            (["--interval", "nan", "1"], "interval cannot be"),
            (["--steps", "0"], "steps cannot be 0"),
            (["--batch", "0"], "batch cannot be 0"),
            (["--batch", "many"], "many"),
            (["--precision", "fp16"], "fp16"),
            (["--seed", "-1"], "seed cannot be -1"),
            (["--seed", str(2**64)], "seed cannot be"),
            (["--scale", "nan"], "scale cannot be 'nan'"),
            (["--sampler", "huen"], "did you mean 'heun'?"),
            (["--label", "dgo"], "did you mean 'dog'?"),
            (["--like", "nowhere.png"], "cannot be opened"),
            (["--lable", "dog"], "--lable"),
            (["--out", "spec.json"], "cannot be written"),
            (["--out", "spec.json/below"], "cannot be written"),
        ],
    )
    def test_of_sampling(
        self,
        refused: Command,
        runs: Runs,
        monkeypatch: pytest.MonkeyPatch,
        options: list[str],
        words: str,
    ) -> None:
        run = runs("unet")
        monkeypatch.chdir(run)
        assert words in refused("sample", ".", *options).err
        assert not (run / "samples").exists()

    @pytest.mark.parametrize(
        ("command", "words"),
        [
            (["resume", "unet", "--data", ""], "--data is empty"),
            (["resume", "unet", "--minutes", "nan"], "minutes cannot be nan"),
            (["verify", "unet", "--data", ""], "--data is empty"),
            (["evaluate", "unet", "--out", ""], "--out is empty"),
            (["evaluate", "unet", "-n", "2.0"], "'2.0' is not a whole number"),
            (["compare", "unet", "unet", "--at", "1.5"], "'1.5' is not a whole number"),
            (["score", "unet", ""], "An argument is empty"),
            (["data", "check", ".", "--sheet", ""], "--sheet is empty"),
            (["data", "fetch", "openmoji", "--archive", ""], "--archive is empty"),
            (["demo", "image", "--minutes", "nan"], "minutes cannot be nan"),
            (["demo", "image", "--minutes", "x"], "'x' is not a number"),
            (["info", ""], "An argument is empty"),
        ],
    )
    def test_of_other_commands(
        self, refused: Command, runs: Runs, command: list[str], words: str
    ) -> None:
        runs("unet")
        assert words in refused(*command).err

    def test_of_a_run_without_classes(self, refused: Command, runs: Runs) -> None:
        runs("plain")
        for options in (["--scale", "2"], ["--label", "cat"]):
            result = refused("sample", "plain", *options)
            assert "trained without classes" in result.err
            assert "  hint: " in result.err

    @pytest.mark.parametrize(
        "command", [["train"], ["info"], ["resume"], ["data", "fetch"], ["data", "check"]]
    )
    def test_an_argument_that_is_missing(self, refused: Command, command: list[str]) -> None:
        assert "--help" in refused(*command).err

    def test_a_command_that_is_none(self, refused: Command) -> None:
        assert "trian" in refused("trian", "x").err

    def test_a_data_set_that_is_none(self, refused: Command) -> None:
        assert "did you mean 'openmoji'" in refused("data", "fetch", "opnmoji").err
        too_small = refused("data", "check", "openmoji", "--size", "3").err
        assert 'cannot be "3"' in too_small

    def test_no_run_and_no_picture(self, refused: Command) -> None:
        assert "No run was named" in refused("sample").err


class TestBadRuns:
    @pytest.mark.parametrize("command", ["sample", "info", "resume"])
    def test_unknown(self, refused: Command, runs: Runs, command: str) -> None:
        runs("unet")
        assert "did you mean 'unet'?" in refused(command, "unett").err
        for name in ("", "../x", "a\0b", "/nowhere", "x" * 5000):
            refused(command, name)

    @pytest.mark.parametrize("command", ["sample", "info", "resume"])
    def test_made_by_a_newer_version(self, refused: Command, runs: Runs, command: str) -> None:
        spec = runs("unet") / "spec.json"
        storage.write_sealed_json(spec, {**storage.read_sealed_json(spec), "format": 99})
        assert "pip install --upgrade sfumato" in refused(command, "unet").err

    @pytest.mark.parametrize("command", ["sample", "info", "resume"])
    def test_with_a_damaged_spec(self, refused: Command, runs: Runs, command: str) -> None:
        (runs("unet") / "spec.json").write_text("{")
        refused(command, "unet", code=3)

    def test_with_truncated_files(self, refused: Command, sfumato: Command, runs: Runs) -> None:
        run = RunDirectory(runs("unet"))
        run.model.write_bytes(run.model.read_bytes()[:1000])
        assert "delete it" in refused("sample", "unet", code=3).err
        (run.checkpoints / "step-0000004/ema.safetensors").write_bytes(b"")
        assert "ema.safetensors" in refused("resume", "unet", code=3).err
        run.model.unlink()
        assert "ema.safetensors" in refused("sample", "unet", code=3).err
        assert sfumato("info", "unet").code == 0

    def test_that_exist_already(self, refused: Command, runs: Runs, pictures: Path) -> None:
        runs("unet")
        assert "sfumato resume" in refused("train", pictures, "--name", "unet").err
