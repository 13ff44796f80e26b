from __future__ import annotations

import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest

from sfumato.cli import main
from tests.cli.said import Said


@pytest.fixture
def sfumato(capsys: pytest.CaptureFixture[str]) -> Callable[..., Said]:
    def run(*arguments: str | Path) -> Said:
        capsys.readouterr()
        code = 0
        try:
            main([str(argument) for argument in arguments])
        except SystemExit as ended:
            code = int(ended.code or 0)
        return Said(code, *capsys.readouterr())

    return run


@pytest.fixture
def refused(sfumato: Callable[..., Said]) -> Callable[..., Said]:
    """Runs a command that must fail with one clear message and a way out."""

    def run(*arguments: str | Path, code: int = 2) -> Said:
        said = sfumato(*arguments)
        assert said.code == code, said
        assert "Traceback" not in said.err
        assert said.err.startswith("error: ")
        assert said.err.count("error: ") == 1
        assert "  hint: " in said.err or "  why: " in said.err
        assert len(said.err.splitlines()) <= 3
        return said

    return run


@pytest.fixture
def tiny_options(tiny: tuple[str, ...]) -> list[str]:
    """The settings of a tiny run as options."""
    return [word for change in tiny for word in ("--set", change)]


@pytest.fixture
def bomb() -> Callable[[Path], None]:
    return write_bomb


def write_bomb(path: Path, side: int = 12_000) -> None:
    """A PNG of a few hundred kilobytes that decodes to side x side pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        check = zlib.crc32(kind + data)
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", check)

    squeezed = zlib.compressobj(9)
    row = b"\0" * (1 + side)
    data = b"".join([*(squeezed.compress(row) for _ in range(side)), squeezed.flush()])
    header = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b"")
    )
