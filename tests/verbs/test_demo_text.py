from __future__ import annotations

import random
from pathlib import Path
from types import SimpleNamespace

import pytest

from sfumato.training import source
from sfumato.training import train as training
from sfumato.training.train import planned
from sfumato.verbs import demo
from sfumato.verbs.demo_text import Writing

LINE = "Shall I compare thee to a summer's day? Thou art more lovely and more temperate."


def test_from_nothing_to_new_texts(
    tmp_path: Path, tiny_text: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The real demonstration with other data and a smaller network."""
    draw = random.Random(0)
    lines = [" ".join(draw.sample(LINE.split(), 9)) for _ in range(200)]
    (tmp_path / "verse.txt").write_text("\n".join(lines))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(source, "fetch", lambda name: SimpleNamespace(path=tmp_path / "verse.txt"))
    changes = (*tiny_text, "medium.context=64")
    monkeypatch.setattr(
        training,
        "planned_for",
        lambda source, options: planned("text", int(options.minutes), changes=changes),
    )
    finished = list(demo.run("text", 3.0, "shown"))[-1]
    assert isinstance(finished, Writing)
    assert finished.directory.root == Path("runs/shown")
    assert len(finished.written.out.texts) == 2
    assert len(finished.filled) == 4
    said = "\n".join(finished.lines())
    assert str(finished.written.folder) in said
    for one in finished.filled:
        assert one.text.startswith("Shall I compare thee to a ")
        assert one.text in said
