from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest
import soundfile
from PIL import Image

from sfumato.training import source
from sfumato.training import train as training
from sfumato.training.train import planned
from sfumato.verbs import demo
from sfumato.verbs.demo import Note
from sfumato.verbs.demo_audio import Playing


def test_from_nothing_to_new_sounds(
    tmp_path: Path,
    sounds: Path,
    tiny_sounds: tuple[str, ...],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The real demonstration with other data and a smaller network."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(source, "fetch", lambda name: SimpleNamespace(path=sounds))
    monkeypatch.setattr(
        training,
        "planned_for",
        lambda source, options: planned("audio", int(options.minutes), changes=tiny_sounds),
    )
    events = list(demo.run("audio", 3.0, "shown"))
    notes = [event.text for event in events if isinstance(event, Note)]
    assert "drums and other short sounds" in notes[0]
    finished = events[-1]
    assert isinstance(finished, Playing)
    assert finished.directory.root == Path("runs/shown")
    assert len(finished.written.out.files) == 32
    for path in (finished.written.out.sheet, finished.comparison):
        with Image.open(path) as picture:
            picture.load()
    assert soundfile.info(finished.emerging).frames > 1000
    said = "\n".join(finished.lines())
    for shown in (finished.written.folder, finished.emerging, finished.comparison):
        assert str(shown) in said
    # Noise of an untrained network is like none of the sounds, which are like each other.
    assert 0 < finished.likeness < 0.8
    assert finished.likeness < finished.reference <= 1
