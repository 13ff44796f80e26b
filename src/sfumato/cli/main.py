"""The program ``sfumato``: its commands and their exit codes."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Container, Mapping, Sequence
from io import TextIOWrapper

from cyclopts import App, CycloptsError, Parameter

from sfumato import __version__
from sfumato.cli import commands, errors, examine
from sfumato.cli.environment import require_environment
from sfumato.cli.flags import default_text, listed, renamed, require_no_empty, with_flags
from sfumato.cli.output import ERR, OUT
from sfumato.engine.terminal import ReaderGone, Stream, occupy_descriptors
from sfumato.errors import SfumatoError
from sfumato.escaping import escape_line

_COMMANDS: tuple[Callable[..., None], ...] = (
    commands.demo,
    commands.train,
    commands.resume,
    commands.sample,
    commands.edit,
    commands.fill,
    commands.evaluate,
    commands.compare,
    commands.score,
    commands.tune,
    examine.info,
    examine.verify,
    examine.doctor,
    examine.recipes,
    examine.samplers,
    examine.methods,
)
_DATA_COMMANDS: Mapping[str, Callable[..., None]] = {
    "list": examine.data_list,
    "fetch": examine.data_fetch,
    "check": examine.data_check,
}

_ASKS = frozenset({"--help", "-h", "--version"})


def program(words: Container[str]) -> App:
    """The program for a command line.

    Args:
        words: The words of the command line. Commands that are not among them are only listed,
            because making the flags of all commands would slow down each of them.
    """
    app = App(
        name="sfumato",
        help="Train, sample and measure diffusion models. To begin, run: sfumato demo",
        version=__version__,
        help_format="plaintext",
        console=OUT,
        error_console=ERR,
        default_parameter=Parameter(negative=(), show_default=default_text),
        suppress_keyboard_interrupt=False,
    )
    data = App(name="data", help="Look at data sets, and fetch ready-made ones.")
    app.command(data)
    for name, command in _DATA_COMMANDS.items():
        data.command((with_flags if name in words else listed)(command), name=name)
    for command in _COMMANDS:
        app.command((with_flags if command.__name__ in words else listed)(command))
    return app


def main(arguments: Sequence[str] | None = None) -> None:
    """Run a command; errors are printed without a traceback and determine the exit code."""
    occupy_descriptors()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(
                errors="backslashreplace"
            )  # Some terminals cannot print all characters.
    words, notes = renamed(sys.argv[1:] if arguments is None else arguments)
    for note in notes:
        ERR.print(escape_line(note), markup=False)
    try:
        require_no_empty(words)
        if not _ASKS.intersection(words):
            require_environment(os.environ)
        program(words)(words, exit_on_error=False, print_error=False, result_action="return_value")
        if sys.stdout is not None:
            Stream("stdout").flush()  # Here a broken pipe is still caught below.
    except CycloptsError as error:
        sys.exit(errors.show(errors.usage(error)))
    except SfumatoError as error:
        sys.exit(errors.show(error))
    except KeyboardInterrupt:
        sys.exit(errors.show(errors.stopped()))
    except (ReaderGone, BrokenPipeError):
        sys.exit(128 + signal.SIGPIPE)  # Silently, as other programs end there.
    except OSError as error:
        sys.exit(errors.show(errors.refusal(error)))
    except (MemoryError, RuntimeError) as error:
        problem = errors.of_the_machine(error)
        if problem is None:
            raise
        sys.exit(errors.show(problem))
