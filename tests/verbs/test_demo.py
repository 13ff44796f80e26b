from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest
from PIL import Image

from sfumato.training import source
from sfumato.training import train as training
from sfumato.training.train import planned
from sfumato.verbs import demo
from sfumato.verbs.demo_image import Pictures


def test_from_nothing_to_proof(
    tmp_path: Path,
    pictures: Path,
    tiny: tuple[str, ...],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The real demonstration with other data and a smaller network."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(source, "fetch", lambda name: SimpleNamespace(path=pictures))
    monkeypatch.setattr(
        training,
        "planned_for",
        lambda source, options: planned("image", int(options.minutes), changes=tiny),
    )
    events = list(demo.run("images", 3.0, "shown"))
    finished = events[-1]
    assert isinstance(finished, Pictures)
    assert finished.directory.root == Path("runs/shown")
    assert len(list(finished.sheet.parent.glob("0*.png"))) == 64
    for path in (finished.sheet, finished.strip, finished.comparison):
        with Image.open(path) as picture:
            picture.load()
        assert any(str(path) in line for line in finished.lines())
    # Noise of an untrained network is far from every picture, as are other pictures of noise.
    assert finished.distance > 20
    assert finished.reference > 20
