"""The command line: commands that call the verbs and print what they yield. No logic."""

from sfumato.cli.main import main

__all__ = ["main"]
