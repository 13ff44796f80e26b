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

import numpy as np
import soundfile
import torch
from PIL import Image

from sfumato import storage
from sfumato.catalogue.archive import read_members
from sfumato.data.metadata import Notes
from sfumato.engine import tensor_file
from sfumato.media.audio import provenance as sound_recipe
from sfumato.media.image import provenance as recipe_chunk
from sfumato.media.image.open import open_image
from sfumato.media.text.documents import read_documents
from sfumato.media.text.medium import read_tokenizer
from sfumato.media.text.settings import TextSettings
from sfumato.media.text.tokenizer import BPETokenizer
from sfumato.media.text.tokens import ByteTokenizer, CharacterTokenizer
from sfumato.runs import spec as specs
from sfumato.sound.open import read_audio

_DRAW = np.random.default_rng(0)
_SVG = (
    b'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 10 10"><defs><g id="a"><circle r="2"/>'
    b'</g></defs><use href="#a" x="5" y="5" fill="red"/><path d="M0 0L9 9z"/></svg>'
)


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
    return [path.read_bytes(), json.dumps(storage.read_sealed_json(path)).encode()]


def _tokenizers(folder: Path) -> list[bytes]:
    seeds = []
    merged = BPETokenizer.learn(["under the sea, under the seä"] * 9, 270)
    for tokenizer in (CharacterTokenizer.learn(["Ünder the seä."]), ByteTokenizer(), merged):
        storage.write_sealed_json(folder / "t.json", tokenizer.to_json())
        seeds += [(folder / "t.json").read_bytes(), json.dumps(tokenizer.to_json()).encode()]
    return seeds


def _jsonl() -> list[bytes]:
    rows = [json.dumps({"text": f"linë {n}", "label": "ab"[n % 2]}) for n in range(20)]
    return ["\n".join(rows).encode(), "\r\n".join(rows).encode("utf-16")]


def _arrays() -> list[bytes]:
    rows = [{"text": f"linë {n}", "label": n} for n in range(9)]
    return [json.dumps(rows).encode(), json.dumps({"version": 1.5, "data": rows}).encode()]


def _packed() -> list[bytes]:
    return [gzip.compress(seed, mtime=0) for seed in _csv()]


def _csv() -> list[bytes]:
    plain = "\n".join(["text,label", *(f'"line, {n}",b' for n in range(20))])
    return [plain.encode(), plain.replace(",", ";").replace("i", "ï").encode("cp1252")]


def _notes() -> list[bytes]:
    rows = [json.dumps({"file_name": f"{n}.png", "label": "x", "text": "ü"}) for n in range(9)]
    return ["\n".join(rows).encode()]


def _notes_in_tables() -> list[bytes]:
    rows = ["file_name;label;split", *(f'"cats\\{n}.png";"ä ""{n}""";train' for n in range(9))]
    text = "\r\n".join(rows)
    return [text.encode(encoding) for encoding in ("utf-8-sig", "utf-16", "cp1252")]


def _read_picture(path: Path) -> object:
    return open_image(path, 1 << 22, 32)


def _read_sound(path: Path) -> object:
    return read_audio(path, 60.0)


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
    "drawings": lambda _: Case("drawing.svg", _read_picture, [_SVG]),
    "sounds": lambda _: Case("sound.wav", _read_sound, _sounds()),
    "texts": lambda _: Case("text.txt", _read_plain, ["Ünder the seä.\n\n".encode() * 9]),
    "records.jsonl": lambda _: Case("records.jsonl", _read_labelled, _jsonl()),
    "records.csv": lambda _: Case("records.csv", _read_labelled, _csv()),
    "records.json": lambda _: Case("records.json", _read_labelled, _arrays()),
    "packed records": lambda _: Case("records.csv.gz", _read_labelled, _packed()),
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
