"""Readers of files that nobody vouches for: thousands of mutations of each kind of file.

Whatever is in a file, it is read or an error of ours says why not; nothing crashes, hangs or takes
more memory than is stated here.
"""

from __future__ import annotations

import io
import json
import re
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from PIL import Image

from sfumato import storage
from sfumato.engine import tensor_file
from sfumato.engine.checkpoint import CheckpointStore
from sfumato.media import recipe_chunk
from sfumato.media.audio import sound_recipe
from sfumato.media.audio.open import read_sound
from sfumato.media.catalogue.archive import read_members
from sfumato.media.image_open import open_picture
from sfumato.media.metadata import read_metadata
from sfumato.media.text.documents import read_documents
from sfumato.media.text.settings import TextSettings
from sfumato.media.text.tokens import ByteTokenizer, CharacterTokenizer
from sfumato.run import spec as specs
from sfumato.run.directory import RunDirectory
from sfumato.run.text.data import read_tokenizer
from tests.faults.hammer import hammer
from tests.faults.tally import Tally

_MOST = 256.0
"""MiB that reading any one of these files may add."""

_DRAW = np.random.default_rng(0)
Read = Callable[[Path], object]


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
        sound_recipe.write_sound(path, np.zeros((400, 1)), 8000, {"seed": 3, "index": 1})
        seeds.append(path.read_bytes())
    return seeds


def _tensors(folder: Path) -> list[bytes]:
    path = folder / "t.safetensors"
    tensors = {"weight": torch.randn(6, 5), "bias": torch.randn(5).bfloat16()}
    tensor_file.write_sealed(path, tensors, {"step": "4"})
    return [path.read_bytes()]


def _archives(members: dict[str, bytes]) -> tuple[list[bytes], list[bytes]]:
    wheel, package = io.BytesIO(), io.BytesIO()
    with zipfile.ZipFile(wheel, "w", zipfile.ZIP_DEFLATED) as out:
        for name, data in members.items():
            out.writestr(name, data)
    with tarfile.open(fileobj=package, mode="w:gz") as archive:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return [wheel.getvalue()], [package.getvalue()]


def _exhausted(settings: TextSettings) -> Read:
    return lambda path: list(read_documents(path, settings))


def _specs(runs: Path) -> list[bytes]:
    """With its seal, which finds most changes, and without, as of an earlier version."""
    path = runs / "unet/spec.json"
    return [path.read_bytes(), json.dumps(storage.read_sealed_json(path)).encode()]


def _tokenizers(folder: Path) -> list[bytes]:
    seeds = []
    for tokenizer in (CharacterTokenizer.learn(["Ünder the seä."]), ByteTokenizer()):
        storage.write_sealed_json(folder / "t.json", tokenizer.to_json())
        seeds += [(folder / "t.json").read_bytes(), json.dumps(tokenizer.to_json()).encode()]
    return seeds


def _cases(folder: Path, runs: Path) -> dict[str, tuple[str, Read, list[bytes]]]:
    """By a name: a file's name, who reads it, and sound files."""
    wheel, package = _archives({"a/one.txt": b"one" * 50, "two.bin": bytes(range(256))})
    records = [json.dumps({"text": f"line {n}", "label": "ab"[n % 2]}) for n in range(20)]
    table = ["text,label", *(f'"line, {n}",b' for n in range(20))]
    notes = [json.dumps({"file_name": f"{n}.png", "label": "x", "text": "ü"}) for n in range(9)]
    labelled = TextSettings(label_field="label")
    svg = (
        b'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 10 10"><defs><g id="a"><circle r="2"'
        b'/></g></defs><use href="#a" x="5" y="5" fill="red"/><path d="M0 0L9 9z"/></svg>'
    )
    whole = lambda path: read_members(path, re.compile(".*"))  # noqa: E731
    picture = lambda path: open_picture(path, 1 << 22, 32)  # noqa: E731
    return {
        "pictures": ("picture.png", picture, _pictures()),
        "drawings (SVG)": ("drawing.svg", picture, [svg]),
        "sounds": ("sound.wav", lambda path: read_sound(path, 60.0), _sounds()),
        "texts": ("text.txt", _exhausted(TextSettings()), ["Ünder the seä.\n\n".encode() * 9]),
        "records (JSONL)": ("r.jsonl", _exhausted(labelled), ["\n".join(records).encode()]),
        "records (CSV)": ("r.csv", _exhausted(labelled), ["\n".join(table).encode()]),
        "metadata.jsonl": ("metadata.jsonl", read_metadata, ["\n".join(notes).encode()]),
        "recipes in PNG": ("r.png", recipe_chunk.read_recipe, _recipes(folder)),
        "recipes in sounds": ("r.wav", sound_recipe.read_recipe, _sound_recipes(folder)),
        "spec.json": ("spec.json", specs.read, _specs(runs)),
        "tokenizer.json": (
            "tokenizer.json",
            lambda path: read_tokenizer(RunDirectory(path.parent)),
            _tokenizers(folder),
        ),
        "weights (safetensors)": ("t.safetensors", tensor_file.read_sealed, _tensors(folder)),
        "archives (zip)": ("a.whl", whole, wheel),
        "archives (tar)": ("a.tgz", whole, package),
    }


# What cannot be used of these is set aside, and the rest is read.
_TOLERANT = ("texts", "metadata.jsonl")
_NAMES = (
    "pictures", "drawings (SVG)", "sounds", "texts", "records (JSONL)", "records (CSV)",
    "metadata.jsonl", "recipes in PNG", "recipes in sounds", "spec.json", "tokenizer.json",
    "weights (safetensors)", "archives (zip)", "archives (tar)",
)  # fmt: skip


@pytest.mark.parametrize("name", _NAMES)
def test_of_mutated(
    name: str,
    tmp_path: Path,
    finished_runs: Path,
    tally: Tally,
    count: Callable[..., int],
) -> None:
    fault = tally.fault(f"30 {name}", f"mutated {name}: read, or refused in our words")
    file, read, seeds = _cases(tmp_path, finished_runs)[name]
    folder = tmp_path / "input"
    folder.mkdir()
    blows = hammer(read, folder / file, seeds, count(150, 50), seed=len(name))
    for blow in blows:
        fault.survived += blow.inputs - len(blow.failures)
        fault.lost += len(blow.failures)
    assert not [failure for blow in blows for failure in blow.failures]
    assert max(blow.megabytes for blow in blows) < _MOST
    if name not in _TOLERANT:
        assert sum(blow.refused for blow in blows) > 0, "nothing was ever refused"


@pytest.mark.parametrize("part", ["manifest.json", "state.json", "weights.safetensors"])
def test_of_a_mutated_checkpoint(
    part: str,
    tmp_path: Path,
    finished_runs: Path,
    tally: Tally,
    count: Callable[..., int],
) -> None:
    """Whatever happens to one of its files, a checkpoint is never taken for a whole one."""
    fault = tally.fault(f"31 {part}", f"mutated {part} of a checkpoint: passed over")
    (source,) = (finished_runs / "unet/checkpoints").glob("step-*")
    store = CheckpointStore(tmp_path / "checkpoints")
    place = store.directory / source.name
    place.mkdir(parents=True)
    for file in source.iterdir():
        (place / file.name).write_bytes(file.read_bytes())
    seeds = [(place / part).read_bytes()]
    blows = hammer(lambda _: store.load_latest(), place / part, seeds, count(60, 5), seed=7)
    for blow in blows:
        fault.survived += blow.inputs - len(blow.failures)
        fault.lost += len(blow.failures)
    assert not [failure for blow in blows for failure in blow.failures]
    inputs, refused = sum(b.inputs for b in blows), sum(b.refused for b in blows)
    # A mutation may leave a file as it was, or change the blanks of a manifest.
    assert refused > 0.9 * inputs
