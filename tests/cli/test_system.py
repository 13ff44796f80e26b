"""What the operating system refuses or ends, as a user sees it."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from sfumato.cli import main
from sfumato.cli.errors import refusal
from sfumato.errors import DiskFull
from tests.cli.console import Command

Runs = Callable[..., Path]


class TestTheSystem:
    @pytest.mark.parametrize(
        ("number", "kind", "code"),
        [
            (errno.EACCES, PermissionError, 2),
            (errno.EROFS, OSError, 2),
            (errno.ENOSPC, OSError, 7),
            (errno.EIO, OSError, 2),
        ],
    )
    def test_refuses_in_our_words(
        self,
        refused: Command,
        runs: Runs,
        monkeypatch: pytest.MonkeyPatch,
        number: int,
        kind: type[OSError],
        code: int,
    ) -> None:
        # Root is refused nothing, so the system's answer is stood in for.
        def mkdir(path: Path, *arguments: object, **named: object) -> None:
            raise kind(number, os.strerror(number), str(path))

        runs("unet")
        monkeypatch.setattr(Path, "mkdir", mkdir)
        result = refused("sample", "unet", code=code)
        assert os.strerror(number) in result.err
        assert "runs/unet/samples" in result.err

    def test_a_run_that_cannot_be_written(
        self,
        refused: Command,
        pictures: Path,
        tiny_options: list[str],
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.chdir(tmp_path)
        (tmp_path / "runs").write_text("a file")
        for name in ([], ["--name", "a"]):
            result = refused("train", pictures, "--steps", "1", *name, *tiny_options)
            assert "a file stands where a folder is needed" in result.err

    def test_a_contact_sheet_that_cannot_be_written(
        self, refused: Command, pictures: Path, tmp_path: Path
    ) -> None:
        refused("data", "check", pictures, "--sheet", tmp_path)

    def test_an_error_without_a_place_or_words(self) -> None:
        assert refusal(OSError()).why == "OSError"
        assert isinstance(refusal(OSError(errno.EDQUOT, "quota")), DiskFull)

    @pytest.mark.parametrize("options", [[], ["--json"]])
    def test_a_reader_that_went_away(self, runs: Runs, options: list[str]) -> None:
        runs("unet")
        reading, writing = os.pipe()
        os.close(reading)
        pid = os.fork()
        if pid == 0:
            os.dup2(writing, 1)
            os._exit(_code_of(["info", "unet", *options]))
        os.close(writing)
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 141

    def test_ctrl_c_outside_training(
        self, sfumato: Command, runs: Runs, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def interrupted(*arguments: object) -> None:
            raise KeyboardInterrupt

        runs("unet")
        monkeypatch.setattr("sfumato.run.open_run", interrupted)
        result = sfumato("info", "unet")
        assert result.code == 130
        assert result.err.startswith("error: The command was stopped before its end.\n")
        assert "every file that it wrote is whole" in result.err

    @pytest.mark.parametrize("streams", ["full", "closed", "gone"])
    def test_a_training_outlives_its_display(
        self,
        pictures: Path,
        tiny_options: list[str],
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
        streams: str,
    ) -> None:
        monkeypatch.chdir(tmp_path)
        pid = os.fork()
        if pid == 0:
            if streams == "closed":
                os.close(1)
                os.close(2)
            else:
                reading, writing = os.pipe()
                os.close(reading)
                broken = writing if streams == "gone" else os.open("/dev/full", os.O_WRONLY)
                os.dup2(broken, 1)
                os.dup2(broken, 2)
            sys.stderr = None if streams == "closed" else os.fdopen(2, "w")
            os._exit(
                _code_of(["train", str(pictures), "--steps", "3", "--name", "a", *tiny_options],
                         closed=streams == "closed")
            )  # fmt: skip
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
        assert (tmp_path / "runs/a/checkpoints/step-0000003").is_dir()

    def test_a_lack_of_memory_or_of_a_home(
        self, refused: Command, runs: Runs, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        runs("unet")
        for error, code, words in (
            (MemoryError(), 8, "does not fit into memory"),
            (RuntimeError("could not create a primitive"), 8, "does not fit into memory"),
            (OSError(errno.ENOMEM, "no"), 8, "does not fit into memory"),
            (OSError(errno.EFBIG, "no", "a"), 7, "larger than this process is allowed"),
            (RuntimeError("Could not determine home directory."), 2, "SFUMATO_CACHE"),
        ):

            def failed(*arguments: object, error: Exception = error) -> None:
                raise error

            monkeypatch.setattr("sfumato.run.open_run", failed)
            assert words in refused("info", "unet", code=code).err
        monkeypatch.setattr("sfumato.run.open_run", lambda run: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            refused("info", "unet")


def _code_of(arguments: list[str], closed: bool = False) -> int:
    """The exit code in a forked child, with output where the system's file numbers point."""
    sys.stdout = None if closed else os.fdopen(1, "w")  # type: ignore[assignment]
    try:
        main(arguments)
    except SystemExit as ended:
        return int(ended.code or 0)
    except BaseException:
        return 99
    return 0
