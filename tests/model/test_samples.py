"""Samples in memory of runs with words: sheets and notebooks show the words."""

from __future__ import annotations

import base64
import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sfumato.media.audio.medium import AudioMedium
from sfumato.media.audio.settings import AudioSettings
from sfumato.media.image.sheet import sheet
from sfumato.run import open_run
from sfumato.training.train import planned, train

PROMPTS = ["a <b>red</b> bird", "\U0001f34e"]


@pytest.fixture
def run(tmp_path: Path, own_pictures: Path, tiny: tuple[str, ...]) -> Path:
    """A run with words."""
    for number, path in enumerate(own_pictures.rglob("*.png")):
        path.with_suffix(".txt").write_text(f"picture {number}")
    list(train(own_pictures, planned("image-words", steps=1, changes=tiny), "a", tmp_path / "runs"))
    return tmp_path / "runs/a"


def test_images_have_their_words_below(run: Path, tmp_path: Path) -> None:
    made = open_run(run).sample(prompts=PROMPTS, n=2)
    expected = sheet(np.stack(list(made)), captions=PROMPTS)
    assert made.sheet() == expected
    page = made._repr_html_()
    content = page.partition("base64,")[2].partition('"')[0]
    with Image.open(io.BytesIO(base64.b64decode(content))) as shown:
        assert shown.tobytes() == expected.tobytes()
    made.save(tmp_path / "out")
    with Image.open(tmp_path / "out/sheet.png") as written:
        assert written.tobytes() == expected.tobytes()


def test_words_that_are_drawn_from_the_data_are_shown_too(run: Path) -> None:
    made = open_run(run).sample(n=2)
    words = [str((origin.conditions or {})["words"]) for origin in made.provenance]
    assert all(text.startswith("picture ") for text in words)
    assert made.sheet() == sheet(np.stack(list(made)), captions=words)


def test_players_have_their_words_below_as_plain_text() -> None:
    medium = AudioMedium(AudioSettings(rate=4_000, seconds=0.25, channels="mono"))
    clips = [np.zeros((1, 100), np.float32)] * 2
    first, second = medium.html(clips, PROMPTS).splitlines()
    assert first.endswith("</audio><div>a &lt;b&gt;red&lt;/b&gt; bird</div>")
    assert second.endswith("</audio><div>\U0001f34e</div>")
    assert "<div>" not in medium.html(clips)
