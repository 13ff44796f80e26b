"""What Sfumato wrote is known by its marks, and nothing else is taken for it."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sfumato.data.building import open_or_build
from sfumato.data.index import scan
from sfumato.data.marks import MADE_BY_SFUMATO, is_output, is_run, is_text_output
from sfumato.data.selection import Selection
from sfumato.data.walk import count_suffixes, walk
from sfumato.errors import DataError
from sfumato.media.audio.folder import write_sequence
from sfumato.media.audio.provenance import write_audio
from sfumato.media.folder import save_png
from sfumato.media.image.medium import ImageMedium, ImageSettings
from sfumato.media.image.open import IMAGES
from sfumato.media.image.provenance import write_png
from sfumato.media.text.folder import TextFolder

MEDIUM = ImageMedium(ImageSettings(size=8, channels="rgb"))
PIXELS = np.full((8, 8, 3), 7, np.uint8)
SPEC = {"version": "1", "recipe": {}, "data": {"source": "x"}}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two classes of images, among what Sfumato made."""
    root = tmp_path / "data"
    for number, name in enumerate(("cats/1", "cats/sheet", "dogs/1", "dogs/00001", "latest")):
        path = root / f"{name}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(PIXELS * number).save(path)
    for name in ("data-check", "samples/sheet", "samples/00000-from-noise", "dogs/nearest"):
        (root / "samples").mkdir(exist_ok=True)
        save_png(Image.fromarray(PIXELS), root / f"{name}.png")
    for name in ("samples/00000", "cats/renamed", "dogs/00002"):
        write_png(root / f"{name}.png", PIXELS, {"seed": 0})
    shutil.copy(root / "samples/00000.png", root / "samples/99999.png")
    for name in ("runs/r/previews/latest", "runs/r/samples/x/anything"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(PIXELS).save(root / f"{name}.png")
    (root / "runs/r/spec.json").write_text(json.dumps(SPEC))
    return root


def test_outputs_are_no_items(folder: Path, tmp_path: Path) -> None:
    index = scan(folder, IMAGES)
    data = open_or_build(index, MEDIUM, tmp_path / "cache")
    own = ["cats/1.png", "cats/sheet.png", "dogs/00001.png", "dogs/1.png", "latest.png"]
    assert [item.path for item in data.items] == own
    assert data.label_counts == {"cats": 2, "dogs": 2}
    ours = {one.path for one in data.rejected if one.reason.startswith(MADE_BY_SFUMATO)}
    samples = {f"samples/{name}.png" for name in ("00000", "00000-from-noise", "99999", "sheet")}
    others = {"cats/renamed.png", "dogs/00002.png", "dogs/nearest.png", "data-check.png"}
    assert ours == samples | others | {"runs/r"}
    assert count_suffixes(folder)[".png"] == len(own) + len(ours) - 1


def test_the_cache_is_no_data(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "cache/datasets").mkdir(parents=True)
    shutil.copy(folder / "cats/1.png", folder / "cache/datasets/1.png")
    monkeypatch.setenv("SFUMATO_CACHE", str(folder / "cache"))
    index = scan(folder, IMAGES)
    assert not any(item.path.startswith("cache") for item in index.items)
    assert ("cache", f"{MADE_BY_SFUMATO}: the cache") in index.rejected
    assert len(scan(folder / "cache/datasets", IMAGES)) == 1


def test_outputs_can_be_asked_for(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"data\.outputs=true"):
        scan(folder / "samples", IMAGES)
    index = scan(folder / "samples", IMAGES, Selection(outputs=True))
    items = open_or_build(index, MEDIUM, tmp_path / "cache").items
    assert [item.path for item in items] == ["00000.png", "99999.png"]  # Sheets never are.
    with pytest.raises(DataError, match=r"made by Sfumato"):
        list(open_or_build(scan(folder / "runs", IMAGES), MEDIUM, tmp_path / "cache"))


def test_renamed_samples_are_no_data_either(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "only").mkdir()
    shutil.copy(folder / "samples/00000.png", tmp_path / "only/mine.png")
    with pytest.raises(DataError, match=r"data\.outputs=true"):
        open_or_build(scan(tmp_path / "only", IMAGES), MEDIUM, tmp_path / "cache")


@pytest.mark.parametrize("suffix", [".wav", ".flac"])
def test_sounds(tmp_path: Path, suffix: str) -> None:
    pytest.importorskip("soundfile")
    clip = np.zeros((100, 1), np.float32)
    write_audio(tmp_path / f"sample{suffix}", clip, 8000, {"seed": 0})
    write_sequence(tmp_path / f"row{suffix}", clip.T[None], 8000)
    write_audio(tmp_path / f"plain{suffix}", clip, 8000, None)
    marked = {path.stem: is_output(path) for path in tmp_path.iterdir()}
    assert marked == {"sample": True, "row": True, "plain": False}


@pytest.mark.parametrize("content", [b"", b"RIFF", b"fLaC", b"\x89PNG\r\n\x1a\n", b"{" * 100_000])
@pytest.mark.parametrize("suffix", [".png", ".wav", ".flac", ".jpg"])
def test_broken_files_are_no_outputs(tmp_path: Path, content: bytes, suffix: str) -> None:
    path = tmp_path / f"x{suffix}"
    path.write_bytes(content)
    assert not is_output(path)
    assert not is_output(tmp_path / f"missing{suffix}")


@pytest.mark.parametrize("name", ["sheet.png", "spec.json", "samples.jsonl"])
def test_pipes_of_these_names_are_never_opened(tmp_path: Path, name: str) -> None:
    for number in range(2):
        Image.fromarray(PIXELS * number).save(tmp_path / f"0000{number}.png")
    os.mkfifo(tmp_path / name)
    index = scan(tmp_path, IMAGES)
    assert [item.path for item in index.items] == ["00000.png", "00001.png"]
    assert [(one.path, one.reason) for one in index.rejected] == [(name, "is a pipe and no file")]
    assert not is_output(tmp_path / name)
    assert not is_text_output(tmp_path / name)
    assert not is_run(str(tmp_path), [name])


def test_texts(tmp_path: Path) -> None:
    folder = TextFolder(tmp_path)
    folder.add([7], ["a text"], [{"sfumato": "1", "seed": 0}])
    folder.add_trajectory(7, [{"t": 1.0, "text": "?"}])
    (tmp_path / "a.txt").write_text("a text")
    assert [file.path for file in walk(tmp_path) if file[1:2] != (MADE_BY_SFUMATO,)] == ["a.txt"]
    found = walk(tmp_path, Selection(outputs=True))
    assert [file.path for file in found] == ["a.txt", "samples.jsonl", "trajectory.jsonl"]


@pytest.mark.parametrize(
    "line", ["", "{", '{"text": "a"}', '{"text": "a", "recipe": "soup"}', "[]"]
)
def test_texts_of_others(tmp_path: Path, line: str) -> None:
    (tmp_path / "samples.jsonl").write_text(line)
    assert not is_text_output(tmp_path / "samples.jsonl")


@pytest.mark.parametrize(
    ("spec", "names", "expected"),
    [
        (json.dumps(SPEC), [], True),
        ("{", [], False),
        ("[1]", [], False),
        ('{"version": 1, "recipe": {}, "data": []}', [], False),
        ("{", ["checkpoints/", "log.jsonl"], True),
        (None, ["checkpoints/", "log.jsonl"], False),
    ],
)
def test_runs(tmp_path: Path, spec: str | None, names: list[str], expected: bool) -> None:
    if spec is not None:
        (tmp_path / "spec.json").write_text(spec)
        names = [*names, "spec.json"]
    assert is_run(str(tmp_path), names) == expected
