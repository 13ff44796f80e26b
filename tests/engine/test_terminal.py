"""Standard streams that break: displays fall silent, and results raise errors."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from pathlib import Path

import pytest

from sfumato.engine.terminal import ReaderGone, Stream, display, occupy_descriptors, results
from sfumato.errors import DiskFull, UsageError

SCRIPT = """
import sys
from sfumato.engine.terminal import Stream, display
for number in range(2000):
    display("stdout").print("line", number)
print("done", file=sys.stderr)
"""


class Broken(io.StringIO):
    """A stream that fails in a certain way."""

    def __init__(self, error: Exception) -> None:
        super().__init__()
        self.error = error

    def write(self, text: str) -> int:
        raise self.error

    def fileno(self) -> int:
        raise OSError("it has no number")


BROKEN = [BrokenPipeError(32, "gone"), OSError(28, "full"), OSError(5, "hung up"), ValueError("x")]


@pytest.mark.parametrize("error", BROKEN, ids=["gone", "full", "hung up", "closed"])
def test_a_display_falls_silent(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    monkeypatch.setattr(sys, "stdout", Broken(error))
    display("stdout").print("a line")
    Stream("stdout", is_display=True).flush()


@pytest.mark.parametrize(
    ("error", "kind"),
    list(zip(BROKEN, [ReaderGone, DiskFull, UsageError, UsageError], strict=True)),
    ids=["gone", "full", "hung up", "closed"],
)
def test_a_result_that_cannot_be_written_is_an_error(
    monkeypatch: pytest.MonkeyPatch, error: Exception, kind: type[Exception]
) -> None:
    monkeypatch.setattr(sys, "stdout", Broken(error))
    with pytest.raises(kind):
        results().print("a line")
    monkeypatch.setattr(sys, "stdout", None)
    with pytest.raises(UsageError, match="Standard output cannot be written"):
        results().print("a line")
    display("stdout").print("a line")
    assert not Stream("stdout").isatty()
    with pytest.raises(OSError):
        Stream("stdout").fileno()


def test_characters_that_a_stream_cannot_encode_are_escaped(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, encoding="ascii"))
    stream = Stream("stdout")
    stream.write("å")
    stream.flush()
    assert raw.getvalue() == b"\\xe5"
    assert stream.encoding == "ascii"


def test_a_process_lives_on_without_its_reader() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    for out in (writing, os.open("/dev/full", os.O_WRONLY)):
        found = subprocess.run(
            [sys.executable, "-c", SCRIPT], stdout=out, stderr=subprocess.PIPE, text=True
        )
        assert (found.returncode, found.stderr) == (0, "done\n")
        os.close(out)


def test_no_file_takes_the_place_of_a_closed_stream(tmp_path: Path) -> None:
    path = tmp_path / "file"
    pid = os.fork()
    if pid == 0:
        for number in range(3):
            os.close(number)
        occupy_descriptors()
        os._exit(os.open(path, os.O_WRONLY | os.O_CREAT))
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) > 2


def test_a_terminal_of_unknown_width(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "0")
    results().print("a result")
    display().print("a message")
    assert capsys.readouterr() == ("a result\n", "a message\n")
