"""Flags: one for each option, with its default; and the old spellings, which still work."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

import sfumato as package
from sfumato.cli.flags import OLD_SPELLINGS, renamed
from sfumato.cli.main import program
from sfumato.model import options as declared
from sfumato.model.keywords import help_of
from sfumato.model.options import Options
from sfumato.run import Run
from tests.cli.console import Command

Runs = Callable[..., Path]
COMMANDS = {
    declared.SampleOptions: ("sample", Run.sample),
    declared.FillOptions: ("fill", Run.fill),
    declared.EditOptions: ("edit", Run.edit),
    declared.EvaluateOptions: ("evaluate", Run.evaluate),
    declared.CompareOptions: ("compare", Run.compare),
    declared.ScoreOptions: ("score", Run.score),
    declared.TuneOptions: ("tune", Run.tune),
    declared.TrainOptions: ("train", package.train),
    declared.ResumeOptions: ("resume", Run.resume),
    declared.CheckOptions: ("data check", None),
}


def flags_of(command: str) -> dict[str, Any]:
    """The arguments of a command by the names of its flags."""
    found = program(command.split())
    for word in command.split():
        found = found[word]
    arguments = found.assemble_argument_collection(parse_docstring=True)
    return {name: argument for argument in arguments for name in argument.names}


class TestOptions:
    def test_every_class_of_options_has_a_command(self) -> None:
        kinds = {kind for kind in vars(declared).values() if inspect.isclass(kind)
                 and issubclass(kind, Options) and kind is not Options}  # fmt: skip
        assert kinds == set(COMMANDS)

    @pytest.mark.parametrize("kind", COMMANDS, ids=lambda kind: kind.__name__)
    def test_every_option_is_a_flag_and_a_keyword(self, kind: type[Options]) -> None:
        command, method = COMMANDS[kind]
        flags = flags_of(command)
        for field in fields(kind):
            flag = flags["--" + field.name.replace("_", "-")]
            assert flag.field_info.default == field.default
            assert flag.parameter.help.startswith(help_of(kind)[field.name])
            if method is not None:
                parameter = inspect.signature(method).parameters[field.name]
                assert parameter.default == field.default

    def test_help_is_without_noise(self, sfumato: Command) -> None:
        for command, _ in COMMANDS.values():
            out = sfumato(*command.split(), "--help").out
            for noise in ("()", "None", "False", "--no-", "object", "Part"):
                assert noise not in out
        assert "-n" in flags_of("sample") and "-n" in flags_of("fill")
        assert "[default: 5 8 12 20 35" in sfumato("compare", "--help").out

    @pytest.mark.parametrize(
        ("arguments", "words"),
        [
            (["-n", "1.5"], "1.5"),
            (["--batch", "1.5"], "1.5"),
            (["--precision", "fp61"], "precision cannot be 'fp61'"),
            (["--format", "wva"], "cannot be written as 'wva'"),
            (["--temperature", "2"], "'temperature' is not for images"),
        ],
    )
    def test_wrong_values(
        self, refused: Command, runs: Runs, arguments: list[str], words: str
    ) -> None:
        runs("unet")
        assert words in refused("sample", "unet", *arguments).err

    def test_a_choice_that_is_none(self, refused: Command, runs: Runs, pictures: Path) -> None:
        runs("unet")
        result = refused("score", "unet", pictures, "--method", "odd").err
        assert "method cannot be 'odd'" in result
        assert "did you mean 'ode'" in result

    def test_as_many_at_a_time_as_fit(self, sfumato: Command, runs: Runs) -> None:
        runs("unet")
        result = sfumato("sample", "unet", "-n", "1", "--steps", "1", "--batch", "auto")
        assert result.code == 0, result.err


class TestOldSpellings:
    @pytest.mark.parametrize(("old", "new"), OLD_SPELLINGS.items())
    def test_they_are_renamed_with_a_note(self, old: str, new: str) -> None:
        assert renamed([old, "3"]) == ([new, "3"], [f"note: {old} is now {new}."])
        assert renamed([f"{old}=a=b"]) == ([f"{new}=a=b"], [f"note: {old} is now {new}."])

    def test_one_note_for_a_flag_that_is_repeated(self) -> None:
        words, notes = renamed(["--set", "a=1", "--set", "b=2", "--from", "x"])
        assert words == ["--settings", "a=1", "--settings", "b=2", "--start", "x"]
        assert notes == ["note: --set is now --settings.", "note: --from is now --start."]

    def test_values_and_what_follows_two_dashes_stay(self) -> None:
        words = ["fill", "RUN", "--marker=--set", "--settings", "a", "--", "--from", "--set=1"]
        assert renamed(words) == (words, [])
        assert renamed(["--fromage", "--sets", "from", "-set"])[1] == []

    def test_a_command_takes_them(self, sfumato: Command, runs: Runs) -> None:
        runs("unet")
        result = sfumato("sample", "unet", "--number", "1", "--steps=2")
        assert (result.code, result.err) == (0, "note: --number is now --n.\n")
        assert result.out.startswith("1 image in")
        result = sfumato("sample", "unet", "-n", "1", "--from=runs/unet/samples/001/00000.png")
        assert (result.code, result.err) == (0, "note: --from is now --start.\n")

    def test_settings(self, sfumato: Command, pictures: Path, tmp_path: Path) -> None:
        sheet = tmp_path / "sheet.png"
        result = sfumato("data", "check", pictures, "--set", "medium.size=32", "--sheet", sheet)
        assert (result.code, result.err) == (0, "note: --set is now --settings.\n")
        assert "32 x 32" in result.out

    def test_output_for_programs_stays_clean(self, sfumato: Command, runs: Runs) -> None:
        runs("unet")
        result = sfumato("sample", "unet", "--number", "1", "--steps", "1", "--json")
        assert result.out.startswith("{")
