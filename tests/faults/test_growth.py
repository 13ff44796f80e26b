"""Every reader takes time in proportion to its file: twice the file, at most 2.5 times as long.

Files are made larger until they take long enough to be measured, or until they have half a
megabyte, which a reader in the square of its input does not read in that time.
"""

from __future__ import annotations

import io
import json
import tarfile
import zipfile
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from sfumato.engine import tensor_file
from sfumato.errors import SfumatoError
from sfumato.media.audio import provenance as sound_recipe
from sfumato.media.image import provenance as recipe_chunk
from tests.faults.readers import CASES
from tests.growth import seconds as time_of

_LONG = 0.05
"""Seconds from which a time says something."""
_WIDE = 2.5
_MOST_BYTES = 1 << 19
Make = Callable[[int, Path], bytes]


def _rows(make: Callable[[int], str], count: int, _: Path) -> bytes:
    return "\n".join(map(make, range(count))).encode()


def _around(before: str, part: str, after: str, count: int, _: Path) -> bytes:
    return (before + part * count + after).encode()


def _picture(count: int, _: Path) -> bytes:
    return b"P6 512 %d 255\n" % count + bytes(512 * 3 * count)


def _attributes(count: int) -> bytes:
    attributes = " ".join(f'a{number}="1"' for number in range(count))
    return f"{_SVG}<circle r='1' {attributes}/></svg>".encode()


def _sound(count: int, _: Path) -> bytes:
    buffer = io.BytesIO()
    soundfile.write(buffer, np.zeros(500 * count), 16000, format="WAV", subtype="PCM_16")
    return buffer.getvalue()


def _recipe(count: int) -> dict[str, object]:
    return {f"größe {number}": number for number in range(count)}


def _recipe_in_picture(count: int, folder: Path) -> bytes:
    recipe_chunk.write_png(folder / "r.png", np.zeros((4, 4, 3), np.uint8), _recipe(count))
    return (folder / "r.png").read_bytes()


def _recipe_in_sound(count: int, folder: Path) -> bytes:
    sound_recipe.write_audio(folder / "r.wav", np.zeros((400, 1)), 8000, _recipe(count))
    return (folder / "r.wav").read_bytes()


def _tensors(count: int, folder: Path) -> bytes:
    tensors = {f"tensor.{number}": torch.zeros(8) for number in range(count)}
    tensor_file.write_sealed(folder / "t.safetensors", tensors, {"step": "4"})
    return (folder / "t.safetensors").read_bytes()


def _zip(count: int, _: Path) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as out:
        for number in range(count):
            out.writestr(f"folder/{number}.txt", "text")
    return buffer.getvalue()


def _tar(count: int, _: Path) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for number in range(count):
            archive.addfile(tarfile.TarInfo(f"folder/{number}.txt"))
    return buffer.getvalue()


def _spec(part: str, count: int, _: Path) -> bytes:
    (seed, *_rest) = CASES["spec.json"](Path()).seeds
    tree = json.loads(seed)
    del tree["sha256"]
    names = [f"class {number}" for number in range(count)]
    tree["data"] |= {"classes": names, "frequencies": [1 / count] * count}
    tree["data"]["attribution"] = part * count
    return json.dumps(tree).encode()


def _characters(count: int, _: Path) -> bytes:
    # A character tokenizer; the letters beyond those are no letters of any text.
    return json.dumps(
        {"kind": "characters", "characters": "".join(map(chr, range(0x100, 0x100 + count)))}
    ).encode()


def _state(count: int, _: Path) -> bytes:
    tree = json.loads(CASES["state.json"](Path()).seeds[0])
    tree["optimizer"] = {f"größe/{number}": 1.0 for number in range(count)}
    return json.dumps(tree).encode()


_SVG = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9 9">'
_CELL = '"one, ""two""",a\n'
LARGE: Mapping[str, Mapping[str, Make]] = {
    "pictures": {"rows": _picture},
    "drawings": {
        "elements": partial(_around, _SVG, '<circle r="1"/>', "</svg>"),
        "a comment": partial(_around, "<!--", "a <!- -> ", f"-->{_SVG}</svg>"),
        "comments": partial(_around, "", "<!-- a -->\n", f"{_SVG}</svg>"),
        "blanks": partial(_around, "", " \n", f"{_SVG}</svg>"),
        "no end of the root": partial(_around, "", "<svg ", ""),
        "attributes": lambda count, _: _attributes(count),
        "a text": partial(_around, f"{_SVG}<text>", "&lt;a ", "</text></svg>"),
    },
    "sounds": {"samples": _sound},
    "texts": {
        "lines": partial(_rows, lambda n: f"line {n}"),
        "a line": partial(_around, "", "word ", ""),
        "paragraphs": partial(_rows, lambda n: f"text {n}\n"),
        "no UTF-8": lambda count, _: b"\xff\xfe\xc3" * count,
    },
    "records.jsonl": {
        "rows": partial(_rows, lambda n: json.dumps({"text": f"ä {n}", "label": "a"})),
        "bad rows": partial(_rows, lambda n: "{" * (n % 3)),
        "halves": partial(_rows, lambda n: '{"text": "\\ud800 a"}'),
    },
    "records.csv": {
        "rows": partial(_rows, lambda n: f"text {n},label" if n else "text,label"),
        "an open quote": partial(_around, 'text,label\n"', "a,b\n", ""),
        "cells": partial(_around, "text,label\n", _CELL, ""),
    },
    "records-in-broken-tables": {
        "open quotes": partial(_around, "text,label\n", '"a\nb",c\nd"e"f,g\n"h\n', ""),
        "cells with an end": partial(_around, "text,label\nhello,a\n", 'x","\n', ""),
        "quotes": partial(_around, "text,label\n", '"', ""),
        "one quote a line": partial(_around, "text,label\n", '"a\n', ""),
    },
    "records.json": {
        "rows": partial(
            _around, "[", '{"text": "ä", "label": "a"},', '{"text": "b", "label": "a"}]'
        ),
        "no end": partial(_around, "[", '{"text": "ä", "label": "a"},', ""),
        "brackets": partial(_around, "", "[", ""),
    },
    "metadata.jsonl": {
        "rows": partial(_rows, lambda n: json.dumps({"file_name": f"{n}.png", "text": "ü"})),
        "the same": partial(_rows, lambda n: '{"file_name": "a.png"}'),
        "bad rows": partial(_rows, lambda n: "[" * (n % 5)),
    },
    "metadata.csv": {
        "rows": partial(_rows, lambda n: f"{n}.png,a" if n else "file_name,label"),
        "an open quote": partial(_around, 'file_name,label\n"', "a,b\n", ""),
    },
    "recipes-in-pictures": {"entries": _recipe_in_picture},
    "recipes-in-sounds": {"entries": _recipe_in_sound},
    "spec.json": {"classes": partial(_spec, ""), "a text": partial(_spec, "ü ")},
    "state.json": {"entries": _state},
    "tokenizer.json": {"characters": _characters},
    "weights": {"tensors": _tensors},
    "zip": {"members": _zip},
    "tar": {"members": _tar},
}
"""Files of each kind in several shapes, by the number of their parts."""

# No format allows more parts.
_MOST: Mapping[str, int] = {
    "tokenizer.json": 50_000,
    "zip": 60_000,
    "tar": 60_000,
    "recipes-in-pictures": 30_000,
    "recipes-in-sounds": 30_000,
}


def _shapes(name: str) -> Mapping[str, Make]:
    return LARGE.get(name) or {"repeated": lambda n, at: CASES[name](at).seeds[0] * n}


@pytest.mark.parametrize(
    ("name", "shape"), [(name, shape) for name in CASES for shape in _shapes(name)]
)
def test_of_time(name: str, shape: str, tmp_path: Path) -> None:
    case, make = CASES[name](tmp_path), _shapes(name)[shape]
    folder = tmp_path / "input"
    folder.mkdir()
    path = folder / case.file
    for seed in case.seeds[:1]:
        path.write_bytes(seed)
        case.read(path)  # Whatever the reader imports is imported.

    def read() -> None:
        with suppress(SfumatoError):
            case.read(path)

    def seconds(count: int) -> float:
        path.write_bytes(make(count, tmp_path))
        return time_of(read)

    count, most = 256, _MOST.get(name, 1 << 30)
    while seconds(count) < _LONG and path.stat().st_size < _MOST_BYTES and 8 * count <= most:
        count *= 4
    for part in (count, 2 * count, count, 2 * count):
        # The machine may have been busy, and a reader may work differently from some size on; but
        # one in the square of its input is never within the bound.
        one, two = seconds(part), seconds(2 * part)
        if two < _LONG or two < _WIDE * one:
            return
    pytest.fail(f"{part} parts take {one:.3f} s, and twice as many {two:.3f} s")
