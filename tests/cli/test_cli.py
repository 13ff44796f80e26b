"""The commands, run in this process: what they print when all is well."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from sfumato import __version__
from tests.cli.console import Command, Result

Runs = Callable[..., Path]


class TestHelp:
    @pytest.mark.parametrize(
        "command",
        [
            [], ["demo"], ["data"], ["data", "list"], ["data", "fetch"], ["data", "check"],
            ["train"], ["resume"], ["sample"], ["info"], ["recipes"], ["samplers"], ["doctor"],
        ],
    )  # fmt: skip
    def test_every_command_has_some(self, sfumato: Command, command: list[str]) -> None:
        result = sfumato(*command, "--help")
        assert result.code == 0
        assert "Usage: sfumato" in result.out

    def test_version(self, sfumato: Command) -> None:
        assert sfumato("--version").out.strip() == __version__


class TestJson:
    def parsed(self, result: Result) -> Any:
        assert result.code == 0, result.err
        return json.loads(result.out)

    def test_lists(self, sfumato: Command) -> None:
        entries = self.parsed(sfumato("data", "list", "--json"))
        assert "openmoji" in {entry["name"] for entry in entries}
        recipes = self.parsed(sfumato("recipes", "--json"))
        assert recipes["default"] in recipes["names"]
        samplers = self.parsed(sfumato("samplers", "--json"))
        assert set(samplers) == {"images and audio", "text"}
        for content in samplers.values():
            assert content["default"] in content["names"]
            assert all(content["names"].values())

    def test_doctor(self, sfumato: Command) -> None:
        assert self.parsed(sfumato("doctor", "--json"))["sfumato"] == __version__

    def test_data_check(self, sfumato: Command, pictures: Path, tmp_path: Path) -> None:
        sheet = tmp_path / "[sheet].png"
        content = self.parsed(sfumato("data", "check", pictures, "--json", "--sheet", sheet))
        assert content["labels"] == {"cat": 9, "dog": 3}
        with Image.open(content["contact_sheet"]) as picture:
            picture.load()

    def test_info_and_sample(self, sfumato: Command, runs: Runs) -> None:
        runs("unet")
        assert self.parsed(sfumato("info", "unet", "--json"))["step"] == 4
        content = self.parsed(sfumato("sample", "unet", "-n", "2", "--steps", "2", "--json"))
        assert [Path(path).is_file() for path in content["files"]] == [True, True]


class TestPlainly:
    def test_from_pictures_to_pictures(
        self,
        sfumato: Command,
        pictures: Path,
        tiny_options: list[str],
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.chdir(tmp_path)
        result = sfumato("train", pictures, "--steps", "2", "--name", "a", *tiny_options)
        assert (result.code, result.err) == (0, "")
        assert "run runs/a" in result.out
        assert "next: sfumato sample runs/a" in result.out
        result = sfumato("resume", "a", "--steps", "3", "--quiet")
        assert (result.code, result.out, result.err) == (0, "runs/a\n", "")
        result = sfumato("sample", "runs/a", "-n", "1", "--trajectory", "--label", "dog")
        assert (result.code, result.err) == (0, "")
        assert result.out.startswith("1 image in runs/a/samples/001")
        result = sfumato("sample", "--like", "runs/a/samples/001/00000.png", "--out", "again")
        assert result.code == 0
        again, first = Path("again/00000.png"), Path("runs/a/samples/001/00000.png")
        assert again.read_bytes() == first.read_bytes()
        result = sfumato("info", "a")
        assert "cat, dog" in result.out

    def test_tables(
        self,
        sfumato: Command,
        own_pictures: Path,
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
        bomb: Callable[[Path], None],
    ) -> None:
        monkeypatch.chdir(tmp_path)
        bomb(own_pictures / "cat/[b]bomb.png")
        (own_pictures / "dog/[red]x.png").write_text("no picture")
        result = sfumato("data", "check", own_pictures, "--sheet", "[/sheet].png")
        assert result.code == 0
        assert "[/sheet].png" in result.out
        assert "cat/[b]bomb.png: 12,000 x 12,000 pixels" in result.out
        assert "dog/[red]x.png: not an image" in result.out
        for command in (["data", "list"], ["recipes"], ["samplers"], ["doctor"]):
            assert sfumato(*command).code == 0
