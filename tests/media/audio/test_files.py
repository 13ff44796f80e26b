from __future__ import annotations

from pathlib import Path

from sfumato.media.audio.files import AUDIO
from sfumato.media.data.index import scan


def test_sounds_are_found_by_their_suffix(tmp_path: Path) -> None:
    for name in ("a.WAV", "b.mp3", "deep/c.flac", "d.opus", "e.txt", "f.raw", "g.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    found = [item.path for item in scan(tmp_path, AUDIO).items]
    assert found == ["a.WAV", "b.mp3", "d.opus", "deep/c.flac"]
