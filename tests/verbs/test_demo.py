"""The demonstrations with other data and smaller networks: from nothing to files."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import soundfile
from PIL import Image

from sfumato.media.image.provenance import read_recipe
from sfumato.training import source
from sfumato.training import train as training
from sfumato.training.train import planned
from sfumato.verbs import demo
from sfumato.verbs.demo_parts import Finished, Note

LINE = "Shall I compare thee to a summer's day? Thou art more lovely and more temperate."

Demonstration = Callable[[demo.DemoName, Path, tuple[str, ...]], list[Any]]


@pytest.fixture
def demonstration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Demonstration:
    """The events of a demonstration that takes its data from a folder, in three steps."""
    monkeypatch.chdir(tmp_path)

    def run(what: demo.DemoName, data: Path, changes: tuple[str, ...]) -> list[Any]:
        monkeypatch.setattr(source, "fetch", lambda name: SimpleNamespace(path=data))
        monkeypatch.setattr(
            training,
            "planned_for",
            lambda source, options, begun: planned(
                options.recipe or what, int(options.minutes), changes=changes
            ),
        )
        return list(demo.run(what, 3.0, "shown"))

    return run


def shown(finished: Finished, *names: str) -> list[Path]:
    """The named files, each of which has a line of its own."""
    paths = [finished.files[name] for name in names]
    assert all(any(str(path) in line for line in finished.lines) for path in paths)
    return paths


def test_from_nothing_to_new_images(
    demonstration: Demonstration, pictures: Path, tiny: tuple[str, ...]
) -> None:
    finished = demonstration("image", pictures, tiny)[-1]
    assert isinstance(finished, Finished)
    assert finished.directory.root == Path("runs/shown")
    files = shown(finished, "new images", "one emerging", "new over nearest real")
    assert len(list(files[0].parent.glob("0*.png"))) == 64
    for path in files:
        with Image.open(path) as picture:
            picture.load()
    # Noise of an untrained network is far from every image, as are other images of noise.
    assert finished.figures["distance"] > 20
    assert finished.figures["reference"] > 20


def test_from_nothing_to_new_audio(
    demonstration: Demonstration, sounds: Path, tiny_sounds: tuple[str, ...]
) -> None:
    events = demonstration("audio", sounds, tiny_sounds)
    notes = [event.text for event in events if isinstance(event, Note)]
    assert "drums and other short sounds" in notes[0]
    finished = events[-1]
    assert isinstance(finished, Finished)
    assert finished.directory.root == Path("runs/shown")
    folder, sheet, emerging, comparison = shown(
        finished, "new audio clips", "spectrograms", "one emerging", "new over nearest real"
    )
    assert len(list(folder.glob("0*.wav"))) == 32
    for path in (sheet, comparison):
        with Image.open(path) as picture:
            picture.load()
    assert soundfile.info(emerging).frames > 1000
    # Noise of an untrained network is like none of the clips, which are like each other.
    assert 0 < finished.figures["likeness"] < 0.8
    assert finished.figures["likeness"] < finished.figures["reference"] <= 1


def test_from_nothing_to_new_texts(
    demonstration: Demonstration, tmp_path: Path, tiny_text: tuple[str, ...]
) -> None:
    draw = random.Random(0)
    lines = [" ".join(draw.sample(LINE.split(), 9)) for _ in range(200)]
    (tmp_path / "verse.txt").write_text("\n".join(lines))
    events = demonstration("text", tmp_path / "verse.txt", (*tiny_text, "medium.context=64"))
    finished = events[-1]
    assert isinstance(finished, Finished)
    assert finished.directory.root == Path("runs/shown")
    folder = finished.files["new texts"].parent
    assert len(finished.files["new texts"].read_text().splitlines()) == 2
    assert finished.files["emerging"].is_file()
    assert any(str(folder) in line for line in finished.lines)
    start = finished.lines.index("'Shall I compare thee to a ____ day?' becomes") + 1
    filled, after = finished.lines[start : start + 4], finished.lines[start + 4]
    assert all(text.startswith("  Shall I compare thee to a ") for text in filled)
    assert after == ""


def test_from_nothing_to_pictures_of_words(
    demonstration: Demonstration, captioned: Path, tiny: tuple[str, ...]
) -> None:
    finished = demonstration("words", captioned, tiny)[-1]
    assert isinstance(finished, Finished)
    prompts, between, region, real = shown(
        finished,
        "pictures of prompts",
        "from one to another",
        "two in one picture",
        "new below real",
    )
    words = [read_recipe(path)["conditions"]["words"] for path in sorted(prompts.parent.glob("0*"))]
    held_out = [text for text in words if text.startswith("picture")]
    assert held_out and len(words) == len(held_out) + 12
    assert "red heart" in words
    assert f"first {len(held_out)} prompts" in "".join(finished.lines)
    assert len(list(between.parent.glob("0*.png"))) == 8
    assert len(list(region.parent.glob("0*.png"))) == 1
    with Image.open(real) as picture:
        # As many columns as there are pairs, each at least 128 pixels wide.
        assert picture.width == 10 + len(held_out) * (128 + 10)


@pytest.fixture
def captioned(own_pictures: Path) -> Path:
    """Pictures that each have a caption of their own."""
    for number, path in enumerate(sorted(own_pictures.rglob("*.png"))):
        path.with_suffix(".txt").write_text(f"picture {number}\nnumber {number}")
    return own_pictures
