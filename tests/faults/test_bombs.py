"""Small files that would become large ones: refused before they are, in little memory."""

from __future__ import annotations

import gzip
import io
import json
import re
import struct
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image, PngImagePlugin

from sfumato.catalogue.archive import read_members
from sfumato.errors import SfumatoError
from sfumato.media.image.open import open_image
from sfumato.media.image.provenance import read_recipe
from sfumato.media.text.documents import read_documents
from sfumato.media.text.settings import TextSettings
from sfumato.sound.open import read_audio
from tests.bomb import write_bomb
from tests.faults.hammer import measured
from tests.faults.readers import read_metadata
from tests.faults.tally import Tally

_MOST = 160.0
"""MiB that any of them may take."""

_ZEROS = b"\0" * (1 << 20)


def _png(folder: Path) -> Path:
    """12,000 x 12,000 pixels in 140 kB."""
    write_bomb(folder / "bomb.png")
    return folder / "bomb.png"


def _text_chunk(folder: Path) -> Path:
    """A PNG whose text is a hundred times as large as the file."""
    info = PngImagePlugin.PngInfo()
    info.add_text("sfumato", "x" * (64 << 20), zip=True)
    info.add_itxt("Comment", "y" * (64 << 20), zip=True)
    Image.new("RGB", (8, 8)).save(folder / "text.png", pnginfo=info)
    return folder / "text.png"


def _entities(folder: Path) -> Path:
    """An SVG of a billion laughs."""
    lines = ['<!ENTITY l0 "ha">']
    for n in range(1, 10):
        laughs = f"&l{n - 1};" * 10
        lines.append(f'<!ENTITY l{n} "{laughs}">')
    body = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9 9"><text>&l9;</text></svg>'
    (folder / "laughs.svg").write_text(f"<!DOCTYPE svg [{''.join(lines)}]>{body}")
    return folder / "laughs.svg"


def _uses(folder: Path) -> Path:
    """An SVG whose groups use one another, 10^9 shapes in all."""
    groups = ['<g id="g0"><rect width="1" height="1"/></g>']
    for n in range(1, 10):
        uses = f'<use href="#g{n - 1}"/>' * 10
        groups.append(f'<g id="g{n}">{uses}</g>')
    head = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9 9">'
    shown = f'<defs>{"".join(groups)}</defs><use href="#g9"/>'
    (folder / "uses.svg").write_text(f"{head}{shown}</svg>")
    return folder / "uses.svg"


def _zip(folder: Path) -> Path:
    with zipfile.ZipFile(folder / "a.whl", "w", zipfile.ZIP_DEFLATED) as out:
        for number in range(2):
            with out.open(f"{number}.txt", "w", force_zip64=True) as member:
                for _ in range(100):
                    member.write(_ZEROS)
    return folder / "a.whl"


def _tar(folder: Path) -> Path:
    with gzip.open(folder / "a.tgz", "wb") as out:
        info = tarfile.TarInfo("large")
        info.size = 4 << 30
        out.write(info.tobuf())
        for _ in range(300):
            out.write(_ZEROS)
    return folder / "a.tgz"


def _wav(folder: Path) -> Path:
    """A header that claims four gigabytes."""
    size = 2**32 - 100
    header = struct.pack(
        "<4sI4s4sIHHIIHH", b"RIFF", size, b"WAVE", b"fmt ", 16, 1, 1, 8000, 16000, 2, 16
    )
    (folder / "a.wav").write_bytes(header + struct.pack("<4sI", b"data", size) + b"\0" * 100)
    return folder / "a.wav"


def _line(folder: Path) -> Path:
    """A line of 300 MB in a table of texts."""
    with (folder / "a.jsonl").open("wb") as out:
        out.write(b'{"text": "')
        for _ in range(300):
            out.write(b"x" * (1 << 20))
        out.write(b'"}\n{"text": "short"}\n')
    return folder / "a.jsonl"


def _notes(folder: Path) -> Path:
    with (folder / "metadata.jsonl").open("wb") as out:
        out.write(json.dumps({"file_name": "a.png", "text": "x"}).encode() + b"\n")
        for _ in range(300):
            out.write(b"x" * (1 << 20))
    return folder / "metadata.jsonl"


def _picture(path: Path) -> object:
    return open_image(path, 1 << 24, 64)


def _archive(path: Path) -> object:
    return read_members(path, re.compile(".*"))


def _documents(path: Path) -> object:
    return list(read_documents(path, TextSettings()))


def _sound(path: Path) -> object:
    return read_audio(path, 600.0)


_CASES: dict[str, tuple[Callable[[Path], Path], Callable[[Path], object], bool]] = {
    "picture": (_png, _picture, True),
    "text of a picture": (_text_chunk, read_recipe, True),
    "picture with such a text": (_text_chunk, _picture, False),
    "entities of a drawing": (_entities, _picture, True),
    "uses of a drawing": (_uses, _picture, True),
    "zip": (_zip, _archive, True),
    "tar": (_tar, _archive, True),
    "sound": (_wav, _sound, False),
    "line of a table": (_line, _documents, False),
    "line of metadata": (_notes, read_metadata, False),
}
"""How each is made, who reads it, and whether there is nothing to be had from it."""


@pytest.mark.parametrize("name", _CASES)
def test_of(name: str, tmp_path: Path, tally: Tally) -> None:
    fault = tally.fault("36", "bombs: refused or passed over, in little memory")
    make, read, refused = _CASES[name]
    path = make(tmp_path)
    small = tmp_path / "small.png"
    Image.new("L", (4, 4)).save(small)
    open_image(small, 1 << 24, 64)

    def attempt() -> str:
        try:
            read(path)
        except SfumatoError as error:
            return f"refused: {error}"
        return "read"

    with fault.trial():
        said, megabytes, seconds = measured(attempt)
        if refused:
            assert said.startswith("refused"), said
        assert megabytes < _MOST, said
        assert seconds < 20, said


def test_the_bombs_are_small(tmp_path: Path) -> None:
    """Or they would be no bombs."""
    assert _png(tmp_path).stat().st_size < 200_000
    assert _uses(tmp_path).stat().st_size < 10_000
    assert len(gzip.compress(io.BytesIO(_ZEROS).read())) < 2000
