"""The roof: commands that call ``sfumato.run`` and render what it yields. No logic."""

from sfumato.cli.main import main

__all__ = ["main"]
