"""What reads files that nobody vouches for, and sound files of each kind to begin with."""

from __future__ import annotations

import gzip
import io
import json
import re
import tarfile
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from xml.parsers import expat

import numpy as np
import soundfile
import torch
from PIL import Image
from torch import nn

from sfumato import storage
from sfumato.catalogue.archive import read_members
from sfumato.data.metadata import Notes
from sfumato.engine import tensor_file
from sfumato.engine.optimizers import AdamW
from sfumato.engine.saved import parse_state, require_slots
from sfumato.errors import DataError
from sfumato.imaging.drawing import read_drawing
from sfumato.media.audio import provenance as sound_recipe
from sfumato.media.image import provenance as recipe_chunk
from sfumato.media.image.open import open_image
from sfumato.media.text.documents import read_documents
from sfumato.media.text.medium import read_tokenizer
from sfumato.media.text.settings import TextSettings
from sfumato.media.text.tokenizer import BPETokenizer
from sfumato.media.text.tokens import ByteTokenizer, CharacterTokenizer
from sfumato.restoration.jpeg_file import observation_of
from sfumato.restoration.kernel_file import kernel_from
from sfumato.runs import spec as specs
from sfumato.sound.open import read_audio

_DRAW = np.random.default_rng(0)
_SVG = (
    b'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 10 10"><defs><g id="a"><circle r="2"/>'
    b'</g></defs><use href="#a" x="5" y="5" fill="red"/><path d="M0 0L9 9z"/></svg>'
)
# As emoji are drawn: a prologue, groups with attributes of the program, strokes, and rounded paths.
_EMOJI = b"""<?xml version="1.0" encoding="UTF-8"?>
<svg id="emoji" viewBox="0 0 72 72" xmlns="http://www.w3.org/2000/svg">
  <g id="color">
    <path fill="#FCEA2B" d="M36,13c-12.6823,0-23,10.3177-23,23c0,12.6822,10.3177,23,23,23
      c12.6822,0,23-10.3178,23-23 C59,23.3177,48.6822,13,36,13z"/>
    <ellipse cx="36" cy="47" rx="9" ry="4.5" transform="rotate(-5 36 47)" style="fill:#d22f27"/>
  </g>
  <g id="line" fill="none" stroke="#000" stroke-linecap="round" stroke-width="2">
    <circle cx="36" cy="36" r="23"/><polyline points="26,30 30,33 34,30"/>
    <path d="M45.8149,44.9293 c-2.8995,1.6362-6.2482,2.5699-9.8149,2.5699
      s-6.9153-0.9336-9.8149-2.5699"/>
  </g>
</svg>
"""
# As drawing programs save: a document type, name spaces, gradients, a style, masks, text, an image.
_DOCUMENT = b"""<?xml version="1.0" standalone="no"?>
<!DOCTYPE svg PUBLIC "-//W3C//DTD SVG 1.1//EN" "svg11.dtd">
<!-- Drawn by hand -->
<svg:svg xmlns:svg="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink"
  width="48px" height="32px" viewBox="0 0 48 32" version="1.1">
  <svg:style><![CDATA[ .a { fill: url(#g); stroke: rgb(10, 20, 30) } ]]></svg:style>
  <svg:defs>
    <svg:linearGradient id="g" x1="0" x2="100%"><svg:stop offset="0" stop-color="gold"/>
      <svg:stop offset="1" stop-color="teal" stop-opacity=".5"/></svg:linearGradient>
    <svg:clipPath id="c"><svg:rect width="40" height="20"/></svg:clipPath>
    <svg:filter id="f"><svg:feGaussianBlur stdDeviation="1"/><svg:feOffset dx="1"/></svg:filter>
    <svg:symbol id="s" viewBox="0 0 4 4"><svg:path d="M0 0h4v4q-2 1 -4 0z"/></svg:symbol>
  </svg:defs>
  <svg:g clip-path="url(#c)" filter="url(#f)">
    <svg:rect class="a" width="30" height="20" rx="3"/></svg:g>
  <svg:use xlink:href="#s" x="20" y="8" width="8" height="8"/>
  <svg:text x="2" y="28" font-size="6">&lt;a&gt; &#233;</svg:text>
</svg:svg>
"""


@dataclass(frozen=True)
class Case:
    """A kind of file.

    Attributes:
        file: A name for one.
        read: Who reads it.
        seeds: Sound ones.
    """

    file: str
    read: Callable[[Path], object]
    seeds: list[bytes]


def _pictures() -> list[bytes]:
    pixels = _DRAW.integers(0, 256, (24, 20, 4), np.uint8)
    seeds = []
    for kind in ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF", "PPM", "TGA", "ICO"):
        buffer = io.BytesIO()
        mode = "RGBA" if kind in ("PNG", "WEBP", "TGA") else "RGB"
        Image.fromarray(pixels).convert(mode).save(buffer, kind)
        seeds.append(buffer.getvalue())
    return seeds


def _sounds() -> list[bytes]:
    seconds = np.arange(2000) / 8000
    tone = 0.5 * np.sin(2 * np.pi * 440 * seconds)
    seeds = []
    for kind, subtype in (
        ("WAV", "PCM_16"), ("WAV", "FLOAT"), ("FLAC", "PCM_16"), ("OGG", "VORBIS"),
        ("MP3", "MPEG_LAYER_III"), ("AIFF", "PCM_16"), ("AU", "PCM_16"), ("CAF", "PCM_16"),
    ):  # fmt: skip
        buffer = io.BytesIO()
        soundfile.write(buffer, tone, 8000, format=kind, subtype=subtype)
        seeds.append(buffer.getvalue())
    return seeds


def _recipes(folder: Path) -> list[bytes]:
    recipe = {"seed": 3, "index": 1, "prompt": "größer", "steps": [1, 2, 3]}
    recipe_chunk.write_png(folder / "r.png", np.zeros((4, 4, 3), np.uint8), recipe)
    return [(folder / "r.png").read_bytes()]


def _sound_recipes(folder: Path) -> list[bytes]:
    seeds = []
    for suffix in ("wav", "flac"):
        path = folder / f"r.{suffix}"
        sound_recipe.write_audio(path, np.zeros((400, 1)), 8000, {"seed": 3, "index": 1})
        seeds.append(path.read_bytes())
    return seeds


def _tensors(folder: Path) -> list[bytes]:
    path = folder / "t.safetensors"
    tensors = {"weight": torch.randn(6, 5), "bias": torch.randn(5).bfloat16()}
    tensor_file.write_sealed(path, tensors, {"step": "4"})
    return [path.read_bytes()]


_MEMBERS = {"a/one.txt": b"one" * 50, "two.bin": bytes(range(256))}


def _zip() -> list[bytes]:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as out:
        for name, data in _MEMBERS.items():
            out.writestr(name, data)
    return [buffer.getvalue()]


def _tar() -> list[bytes]:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for name, data in _MEMBERS.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return [buffer.getvalue()]


def _specs() -> list[bytes]:
    """With its seal, which finds most changes, and without, as of an earlier version."""
    path = Path(__file__).parents[1] / "frozen/format-1/pictures/run/spec.json"
    tree = storage.read_sealed_json(path)
    tree["data"]["attribution"] = "größe 🌊"
    loose = [json.dumps(tree, ensure_ascii=escaped).encode() for escaped in (False, True)]
    return [path.read_bytes(), *loose]


def _tokenizers(folder: Path) -> list[bytes]:
    seeds = []
    pieces = BPETokenizer.learn(["Ünder the seä, over the sea. " * 20], 300)
    for tokenizer in (CharacterTokenizer.learn(["Ünder the seä."]), ByteTokenizer(), pieces):
        storage.write_sealed_json(folder / "t.json", tokenizer.to_json())
        seeds += [(folder / "t.json").read_bytes(), json.dumps(tokenizer.to_json()).encode()]
    return seeds


def _jsonl() -> list[bytes]:
    rows = [{"text": f"größe {n} \U0001f30a", "label": "ab"[n % 2]} for n in range(20)]
    wide = "\r\n".join(json.dumps(row, ensure_ascii=False) for row in rows).encode("utf-16")
    return [*_lines(rows), wide]


def _arrays() -> list[bytes]:
    rows = [{"text": f"linë {n}", "label": n} for n in range(9)]
    return [json.dumps(rows).encode(), json.dumps({"version": 1.5, "data": rows}).encode()]


def _packed() -> list[bytes]:
    return [gzip.compress(seed, mtime=0) for seed in _csv()]


def _csv() -> list[bytes]:
    plain = "\n".join(["text,label", *(f'"line, {n}",b' for n in range(20))])
    return [plain.encode(), plain.replace(",", ";").replace("i", "ï").encode("cp1252")]


def _notes() -> list[bytes]:
    return _lines([{"file_name": f"{n}.png", "label": "x", "text": "ü 🌊"} for n in range(9)])


def _lines(rows: list[dict[str, str]]) -> list[bytes]:
    """Lines of JSON, with characters as they are and as escapes."""
    return [
        "\n".join(json.dumps(row, ensure_ascii=escaped) for row in rows).encode()
        for escaped in (False, True)
    ]


def _broken_tables() -> list[bytes]:
    """Tables with quotes that do not end, in the wrong place, or around line breaks."""
    return [
        b'text,label\n"line one,a\nline two,b\n"line ""three"",a\n',
        b'text,label\n"a\nb",c\nd"e"f,g\n"h"i,j\n"k\n\nl,m\n',
        b'"text","label"\r\n"one, ""two""","a"\r\n"three""","b"\r\n',
    ]


def _states() -> list[bytes]:
    tree = {
        "step": 7, "samples": 28, "elapsed": 1.5, "progress": 0.5, "loss": [0.25, 0.5],
        "ema_steps": 7, "optimizer": {}, "slots": 3,
        "identity": {"batch": 4, "data": "0123abcd", "seed": 0},
    }  # fmt: skip
    return [json.dumps(tree, indent=1).encode(), json.dumps(tree, ensure_ascii=False).encode()]


def _read_state(path: Path) -> object:
    tree = storage.read_json(path)
    saved = parse_state(path, tree.pop("step", None), tree)
    weight = nn.Parameter(torch.zeros(2))
    optimizer = AdamW([{"params": [weight], "weight_decay": 0.0}], lr=0.1, betas=(0, 0), eps=0.1)
    slots = {f"größe/{name}": torch.zeros(of) for name, of in optimizer.slots_of(weight).items()}
    require_slots(path, saved, slots, {"größe": weight}, optimizer)
    return saved


def _notes_in_tables() -> list[bytes]:
    rows = ["file_name;label;split", *(f'"cats\\{n}.png";"ä ""{n}""";train' for n in range(9))]
    text = "\r\n".join(rows)
    return [text.encode(encoding) for encoding in ("utf-8-sig", "utf-16", "cp1252")]


def _elements() -> list[bytes]:
    """Elements that refer to others, or hold a picture: in an attribute, a prefix and a style."""
    return [
        b'<use href="#a"/><image href="data:image/png;base64,AA=="/><feImage xlink:href="#a"/>',
        b'<x:image xmlns:x="http://www.w3.org/2000/svg" href="#a"/><a href="https://a">a</a>',
        b'<rect fill="url(#a)" style="mask:url( &quot;#b&quot; )"/><g><!-- file:///a --></g>',
        b"<style>@font-face {src: url(#c)} .a {fill: url('#b')} /* url(a) */</style>",
    ]


def _read_elements(path: Path) -> object:
    """Read elements inside a drawing; what a renderer would get must name nothing outside it."""
    head = b'<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink"'
    try:
        drawing = read_drawing(head + b' viewBox="0 0 9 9">' + path.read_bytes() + b"</svg>")
    except ValueError as error:
        raise DataError("The drawing is refused.", why=str(error)) from error
    parser = expat.ParserCreate()
    parser.StartElementHandler = _require_nothing_outside
    parser.Parse(drawing.text, True)
    return drawing


def _require_nothing_outside(_: str, attributes: dict[str, str]) -> None:
    for name, value in attributes.items():
        if name.rpartition(":")[2] in ("href", "src", "base"):
            target = re.sub(r"[\x00-\x20]+", "", value)
            assert not target or target.startswith(("#", "data:")), value
        for target in re.findall(r"""url\(["'\s]*(.)""", value.lower()):
            assert target in "#)", value


def _read_picture(path: Path) -> object:
    return open_image(path, 1 << 22, 32)


def _read_sound(path: Path) -> object:
    return read_audio(path, 60.0)


def _jpegs() -> list[bytes]:
    pixels = _DRAW.integers(0, 256, (20, 24, 3)).astype(np.uint8)
    ways = ({}, {"progressive": True}, {"restart_marker_blocks": 2, "subsampling": 0})
    targets = [io.BytesIO() for _ in ways]
    for target, way in zip(targets, ways, strict=True):
        Image.fromarray(pixels).save(target, "JPEG", **way)
    return [target.getvalue() for target in targets]


def _kernels() -> list[bytes]:
    targets = [io.BytesIO(), io.BytesIO()]
    np.save(targets[0], _DRAW.random((3, 5)))
    np.save(targets[1], _DRAW.integers(0, 9, 7))
    return [target.getvalue() for target in targets]


def _read_plain(path: Path) -> object:
    return list(read_documents(path, TextSettings()))


def _read_labelled(path: Path) -> object:
    return list(read_documents(path, TextSettings(label_field="label")))


def _read_tokenizer(path: Path) -> object:
    return read_tokenizer(path.parent)


def read_metadata(path: Path) -> object:
    """What a metadata file says."""
    notes = Notes(path.parent)
    notes.read(path.name)
    return notes


def _read_archive(path: Path) -> object:
    return read_members(path, re.compile(".*"))


CASES: Mapping[str, Callable[[Path], Case]] = {
    "pictures": lambda _: Case("picture.png", _read_picture, _pictures()),
    "drawings": lambda _: Case("drawing.svg", _read_picture, [_SVG, _EMOJI, _DOCUMENT]),
    "elements-of-drawings": lambda _: Case("elements", _read_elements, _elements()),
    "coefficients": lambda _: Case("picture.jpg", observation_of, _jpegs()),
    "kernels": lambda _: Case("kernel.npy", kernel_from, _kernels()),
    "sounds": lambda _: Case("sound.wav", _read_sound, _sounds()),
    "texts": lambda _: Case("text.txt", _read_plain, ["Ünder the seä.\n\n".encode() * 9]),
    "records.jsonl": lambda _: Case("records.jsonl", _read_labelled, _jsonl()),
    "records.csv": lambda _: Case("records.csv", _read_labelled, _csv()),
    "records.json": lambda _: Case("records.json", _read_labelled, _arrays()),
    "packed-records": lambda _: Case("records.csv.gz", _read_labelled, _packed()),
    "records-in-broken-tables": lambda _: Case("r.csv", _read_labelled, _broken_tables()),
    "state.json": lambda _: Case("state.json", _read_state, _states()),
    "metadata.jsonl": lambda _: Case("metadata.jsonl", read_metadata, _notes()),
    "metadata.csv": lambda _: Case("metadata.csv", read_metadata, _notes_in_tables()),
    "recipes-in-pictures": lambda p: Case("r.png", recipe_chunk.read_recipe, _recipes(p)),
    "recipes-in-sounds": lambda p: Case("r.wav", sound_recipe.read_recipe, _sound_recipes(p)),
    "spec.json": lambda _: Case("spec.json", specs.read, _specs()),
    "tokenizer.json": lambda p: Case("tokenizer.json", _read_tokenizer, _tokenizers(p)),
    "weights": lambda p: Case("t.safetensors", tensor_file.read_sealed, _tensors(p)),
    "zip": lambda _: Case("a.whl", _read_archive, _zip()),
    "tar": lambda _: Case("a.tgz", _read_archive, _tar()),
}
"""By a name, given a folder to make the sound files in."""
